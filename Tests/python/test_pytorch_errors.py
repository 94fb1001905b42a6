"""What PyTorch refuses is refused, with a message that names the values."""

import os
import subprocess
import sys

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import _native, nn


@pytest.mark.parametrize("kind", [betty.int64, betty.int32, betty.uint8], ids=str)
@pytest.mark.parametrize(
    "divide",
    [
        lambda x, y: x // y,
        lambda x, y: x % y,
        betty.fmod,
        lambda x, y: betty.div(x, y, rounding_mode="floor"),
        lambda x, y: betty.div(x, y, rounding_mode="trunc"),
    ],
)
def test_integers_are_not_divided_by_zero(divide, kind):
    x = betty.tensor([5, 6], dtype=kind)
    for zero in (0, betty.tensor([1, 0], dtype=kind), betty.tensor(0, dtype=kind)):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            divide(x, zero).tolist()
    assert divide(x, 4).tolist() == divide(x, betty.full_like(x, 4)).tolist()
    assert divide(x[:0], 0).tolist() == []
    assert not np.isfinite(divide(x.float(), 0).numpy()).any()  # floats have an answer


def test_a_run_goes_on_after_a_division_by_zero():
    x = betty.tensor([6, 6])
    for divisor, want in [(0, None), (4, [1, 1]), (0, None), (3, [2, 2])]:
        if want is None:
            with pytest.raises(RuntimeError, match=r"the divisor at position 0 is 0"):
                (x // divisor).tolist()
        else:
            assert (x // divisor).tolist() == want


@pytest.mark.parametrize(
    "make",
    [
        lambda: betty.tensor(300, dtype=betty.uint8),
        lambda: betty.tensor([1, 256], dtype=betty.uint8),
        lambda: betty.tensor(300.0, dtype=betty.uint8),
        lambda: betty.tensor(np.int64(300), dtype=betty.uint8),
        lambda: betty.tensor(2**31, dtype=betty.int32),
        lambda: betty.tensor([[2**31]], dtype=betty.int32),
        lambda: betty.tensor(float("nan"), dtype=betty.int64),
        lambda: betty.tensor([float("inf")], dtype=betty.int64),
        lambda: betty.full((2,), 300, dtype=betty.uint8),
        lambda: betty.zeros(2, dtype=betty.uint8).fill_(300),
    ],
)
def test_numbers_that_a_type_does_not_hold(make):
    with pytest.raises(RuntimeError, match=r"cannot be converted to .* without overflow"):
        make()


def test_numbers_that_a_type_holds():
    assert betty.tensor([255, -1, -255], dtype=betty.uint8).tolist() == [255, 255, 1]
    assert betty.tensor(1.5, dtype=betty.uint8).item() == 1
    assert betty.tensor(2**63 - 1, dtype=betty.int64).item() == 2**63 - 1
    assert betty.tensor(np.array([300]), dtype=betty.uint8).tolist() == [44]
    assert betty.tensor(1e6, dtype=betty.float16).item() == float("inf")


@pytest.mark.parametrize("bad", [1.5, -0.5, float("nan")])
def test_probabilities(bad):
    good = betty.tensor([0.5, 0.5])
    wrong = betty.tensor([0.5, bad])
    for call in (
        lambda: F.binary_cross_entropy(wrong, good).item(),
        lambda: F.binary_cross_entropy(good, wrong).item(),
        lambda: betty.bernoulli(wrong).tolist(),
        lambda: betty.zeros(2).bernoulli_(wrong).tolist(),
    ):
        with pytest.raises(RuntimeError, match="between 0 and 1, the one at position 1 is not"):
            call()
    for call in (lambda: betty.bernoulli(good, bad), lambda: betty.zeros(2).bernoulli_(bad)):
        with pytest.raises(RuntimeError, match=r"p to be in \[0, 1\]"):
            call()


def test_probabilities_keep_their_gradients():
    p = betty.tensor([0.25, 0.5], requires_grad=True)
    F.binary_cross_entropy(p, betty.tensor([1.0, 0.0]), reduction="sum").backward()
    np.testing.assert_allclose(p.grad.numpy(), [-4.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: nn.init.normal_(betty.zeros(2), 0, -1), "std >= 0.0, but found std -1"),
        (lambda: betty.zeros(2).normal_(0, -1), "std >= 0.0, but found std -1"),
        (lambda: betty.normal(0.0, -1.0, (2,)), "std >= 0.0, but found std -1.0"),
        (lambda: betty.zeros(2).uniform_(2, 1), "from=2 > to=1"),
        (lambda: betty.zeros(2).exponential_(-1), "lambda=-1"),
        (lambda: betty.zeros(2).geometric_(2), r"\(0, 1\), but got p=2"),
    ],
)
def test_distributions_that_there_are_not(draw, words):
    with pytest.raises(RuntimeError, match=words):
        draw()


@pytest.mark.parametrize(
    ("name", "value"),
    [("BETTY_ISA", "foo"), ("BETTY_NUM_THREADS", "abc"), ("BETTY_NUM_THREADS", "0")],
)
def test_variables_that_make_no_sense_are_named(name, value):
    program = "import betty; print((betty.ones(2) + 1).tolist(), betty.get_num_threads() > 0)"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[2.0, 2.0] True\n"
    assert run.stderr.startswith(f"betty: {name}={value} is ignored, it has to be ")
    assert run.stderr.count("\n") == 1


def test_dlpack_goes_to_the_processor_only():
    x = betty.ones(2)
    for wrong in ({"dl_device": (2, 0)}, {"stream": 1}):
        with pytest.raises(BufferError, match="__dlpack__"):
            x.__dlpack__(**wrong)
    copied = betty.from_dlpack(x.__dlpack__(dl_device=(1, 0), copy=True))
    assert copied.tolist() == [1.0, 1.0]
    assert copied.data_ptr() != x.data_ptr()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: betty.set_num_threads(-3), RuntimeError, "got -3"),
        (lambda: betty.set_num_threads(10**12), RuntimeError, "need 1 to 256"),
        (lambda: betty.zeros(2.5), TypeError, "zeros: size must be integers, got float"),
        (lambda: betty.ones(2, 2.5), TypeError, "ones: size must be integers, got float"),
        (lambda: betty.full("a", 1), TypeError, "full: size must be integers, got str"),
        (lambda: betty.randint(0, 5, 2.5), TypeError, "randint: size must be"),
        (
            lambda: betty.autograd.grad(betty.ones(1, requires_grad=True).sum(), 5),
            TypeError,
            "grad: inputs must be a Tensor or several, got int",
        ),
        (
            lambda: betty.kthvalue(betty.ones(3), betty.ones(2, 3)),
            TypeError,
            r"^kthvalue: option 'k' takes no Tensor, got one of shape \[2, 3\]$",
        ),
        (lambda: betty.var(betty.ones(3), betty.ones(2, 3)), TypeError, "^var: option 'dim'"),
        (lambda: betty.sum(betty.ones(3), object()), TypeError, "option 'dim' cannot be of type"),
        (
            lambda: F.leaky_relu(betty.ones(1), betty.tensor(0.1, requires_grad=True)),
            TypeError,
            "takes no Tensor that requires grad",
        ),
        (lambda: betty.poisson(2.5), TypeError, "poisson: the first operand must be a Tensor"),
        (lambda: betty.numel(b"x"), TypeError, "numel: .* got bytes"),
        (lambda: betty.split(2.5, 1), TypeError, "split: .* got float"),
        (lambda: F.softmax((), 1), TypeError, "softmax: .* got tuple"),
        (lambda: F.log_softmax(2.5), TypeError, "log_softmax: input must be a Tensor"),
        (lambda: _native.operation("nope"), KeyError, "'nope', near it are mode, ne, norm"),
        (lambda: _native.restore_random(1, -1), ValueError, "position must not be negative"),
    ],
)
def test_messages(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("label", [5, -5])
@pytest.mark.parametrize("backward", [False, True])
def test_a_label_out_of_range_is_named(label, backward):
    scores = betty.zeros(2, 3, requires_grad=True)
    loss = F.cross_entropy(scores, betty.tensor([1, label]))
    with pytest.raises(IndexError, match=f"^cross_entropy: label {label} is out of range for 3"):
        if backward:
            betty.autograd.grad(loss, scores)[0].tolist()
        else:
            loss.item()


def test_functions_keep_their_names():
    assert betty.numel.__name__ == "numel"
    assert betty.numel.__module__ == "betty"
    with pytest.raises(AttributeError, match="no_such_thing"):
        betty.numel(betty.ones(1)).no_such_thing


P3 = betty.ones(2, 3, 4)
NOT_TAKEN = [
    (lambda: F.pad(betty.ones(3), (2, 1), "reflect"), NotImplementedError, "1 dimensions"),
    (lambda: F.pad(P3[None], (2, 1), "circular"), NotImplementedError, r"f32\[1, 2, 3, 4\]"),
    (lambda: F.pad(P3, (1,) * 6, "replicate"), NotImplementedError, "3 dimensions"),
    (lambda: F.pad(P3, (-2, -2), "replicate"), RuntimeError, "leaves nothing"),
    (lambda: F.max_pool1d(P3, 3, None, 2, 2), RuntimeError, "at most half of kernel size"),
    (lambda: F.avg_pool3d(P3[None], 3, ceil_mode=True), RuntimeError, "smaller than kernel"),
    (lambda: F.adaptive_avg_pool2d(P3, -1), RuntimeError, "0 or more, got -1"),
    (lambda: F.adaptive_max_pool2d(P3, (-1, 2)), RuntimeError, "0 or more"),
    (lambda: F.group_norm(betty.ones(1, 6, 1), 6), ValueError, "more than 1 value"),
    (lambda: F.softshrink(betty.ones(2), -0.1), RuntimeError, "lambd must be 0 or more"),
    (lambda: P3.masked_fill(P3 > 0, P3), RuntimeError, "value must be a number or 0-d"),
    (lambda: P3[0, 0].masked_fill(betty.ones(4).byte(), 1), RuntimeError, "mask must be bool"),
    (
        lambda: F.cross_entropy(P3, P3, ignore_index=1),
        RuntimeError,
        "goes with class indices, got 1",
    ),
    (lambda: F.cross_entropy(P3, P3[..., 1:]), RuntimeError, "probabilities must be"),
    (lambda: betty.ones(3)[1.0], IndexError, "got float"),
    (lambda: betty.diff(betty.ones(3), -1), RuntimeError, "order must be 0 or more, got -1"),
    (
        lambda: F.scaled_dot_product_attention(P3, P3, P3, dropout_p=1.5),
        RuntimeError,
        "between 0 and 1, but got 1.5",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), NOT_TAKEN)
def test_what_pytorch_does_not_take(call, error, words):
    with pytest.raises(error, match=words):
        call()
