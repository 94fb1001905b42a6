"""Distributions of matrices: draws against their own densities and moments."""

import betty
import betty.distributions as D
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def seed():
    betty.manual_seed(0)


def matrix():
    root = betty.tensor([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.4, 0.7]])
    return root @ root.T


def test_draws_of_a_wishart_have_its_moments():
    wishart = D.Wishart(7.0, covariance_matrix=matrix())
    draws = wishart.sample((40_000,))
    np.testing.assert_allclose(draws.mean(0).numpy(), wishart.mean.numpy(), atol=0.3, rtol=0.02)
    np.testing.assert_allclose(draws.var(0).numpy(), wishart.variance.numpy(), rtol=0.06)
    assert float(-wishart.log_prob(draws).mean()) == pytest.approx(
        float(wishart.entropy()), abs=0.1
    )


def test_draws_of_a_wishart_can_be_differentiated():
    covariance = matrix().requires_grad_()
    draws = D.Wishart(6.0, covariance_matrix=covariance).rsample((2000,))
    (gradient,) = betty.autograd.grad(draws.mean(0).diagonal().sum(), covariance)
    np.testing.assert_allclose(gradient.numpy(), 6 * np.eye(3), atol=0.8)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: D.Wishart(5.0), "Exactly one"),
        (lambda: D.Wishart(5.0, betty.eye(2), scale_tril=betty.eye(2)), "Exactly one"),
        (lambda: D.Wishart(1.0, betty.eye(2)), "greater than ndim - 1 = 1"),
        (lambda: D.Wishart(5.0, betty.ones(2)), "two-dimensional"),
    ],
)
def test_what_is_no_wishart_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_few_degrees_of_freedom_are_warned_of():
    with pytest.warns(UserWarning, match="Low df"):
        D.Wishart(1.5, betty.eye(2))


@pytest.mark.parametrize("concentration", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_all_correlations_of_a_draw_are_alike(size, concentration):
    """A correlation r of the LKJ distribution is 2 b - 1 with b of Beta(a, a)."""
    lkj = D.LKJCholesky(size, concentration)
    draws = lkj.sample((20_000,))
    assert bool(D.constraints.corr_cholesky.check(draws).all())
    correlations = (draws @ draws.transpose(-2, -1)).numpy()
    a = concentration + (size - 2) / 2
    for i in range(size):
        for j in range(i):
            r = correlations[:, i, j]
            assert r.mean() == pytest.approx(0, abs=0.03)
            assert r.var() == pytest.approx(1 / (2 * a + 1), rel=0.05)


def test_densities_of_correlations_integrate_to_one():
    """Of two dimensions: over the one correlation, with r = L[1, 0]."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    r = betty.from_numpy(nodes)
    for concentration in (0.7, 1.0, 4.0):
        factors = betty.stack(
            [betty.ones(200), betty.zeros(200), r, (1 - r * r).sqrt()], -1
        ).reshape(200, 2, 2)
        a = betty.tensor(concentration, dtype=betty.float64)
        density = D.LKJCholesky(2, a).log_prob(factors).exp()
        assert float((density.numpy() * weights).sum()) == pytest.approx(1, rel=2e-2)
