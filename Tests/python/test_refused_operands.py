"""Operands that PyTorch refuses though an operation could take them, and in which class."""

import io

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn
from betty.utils.data import DataLoader, RandomSampler

X = betty.ones(2)
WIDE = betty.ones(2, dtype=betty.float64)


def stored():
    file = io.BytesIO()
    betty.save({"a": X}, file)
    file.seek(0)
    return file


def leaf(size=2):
    return betty.ones(size, requires_grad=True)


DRAWS = [
    (lambda: betty.normal(betty.zeros(2), betty.tensor([-1.0, 1.0])), "normal: .*std >= 0.0"),
    (lambda: betty.zeros(2).cauchy_(0, -1), "cauchy_: expects sigma > 0.0, but found sigma=-1"),
    (lambda: betty.zeros(2).log_normal_(0, 0), "log_normal_: expects std > 0.0, but found std=0"),
    (lambda: betty.randint(0, 1000, (5,), dtype=betty.uint8), r"high - 1 must be in \[0, 255\]"),
    (lambda: betty.randint(3, (5,), dtype=betty.bool), r"high - 1 must be in \[0, 1\].* got 2"),
    (lambda: betty.randint(-1, 5, (5,), dtype=betty.uint8), "low must be in .* got -1"),
    (lambda: betty.Generator(device="cuda"), "'cuda' is not available"),
]
TYPES = [
    (lambda: betty.allclose(X, WIDE), "allclose: other must be betty.float32"),
    (lambda: betty.isclose(X, X.long()), "isclose: other must be betty.float32"),
    (lambda: X.lerp(WIDE, 0.5), "lerp: end must be betty.float32"),
    (lambda: betty.lerp(X, X, WIDE), "lerp: weight must be"),
    (lambda: X.clone().heaviside_(WIDE), "heaviside: values must be"),
    (lambda: betty.meshgrid(X, X.long(), indexing="ij"), "vectors of one type"),
]
OTHERS = [
    (lambda: betty.meshgrid(betty.ones(2, 2), indexing="ij"), r"got betty.float32\[2, 2\]"),
    (lambda: betty.meshgrid(indexing="ij"), "meshgrid: takes one tensor at least"),
    (lambda: betty.histc(betty.tensor([1.0, float("nan")])), "histc: range of .* is not finite"),
    (lambda: X.index_reduce(0, betty.tensor([0]), X[:1], "sum"), "got 'sum'"),
    (lambda: betty.linalg.lstsq(betty.eye(2), X[:, None], driver="foo"), "driver .* got 'foo'"),
    (lambda: betty.rot90(betty.ones(3)), r"rot90: takes 2 dimensions at least, got \[3\]"),
    (lambda: betty.chain_matmul(betty.ones(2)), r"chain_matmul: takes matrices, got shape \[2\]"),
    (lambda: betty.load(stored(), map_location="cuda"), "'cuda' is not available"),
    (lambda: betty.load(stored(), map_location="foo"), "there is no device 'foo'"),
    (lambda: betty.save(X, "/nonexistent/x.pt"), "Parent directory '/nonexistent' does not exist"),
    (lambda: betty.tensor([1, None]), "Could not infer dtype of NoneType"),
    (lambda: nn.LazyConv2d(3, 3)(X), r"Expected 3D .* or 4D .* to LazyConv2d, .* \[2\]"),
    (lambda: F.multi_margin_loss(betty.ones(2, 3), betty.tensor([0, 5])), r"not in \[0, 2\]"),
    (
        lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, [5])(betty.ones(2, 4), betty.tensor([0, 12])),
        r"Target values should be in \[0, 9\]",
    ),
]


@pytest.mark.parametrize(("call", "words"), [*DRAWS, *TYPES, *OTHERS])
@pytest.mark.filterwarnings("ignore:chain_matmul")
def test_what_is_a_runtime_error(call, words):
    with pytest.raises(RuntimeError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ~X, "~ takes tensors of integers or bools"),
        (lambda: X @ 2, "unsupported operand"),
        (lambda: 2 @ X, "unsupported operand"),
        (lambda: betty.promote_types(betty.int32, "f"), "promote_types: .* got 'f'"),
        (lambda: betty.can_cast("a", "b"), "can_cast: .* got 'a'"),
        (lambda: X.type_as(3), "type_as: other must be a Tensor, got int"),
        (lambda: X.expand_as(3), "expand_as: other must be a Tensor"),
        (lambda: X.reshape_as("a"), "reshape_as: other must be a Tensor, got str"),
        (lambda: X.view_as(3), "view_as: other must be a Tensor"),
        (lambda: betty.empty(2, out=3), "out: .* must be a Tensor, got int"),
        (lambda: betty.add(X, 1, out=3), "out: .* must be a Tensor, got int"),
        (lambda: X.round(decimals=2.5), "round: decimals must be an int, got 2.5"),
        (lambda: betty.Size([1, "a"]), "Size: .* item 1 is a str"),
        (lambda: betty.Size([1, 2]) + [3], "joined with a tuple only, got list"),
        (lambda: betty.set_grad_enabled("a"), "set_grad_enabled: .* got 'a'"),
        (lambda: nn.Linear(2, 2).requires_grad_("a"), "requires_grad_: .* got 'a'"),
        (lambda: F.cross_entropy(betty.ones(2, 3), 3), "cross_entropy: target must be a Tensor"),
        (
            lambda: betty.func.functional_call(nn.Linear(2, 2), {"weight": 3}, X),
            "functional_call: 'weight' must be a Tensor, got int",
        ),
    ],
)
def test_what_is_a_type_error(call, words):
    with pytest.raises(TypeError, match=words):
        call()
    assert betty.is_grad_enabled()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.GaussianNLLLoss()(X, X, -X), "var has negative entry"),
        (lambda: betty.einsum("ij"), "einsum: takes an equation and tensors"),
        (lambda: DataLoader([], shuffle=True), "num_samples must be positive"),
        (lambda: F.cross_entropy(betty.ones(2, 3), betty.tensor([0, 1, 2])), "target must be"),
    ],
)
def test_what_is_a_value_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_what_is_still_taken():
    assert betty.lerp(X, X * 3, betty.tensor(0.5, dtype=betty.float64)).tolist() == [2.0, 2.0]
    assert betty.isclose(X, X).all() and betty.allclose(WIDE, WIDE)
    assert X.index_reduce(0, betty.tensor([0]), X[:1] * 5, "amax").tolist() == [5.0, 1.0]
    assert betty.Size([betty.tensor(3), np.int64(2)]) == (3, 2) and betty.Size() == ()
    assert type(X.shape) is betty.Size and X.shape + (3,) == (2, 3)
    assert (X @ X).item() == 2.0 and (~betty.tensor([True])).tolist() == [False]
    assert betty.randint(0, 256, (3,), dtype=betty.uint8).dtype is betty.uint8
    assert betty.load(stored(), map_location="cpu")["a"].tolist() == [1.0, 1.0]
    assert betty.load(stored(), map_location=lambda storage, place: storage)["a"].numel() == 2
    assert list(DataLoader([])) == [] and list(RandomSampler([], num_samples=2)) == []
    normal = betty.func.vmap(lambda s: betty.normal(betty.zeros(2), s), randomness="same")
    assert normal(betty.ones(3, 2)).shape == (3, 2)  # values of one example are not read


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize(
    "target",
    [betty.tensor([[0], [1]]), betty.tensor([0, 1], dtype=betty.int32), betty.tensor([0.0, 1.0])],
)
def test_targets_of_a_wrong_shape_or_type(loss, target):
    with pytest.raises(RuntimeError, match=r"target|probabilities"):
        loss(betty.ones(2, 3), target)


def test_gradients_of_nothing():
    for call in (
        lambda: betty.autograd.grad(leaf().sum(), []),
        lambda: leaf().sum().backward(inputs=[]),
    ):
        with pytest.raises(RuntimeError, match="inputs are empty"):
            call()
