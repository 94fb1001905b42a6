"""Transforms there and back, their Jacobians, and the sets they lead into."""

import betty
import betty.distributions as D
import numpy as np
import pytest

X = betty.tensor([0.3, -1.0, 2.0], dtype=betty.float64)
C = D.constraints

TRANSFORMS = {
    "stick": D.StickBreakingTransform(),
    "cat": D.CatTransform([D.ExpTransform(), D.SigmoidTransform()], lengths=[1, 2]),
    "stack": D.StackTransform([D.ExpTransform(), D.SigmoidTransform(), D.TanhTransform()]),
    "independent": D.IndependentTransform(D.SoftplusTransform(), 1),
    "reshape": D.ReshapeTransform((3,), (3, 1)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_there_and_back(name):
    transform = TRANSFORMS[name]
    y = transform(X)
    np.testing.assert_allclose(transform.inv(y), X, atol=1e-9)
    np.testing.assert_allclose(transform.inv.inv(X), y)
    assert tuple(transform.forward_shape((3,))) == tuple(y.shape)
    assert tuple(transform.inverse_shape(transform.forward_shape((4, 3)))) == (4, 3)
    change = transform.log_abs_det_jacobian(X, y).sum()

    def square(x):
        y = transform(x).reshape(-1)
        return y[:3]  # the last part of a stick follows from the others

    matrix = betty.autograd.functional.jacobian(square, X)
    expected = np.linalg.slogdet(matrix.numpy())[1]
    assert change.item() == pytest.approx(expected)


def test_softmax_is_no_bijection():
    transform = D.SoftmaxTransform()
    np.testing.assert_allclose(transform(transform.inv(transform(X))), transform(X))
    assert not transform.bijective and not D.ComposeTransform([transform]).bijective


SETS = {
    "real": C.real,
    "positive": C.positive,
    "greater": C.greater_than(2.0),
    "less": C.less_than(-1.0),
    "interval": C.interval(-1.0, 2.0),
    "unit": C.unit_interval,
    "simplex": C.simplex,
    "independent": C.independent(C.positive, 1),
    "cat": C.cat([C.positive, C.unit_interval], 0, [1, 2]),
    "stack": C.stack([C.positive, C.unit_interval, C.real]),
    "bounds": C.interval(betty.zeros(3).double(), betty.ones(3).double() * 4),
}


@pytest.mark.parametrize("registry", [D.biject_to, D.transform_to])
@pytest.mark.parametrize("name", SETS)
def test_into_a_set(name, registry):
    transform = registry(SETS[name])
    y = transform(X)
    assert SETS[name].check(y).all()
    if registry is D.biject_to:
        np.testing.assert_allclose(transform.inv(y), X, atol=1e-9)


@pytest.mark.parametrize("constraint", [C.lower_cholesky, C.positive_definite])
def test_into_matrices(constraint):
    matrix = betty.from_numpy(np.random.RandomState(0).randn(2, 3, 3))
    transform = D.transform_to(constraint)
    y = transform(matrix)
    assert constraint.check(y).all()
    np.testing.assert_allclose(transform.inv(y), np.tril(matrix), atol=1e-9)


def test_a_set_of_ones_own():
    mine = C.Constraint("Even", lambda v: v % 2 == 0)
    with pytest.raises(NotImplementedError, match="Even"):
        D.transform_to(mine)
    D.transform_to.register(mine, lambda _: D.AffineTransform(0.0, 2.0))
    assert D.transform_to(mine)(betty.ones(1)).item() == 2


def test_supports_are_the_sets_that_values_lie_in():
    point = D.LogisticNormal(betty.zeros(3).double(), betty.ones(3).double())
    betty.manual_seed(0)
    draws = point.rsample((5,))
    assert draws.shape == (5, 4) and point.event_shape == (4,) and point.batch_shape == ()
    assert point.support.check(draws).all()
    inside = D.Independent(D.Gamma(betty.ones(2), 1.0), 1).support
    assert inside.check(betty.ones(3, 2)).shape == (3,)
    assert D.TransformedDistribution(D.Normal(0.0, 1.0), D.ExpTransform()).support is C.positive


def test_refusals():
    with pytest.raises(ValueError, match="different numbers of elements"):
        D.ReshapeTransform((2,), (3,))
    with pytest.raises(ValueError, match="to end with"):
        D.ReshapeTransform((3,), (3, 1)).forward_shape((2,))
    with pytest.raises(ValueError, match="must have 3 elements"):
        TRANSFORMS["cat"](betty.ones(2))
    with pytest.raises(ValueError, match="must have 3 elements"):
        TRANSFORMS["stack"](betty.ones(2))
    with pytest.raises(TypeError, match="to be a Constraint"):
        D.biject_to.register(3, lambda _: D.ExpTransform())
