"""Printing: the strings are PyTorch's own (2.13), with its name replaced."""

import betty
import pytest

CASES = [
    (lambda: betty.tensor([1.0, 2.0]), "tensor([1., 2.])"),
    (lambda: betty.tensor([1, -20]), "tensor([  1, -20])"),
    (lambda: betty.tensor([True, False]), "tensor([ True, False])"),
    (lambda: betty.tensor(3.5), "tensor(3.5000)"),
    (lambda: betty.tensor([]), "tensor([])"),
    (lambda: betty.zeros(2, 0), "tensor([], size=(2, 0))"),
    (
        lambda: betty.zeros(0, 3, dtype=betty.int32),
        "tensor([], size=(0, 3), dtype=betty.int32)",
    ),
    (lambda: betty.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (lambda: betty.tensor([1000.0, 0.001]), "tensor([1.0000e+03, 1.0000e-03])"),
    (lambda: betty.tensor([1e10, 1.0]), "tensor([1.0000e+10, 1.0000e+00])"),
    (lambda: betty.tensor([float("nan"), 1.0]), "tensor([nan, 1.])"),
    (lambda: betty.tensor([float("inf"), 1.5]), "tensor([   inf, 1.5000])"),
    (lambda: betty.ones(2, dtype=betty.float64), "tensor([1., 1.], dtype=betty.float64)"),
    (lambda: betty.ones(2, dtype=betty.bfloat16), "tensor([1., 1.], dtype=betty.bfloat16)"),
    (lambda: betty.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
    (
        lambda: betty.ones(2, requires_grad=True) * 2,
        "tensor([2., 2.], grad_fn=<MulBackward0>)",
    ),
    (
        lambda: betty.arange(4).reshape(1, 2, 2),
        "tensor([[[0, 1],\n         [2, 3]]])",
    ),
    (lambda: betty.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
    (
        lambda: betty.arange(12) / 7,
        "tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000, 1.1429,\n"
        "        1.2857, 1.4286, 1.5714])",
    ),
    (
        lambda: betty.arange(2000.0).reshape(500, 4),
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00, 3.0000e+00],\n"
        "        [4.0000e+00, 5.0000e+00, 6.0000e+00, 7.0000e+00],\n"
        "        [8.0000e+00, 9.0000e+00, 1.0000e+01, 1.1000e+01],\n"
        "        ...,\n"
        "        [1.9880e+03, 1.9890e+03, 1.9900e+03, 1.9910e+03],\n"
        "        [1.9920e+03, 1.9930e+03, 1.9940e+03, 1.9950e+03],\n"
        "        [1.9960e+03, 1.9970e+03, 1.9980e+03, 1.9990e+03]])",
    ),
]


@pytest.mark.parametrize(("make", "text"), CASES, ids=lambda c: None if callable(c) else c[:30])
def test_repr(make, text):
    assert repr(make()) == text


def test_sizes_types_and_devices():
    assert repr(betty.ones(2, 3).shape) == "betty.Size([2, 3])"
    assert repr(betty.float32) == "betty.float32"
    assert repr(betty.device("cuda:1")) == "device(type='cuda', index=1)"
    assert str(betty.ones(1).max(0)).startswith("betty.return_types.max(\nvalues=tensor(1.)")


def test_options():
    try:
        betty.set_printoptions(precision=2)
        assert repr(betty.tensor([1.2345])) == "tensor([1.23])"
        betty.set_printoptions(sci_mode=True)
        assert repr(betty.tensor([1.5])) == "tensor([1.50e+00])"
    finally:
        betty.set_printoptions(profile="default")
    assert repr(betty.tensor([1.2345])) == "tensor([1.2345])"


def test_format():
    assert f"{betty.tensor(1.23456):.2f}" == "1.23"
    assert f"{betty.tensor([1.0])}" == "tensor([1.])"
