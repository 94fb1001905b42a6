"""Derivatives of functions of one tensor against central differences in float64."""

import math

import betty
import numpy as np
import pytest

RNG = np.random.RandomState(5)


def image(*shape):
    return RNG.permutation(math.prod(shape)).reshape(shape) / 10.0 - 2.0


def check_derivatives(function, x):
    """The gradient and a Hessian product of sum(w y + y³ w / 9) against differences."""
    y = function(betty.from_numpy(x))
    weight = betty.from_numpy(RNG.randn(*y.shape))
    direction = RNG.randn(*x.shape)

    def gradient(point):
        point = betty.from_numpy(point).requires_grad_()
        y = function(point)
        (slope,) = betty.autograd.grad((weight * (y + y**3 / 9)).sum(), [point], create_graph=True)
        return point, slope

    def value(point):
        y = function(betty.from_numpy(point))
        return (weight * (y + y**3 / 9)).sum().item()

    point, slope = gradient(x)
    step = 1e-5
    difference = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    assert (slope.detach().numpy() * direction).sum() == pytest.approx(difference, rel=2e-6)
    (product,) = betty.autograd.grad((slope * betty.from_numpy(direction)).sum(), [point])
    ends = [gradient(x + s * step * direction)[1].detach().numpy() for s in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(
        product.numpy(), expected, atol=2e-5 * max(1, np.abs(expected).max())
    )
