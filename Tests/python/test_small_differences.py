"""Small things in which a program for PyTorch would notice a difference."""

import copy
import pickle
from collections import OrderedDict

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn


@pytest.mark.parametrize(
    ("names", "index", "left"),
    [
        ("a b c", 0, "0 1"), ("0 a 1", 0, "0 1"), ("a 0 b 3", 1, "0 1 2"), ("0 1 2", 1, "0 1"),
        ("a 0 1 2", slice(0, 2), "0 1"), ("0 a", -1, "0"),
    ],
)  # fmt: skip
def test_modules_that_are_left_are_numbered_anew(names, index, left):
    made = nn.Sequential(OrderedDict((name, nn.Linear(1, 1)) for name in names.split()))
    kept = list(made)
    del kept[index]
    del made[index]
    assert list(made._modules) == left.split()
    assert [a is b for a, b in zip(made, kept, strict=True)] == [True] * len(kept)


def stepped(kind, **options):
    w = nn.Parameter(betty.ones(1))
    optimizer = kind([w], **options)
    for _ in range(3):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
    return w, optimizer


def test_the_state_of_sgd_has_its_momentum_and_nothing_else():
    assert stepped(betty.optim.SGD, lr=0.1)[1].state_dict()["state"] == {}
    w, optimizer = stepped(betty.optim.SGD, lr=0.1)
    assert len(optimizer.state) == 0
    assert optimizer.state[w] == {}
    w, optimizer = stepped(betty.optim.SGD, lr=0.1, momentum=0.9)
    assert list(optimizer.state_dict()["state"][0]) == ["momentum_buffer"]
    assert len(optimizer.state) == 1


@pytest.mark.parametrize(
    "kind", [betty.optim.SGD, betty.optim.Adam], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("steps", [None, int, float, betty.tensor])
def test_numbers_of_steps_are_loaded_in_every_form(kind, steps):
    """As PyTorch shows them, and as files have them that were written before."""
    options = {"momentum": 0.9} if kind is betty.optim.SGD else {}
    w, optimizer = stepped(kind, lr=0.1, **options)
    state = optimizer.state_dict()
    if kind is betty.optim.Adam:
        assert state["state"][0]["step"].dtype is betty.float32
        assert state["state"][0]["step"].item() == 3
    if steps is not None:
        state["state"][0]["step"] = steps(3)
    other = nn.Parameter(w.detach().clone())
    second = kind([other], lr=1.0, **options)
    second.load_state_dict(state)
    for param, each in ((w, optimizer), (other, second)):
        param.grad = betty.ones(1)
        each.step()
    assert other.item() == w.item()


def test_groups_are_printed_apart():
    weights = [nn.Parameter(betty.ones(1)) for _ in range(2)]
    optimizer = betty.optim.SGD([{"params": [w], "lr": 0.5} for w in weights])
    lines = str(optimizer).splitlines()
    assert lines[:2] == ["SGD (", "Parameter Group 0"]
    assert lines[11:13] == ["", "Parameter Group 1"]
    assert lines[-2:] == ["    weight_decay: 0", ")"]


def test_numbers_of_several_elements():
    for count in (0, 2):
        x = betty.ones(count)
        for kind in (float, int, complex):
            with pytest.raises(ValueError, match="only one element tensors can be converted to"):
                kind(x)
        with pytest.raises(RuntimeError, match=f"a Tensor with {count} elements cannot be"):
            x.item()
    assert (float(betty.ones(1, 1)), int(betty.tensor([2.5])), complex(betty.tensor(3))) == (
        1,
        2,
        3,
    )


def test_functions_of_numpy_give_tensors():
    x, a = betty.tensor([1.0, 4.0]), np.array([1.0, 2.0])
    for found, values, dtype in (
        (np.sqrt(x), [1, 2], betty.float32),
        (np.add(x, a), [2, 6], betty.float64),
        (np.add(a, x), [2, 6], betty.float64),
        (np.maximum(x, 2), [2, 4], betty.float32),
        (np.isnan(x), [0, 0], betty.uint8),
        (np.matmul(np.eye(2), x), [1, 4], betty.float64),
        (np.add.reduce(x), 5, betty.float32),
        (np.modf(x)[1], [1, 4], betty.float32),
        (np.sqrt(betty.arange(2)), [0, 1], betty.float64),
    ):
        assert isinstance(found, betty.Tensor)
        assert found.dtype is dtype
        assert found.tolist() == values
    assert isinstance(np.add(x, 1j), np.ndarray)
    w = betty.ones(2, requires_grad=True)
    for call in (lambda: np.exp(w), lambda: np.add(a, w), lambda: np.add(x, w)):
        with pytest.raises(
            RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"
        ):
            call()
    assert isinstance(np.stack([x, x]), np.ndarray)


def test_layouts_and_formats_are_objects_of_their_classes():
    assert betty.ones(1).layout is betty.strided
    assert repr(betty.strided) == "betty.strided"
    assert isinstance(betty.strided, betty.layout)
    assert betty.ones(1).layout != betty.sparse_coo
    for form in (betty.contiguous_format, betty.channels_last, betty.preserve_format):
        assert isinstance(form, betty.memory_format)
        assert copy.deepcopy(form) is pickle.loads(pickle.dumps(form)) is form
        assert betty.ones(1).contiguous(memory_format=form).is_contiguous(memory_format=form)
    assert betty.ones(1).to(memory_format=betty.channels_last).tolist() == [1]


def test_element_types_that_are_not_there():
    for name, dtype in (("short", "int16"), ("char", "int8")):
        with pytest.raises(NotImplementedError, match=f"{name}: there is no element type {dtype}"):
            getattr(betty.ones(1), name)()


def test_old_names_of_interpolation():
    x = betty.arange(4.0).reshape(1, 1, 2, 2)
    with pytest.warns(UserWarning, match="upsample_bilinear` is deprecated"):
        smooth = F.upsample_bilinear(x, scale_factor=2)
    np.testing.assert_allclose(smooth[0, 0, 0], [0, 1 / 3, 2 / 3, 1], rtol=1e-6)
    with pytest.warns(UserWarning, match="upsample_nearest` is deprecated"):
        assert F.upsample_nearest(x, 3)[0, 0].tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (2, 6, 6)])
def test_decompositions_of_low_rank(shape):
    betty.manual_seed(0)
    factors = betty.randn(*shape[:-1], 3), betty.randn(*shape[:-2], 3, shape[-1])
    A = factors[0] @ factors[1]
    U, S, V = betty.svd_lowrank(A, q=4)
    assert (U.shape[-1], S.shape[-1], V.shape[-1]) == (4, 4, 4)
    np.testing.assert_allclose((U * S[..., None, :]) @ V.mT, A, atol=1e-4)
    expected = np.linalg.svd(A.numpy(), compute_uv=False)[..., :3]
    np.testing.assert_allclose(S[..., :3], expected, rtol=1e-4)
    U, S, V = betty.pca_lowrank(A, q=3)
    centred = A - A.mean(-2, keepdim=True)
    np.testing.assert_allclose((U * S[..., None, :]) @ V.mT, centred, atol=1e-4)
    assert betty.pca_lowrank(A)[1].shape[-1] == min(6, *shape[-2:])
    M = betty.ones(1, shape[-1])
    U, S, V = betty.svd_lowrank(A + M, q=3, M=M)
    np.testing.assert_allclose((U * S[..., None, :]) @ V.mT, A, atol=1e-4)
    for call in (betty.svd_lowrank, betty.pca_lowrank):
        with pytest.raises(ValueError, match="q"):
            call(A, q=9)


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ({}, [1.2470, 1.9576, 2.7737], [3.7762, 4.7581, 6.6382]),
        (
            {"nesterov": False, "weight_decay": 0.0},
            [1.2855, 2.0213, 2.8564], [3.8934, 4.9045, 6.8450],
        ),
        ({"adjust_lr_fn": "match_rms_adamw"}, [1.0725, 1.9481, 2.8601], [3.8438, 4.8185, 6.7380]),
    ],
)  # fmt: skip
def test_muon_takes_pytorchs_steps(options, first, last):
    """To the precision of its bfloat16."""
    w = nn.Parameter(betty.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]))
    optimizer = betty.optim.Muon([w], lr=0.1, **options)
    for _ in range(3):
        optimizer.zero_grad()
        (w**3).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(w.detach(), [first, last], atol=5e-3)
    tall = nn.Parameter(w.detach().T.clone())
    tall.grad = betty.ones(3, 2)
    betty.optim.Muon([tall], adjust_lr_fn="spectral_unclamped").step()
    for wrong in ({"lr": -1}, {"adjust_lr_fn": "x"}, {"momentum": -0.1}):
        with pytest.raises(ValueError, match="Muon: "):
            betty.optim.Muon([w], **wrong)
    with pytest.raises(ValueError, match="Muon only supports 2D parameters"):
        betty.optim.Muon([nn.Parameter(betty.ones(2))])


def test_sparse_adam_refuses_dense_gradients():
    w = nn.Parameter(betty.ones(2))
    optimizer = betty.optim.SparseAdam([w])
    optimizer.step()
    w.grad = betty.ones(2)
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        optimizer.step()
