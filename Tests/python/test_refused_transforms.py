"""Transforms, scalers and parameters without a shape, asked for what they can't give."""

import betty
import pytest
from betty import nn, optim
from betty.autograd import functional

X = betty.ones(2)
STRICT = [
    (functional.jacobian, lambda x: x.detach(), (), "Output 0 .* does not require gradients"),
    (functional.vjp, lambda x: betty.ones(2), (X,), "does not require gradients"),
    (functional.jvp, lambda x: betty.ones(2), (X,), "does not require gradients"),
    (functional.hessian, lambda x: x.sum(), (), "does not require gradients"),
    (functional.hvp, lambda x: x.sum(), (X,), "hvp: the gradient .* input 0 is independent"),
    (functional.vhp, lambda x: x.sum(), (X,), "vhp: the gradient .* input 0 is independent"),
]


@pytest.mark.parametrize(("transform", "function", "rest", "words"), STRICT)
def test_strict_transforms(transform, function, rest, words):
    transform(function, X, *rest)
    with pytest.raises(RuntimeError, match=words):
        transform(function, X, *rest, strict=True)


def test_strict_transforms_of_several_inputs():
    with pytest.raises(RuntimeError, match=r"Output 0 .* is independent of input 1"):
        functional.jacobian(lambda x, y: x * 2, (X, X), strict=True)
    found = functional.hessian(lambda x: (x**3).sum(), X, strict=True)
    assert found.tolist() == [[6.0, 0.0], [0.0, 6.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda f: betty.func.vjp(f, X),
        lambda f: betty.func.jvp(f, (X,), (X,)),
        lambda f: betty.func.jacrev(f)(X),
        lambda f: betty.func.jacfwd(f)(X),
    ],
)
def test_functions_that_give_no_tensor(call):
    with pytest.raises(RuntimeError, match="the function must return only tensors, got int"):
        call(lambda x: 3)


def test_a_scaler_that_scaled_nothing():
    weight = nn.Parameter(betty.ones(1))
    optimizer = optim.SGD([weight], lr=0.5)
    scaler = betty.amp.GradScaler("cpu")
    for call in (lambda: scaler.step(optimizer), lambda: scaler.unscale_(optimizer), scaler.update):
        with pytest.raises(AssertionError, match="nothing was scaled yet"):
            call()
    scaled = scaler.scale(weight.sum())
    with pytest.raises(AssertionError, match="no parameter of the optimizer has a gradient"):
        scaler.step(optimizer)
    scaler.update()
    scaled.backward()
    scaler.step(optimizer)
    assert weight.item() == 0.5


def test_a_parameter_without_a_shape():
    layer = nn.LazyLinear(3)
    for use in (lambda w: w.sum(), lambda w: w.numel(), lambda w: w + 1, lambda w: 1 - w, len):
        with pytest.raises(ValueError, match="attempted to use an uninitialized parameter"):
            use(layer.weight)
    assert layer.weight.requires_grad and layer.double().weight.dtype is betty.float64
    layer(betty.ones(2, 4, dtype=betty.float64))
    assert layer.weight.numel() == 12 and (layer.weight + 1).shape == (3, 4)
