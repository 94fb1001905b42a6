"""betty.nn.utils, and the initialisers that are not about fans."""

import math

import betty
import numpy as np
import pytest
from betty import nn
from betty.nn import init, utils


def parameters(*gradients):
    made = []
    for gradient in gradients:
        p = nn.Parameter(betty.zeros(len(gradient)))
        p.grad = betty.tensor(gradient)
        made.append(p)
    return made


def test_norms_of_gradients_are_clipped():
    given = [*parameters([3.0], [0.0, 4.0]), nn.Parameter(betty.zeros(2))]
    assert utils.clip_grad_norm_(given, 1.0).item() == 5
    np.testing.assert_allclose(given[1].grad.numpy(), [0, 0.8], rtol=1e-5)
    assert utils.clip_grad_norm_(iter(given), 10.0).item() == pytest.approx(1)
    np.testing.assert_allclose(given[0].grad.numpy(), [0.6], rtol=1e-5)
    assert utils.clip_grad_norm_(given, 0.4, math.inf).item() == pytest.approx(0.8)
    np.testing.assert_allclose(given[0].grad.numpy(), [0.3], rtol=1e-5)
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.clip_grad_norm_(parameters([math.nan]), 1.0, error_if_nonfinite=True)
    assert utils.clip_grad_norm_([], 1.0).item() == 0


def test_values_of_gradients_are_clipped():
    (p,) = parameters([-3.0, 0.5, 2.0])
    utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [-1, 0.5, 1]


def test_parameters_as_a_vector():
    model = nn.Linear(3, 2)
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (8,)
    vector.sum().backward()
    assert model.bias.grad.tolist() == [1, 1]
    weight = model.weight
    utils.vector_to_parameters(betty.arange(8.0), model.parameters())
    assert model.weight is weight
    assert model.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert model.bias.tolist() == [6, 7]
    with pytest.raises(RuntimeError, match="7 elements, the parameters 8"):
        utils.vector_to_parameters(betty.ones(7), model.parameters())


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 2, 3)])
def test_orthogonal(shape):
    x = init.orthogonal_(betty.empty(*shape), gain=2).reshape(shape[0], -1).numpy()
    product = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_dirac_keeps_channels():
    weight = init.dirac_(betty.empty(4, 2, 3, 3), groups=2)
    wanted = np.zeros((4, 2, 3, 3))
    for out, channel in ((0, 0), (1, 1), (2, 0), (3, 1)):
        wanted[out, channel, 1, 1] = 1
    np.testing.assert_array_equal(weight.numpy(), wanted)
    with pytest.raises(ValueError, match="do not divide by 3 groups"):
        init.dirac_(betty.empty(4, 2, 3), groups=3)


def test_sparse_and_eye():
    x = init.sparse_(betty.empty(20, 5), 0.3).numpy()
    assert ((x == 0).sum(0) == 6).all()
    assert 0.005 < x[x != 0].std() < 0.02
    assert init.eye_(betty.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_truncated_normal_and_generators():
    x = init.trunc_normal_(betty.empty(4000), std=2, a=-1, b=3).numpy()
    assert x.min() >= -1
    assert x.max() <= 3
    first = init.normal_(betty.empty(5), generator=betty.Generator().manual_seed(2))
    second = init.normal_(betty.empty(5), generator=betty.Generator().manual_seed(2))
    assert (first == second).all()
