"""Distributions against integrals of their own densities, and draws against their places."""

import math

import betty
import betty.distributions as D
import numpy as np
import pytest
from betty import special


def t(*values):
    return betty.tensor(values, dtype=betty.float64)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)
# By name: the distribution of one entry, and its values' interval (None: counts from 0).
CASES = {
    "Pareto": (D.Pareto(t(1.5), t(6.0)), (1.5, math.inf)),
    "Kumaraswamy": (D.Kumaraswamy(t(2.0), t(3.0)), (0, 1)),
    "FisherSnedecor": (D.FisherSnedecor(t(4.0), t(30.0)), (0, math.inf)),
    "VonMises": (D.VonMises(t(0.4), t(3.0)), (-math.pi, math.pi)),
    "ContinuousBernoulli": (D.ContinuousBernoulli(t(0.8)), (0, 1)),
    "an even ContinuousBernoulli": (D.ContinuousBernoulli(t(0.5002)), (0, 1)),
    "Gamma": (D.Gamma(t(2.5), t(3.0)), (0, math.inf)),
    "Chi2": (D.Chi2(t(5.0)), (0, math.inf)),
    "InverseGamma": (D.InverseGamma(t(20.0), t(3.0)), (0, math.inf)),
    "Weibull": (D.Weibull(t(1.5), t(2.5)), (0, math.inf)),
    "LogNormal": (D.LogNormal(t(0.3), t(0.4)), (0, math.inf)),
    "HalfNormal": (D.HalfNormal(t(1.5)), (0, math.inf)),
    "NegativeBinomial": (D.NegativeBinomial(t(3.5), t(0.4)), None),
    "Binomial": (D.Binomial(9, t(0.3)), None),
}


def grid(interval):
    """Values [n, 1] and the weights of an integral, or of a sum."""
    if interval is None:
        return np.arange(200.0)[:, None], np.ones((200, 1))
    low, high = interval
    if high < math.inf:
        return ((NODES + 1) / 2 * (high - low) + low)[:, None], WEIGHTS[:, None] * (high - low) / 2
    u = (NODES + 1) / 2  # x = low + u / (1 - u)
    return (low + u / (1 - u))[:, None], (WEIGHTS / 2 / (1 - u) ** 2)[:, None]


def density(distribution, interval):
    values, weights = grid(interval)
    if isinstance(distribution, D.Binomial):
        values, weights = values[:10], weights[:10]
    logs = distribution.log_prob(betty.from_numpy(values)).numpy()
    return values, weights, logs


@pytest.mark.parametrize("name", CASES)
def test_moments_and_entropy_are_integrals(name):
    distribution, interval = CASES[name]
    values, weights, logs = density(distribution, interval)
    mass = weights * np.exp(logs)
    assert mass.sum() == pytest.approx(1, abs=1e-7)
    if name == "VonMises":
        spread = 1 - (mass * np.cos(values - 0.4)).sum()
        assert distribution.variance.item() == pytest.approx(spread, abs=1e-9)
        return
    mean = (mass * values).sum()
    assert distribution.mean.item() == pytest.approx(mean, rel=1e-6)
    spread = (mass * (values - mean) ** 2).sum()
    assert distribution.variance.item() == pytest.approx(spread, rel=1e-5)
    if name not in ("FisherSnedecor", "NegativeBinomial"):
        finite = np.where(mass > 0, logs, 0)
        assert distribution.entropy().item() == pytest.approx(-(mass * finite).sum(), rel=1e-6)
    if not isinstance(distribution, D.ContinuousBernoulli):
        assert distribution.log_prob(distribution.mode).item() >= logs.max() - 1e-9


HAVE_CDF = [
    "Pareto", "Kumaraswamy", "ContinuousBernoulli", "Gamma", "Chi2", "InverseGamma", "Weibull",
    "LogNormal", "HalfNormal",
]  # fmt: skip


@pytest.mark.parametrize("name", HAVE_CDF)
def test_what_lies_below(name):
    distribution, (low, _) = CASES[name]
    end = distribution.mean.item()
    values, weights = grid((low, end))
    below = (weights * np.exp(distribution.log_prob(betty.from_numpy(values)).numpy())).sum()
    assert distribution.cdf(t(end)).item() == pytest.approx(below, abs=1e-9)
    if name not in ("Gamma", "Chi2", "InverseGamma"):
        assert distribution.icdf(t(below)).item() == pytest.approx(end, rel=1e-8)


def test_more_probabilities_and_quantiles():
    mix = D.MixtureSameFamily(D.Categorical(t(0.3, 0.7)), D.Normal(t(0.0, 2.0), t(1.0, 0.5)))
    parts = D.Normal(t(0.0, 2.0), t(1.0, 0.5)).cdf(t(1.2, 1.2))
    assert mix.cdf(t(1.2)[0]).item() == pytest.approx((parts * t(0.3, 0.7)).sum().item())
    half = D.HalfCauchy(t(2.0))
    assert half.icdf(half.cdf(t(0.7))).item() == pytest.approx(0.7)
    falling = D.TransformedDistribution(
        D.Normal(t(1.0), t(2.0)), [D.AffineTransform(1.0, -2.0), D.ExpTransform()]
    )
    assert falling.icdf(falling.cdf(t(0.7))).item() == pytest.approx(0.7)
    counts = D.Multinomial(3, t(0.2, 0.5, 0.3))
    rows = [(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)]
    logs = counts.log_prob(betty.tensor(rows).double()).numpy()
    assert counts.entropy().item() == pytest.approx(-(np.exp(logs) * logs).sum())


# ---- draws -------------------------------------------------------------------------------------

DRAWN = {name: CASES[name][0] for name in CASES if name not in ("Pareto", "VonMises")}
DRAWN |= {
    "Beta": D.Beta(t(0.7), t(2.0)),
    "Dirichlet": D.Dirichlet(t(0.3, 2.0, 1.0)),
    "StudentT": D.StudentT(t(9.0), t(1.0), t(2.0)),
    "LowRank": D.LowRankMultivariateNormal(t(1.0, 2.0), t(1.0, 0.5).reshape(2, 1), t(0.5, 2.0)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_moments(name):
    betty.manual_seed(1)
    distribution, count = DRAWN[name], 20000
    draws = distribution.sample((count,))
    assert draws.shape == (count, *distribution.batch_shape, *distribution.event_shape)
    mean, spread = distribution.mean.numpy(), distribution.variance.numpy()
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * np.sqrt(spread / count).max())
    np.testing.assert_allclose(draws.var(0), spread, rtol=0.15)


def test_angles_lie_around_their_place():
    betty.manual_seed(0)
    angles = D.VonMises(t(3.0), t(2.0)).sample((20000,)).numpy()
    assert angles.min() >= -math.pi and angles.max() <= math.pi
    ends = np.cos(angles).mean(), np.sin(angles).mean()
    assert math.atan2(ends[1], ends[0]) == pytest.approx(3.0, abs=0.03)
    assert np.hypot(*ends) == pytest.approx(1 - CASES_VARIANCE, abs=0.02)


CASES_VARIANCE = D.VonMises(t(3.0), t(2.0)).variance.item()


def quantile(a, below, start):
    """The log of the value below which lies this share, by Newton's method."""
    log = math.log(start)
    for _ in range(60):
        z = math.exp(log)
        gap = special.gammainc(t(a), t(z)).item() - below
        slope = math.exp(a * log - z - math.lgamma(a))
        log -= gap / slope
    return log


@pytest.mark.parametrize("a", [0.05, 0.6, 1.0, 3.0, 40.0])
def test_a_gamma_draw_keeps_its_place(a):
    betty.manual_seed(3)
    shape = t(a).requires_grad_()
    draws = [D.Gamma(shape, t(1.0)).rsample() for _ in range(3)]
    for draw in draws:
        log = draw.log()
        (first,) = betty.autograd.grad(log.sum(), [shape], create_graph=True)
        (second,) = betty.autograd.grad(first.sum(), [shape])
        z, step = draw.item(), 1e-3 * a
        below = special.gammainc(t(a), t(z)).item()
        if not 1e-6 < below < 1 - 1e-6:
            continue
        ends = [quantile(a + side * step, below, z) for side in (-2, -1, 1, 2)]
        slope = (8 * (ends[2] - ends[1]) - (ends[3] - ends[0])) / (12 * step)
        assert first.item() == pytest.approx(slope, rel=1e-6)
        bend = (ends[2] - 2 * math.log(z) + ends[1]) / step**2
        assert second.item() == pytest.approx(bend, rel=2e-3, abs=1e-4)


# By name: a distribution of one parameter, and the mean of f(x) as a function of it.
MEANS = {
    "Gamma": (lambda a: D.Gamma(a, t(2.0)), lambda x: x**2, lambda a: a * (a + 1) / 4),
    "Chi2": (lambda a: D.Chi2(a), lambda x: x**2, lambda a: a * (a + 2)),
    "Beta": (
        lambda a: D.Beta(a, t(2.0)),
        lambda x: x**2,
        lambda a: a * (a + 1) / ((a + 2) * (a + 3)),
    ),
    "StudentT": (lambda a: D.StudentT(a + 6), lambda x: x**2, lambda a: (a + 6) / (a + 4)),
    "Dirichlet": (
        lambda a: D.Dirichlet(betty.cat([a, t(1.0, 2.0)])),
        lambda x: x[..., 0] * x[..., 1],
        lambda a: a / ((a + 3) * (a + 4)),
    ),
    "FisherSnedecor": (
        lambda a: D.FisherSnedecor(a + 1, t(20.0)),
        lambda x: x**2,
        lambda a: (a + 3) / (a + 1) * (20**2 / (18 * 16)),
    ),
    "InverseGamma": (
        lambda a: D.InverseGamma(a + 5, t(2.0)),
        lambda x: x**2,
        lambda a: 4 / ((a + 4) * (a + 3)),
    ),
    "Kumaraswamy": (lambda a: D.Kumaraswamy(t(1.0), a), lambda x: x, lambda a: 1 / (a + 1)),
    "Pareto": (lambda a: D.Pareto(t(1.0), a + 5), lambda x: x, lambda a: (a + 5) / (a + 4)),
}


@pytest.mark.parametrize("name", MEANS)
def test_draws_pass_the_gradients_of_means(name):
    betty.manual_seed(2)
    make, function, mean = MEANS[name]
    a, b = t(1.3).requires_grad_(), t(1.3).requires_grad_()
    assert make(a).has_rsample
    (got,) = betty.autograd.grad(function(make(a).rsample((40000,))).mean(), [a])
    (expected,) = betty.autograd.grad(mean(b).sum(), [b])
    np.testing.assert_allclose(got, expected, rtol=0.06)
    assert not make(a).sample().requires_grad


# ---- divergences -------------------------------------------------------------------------------

ON = {
    "line": (
        (-40.0, 40.0),
        [D.Normal(t(0.5), t(1.0)), D.Laplace(t(-0.5), t(1.5)), D.Gumbel(t(0.3), t(1.2))],
    ),
    "half": (
        (0, math.inf),
        [D.Exponential(t(1.5)), D.Gamma(t(2.5), t(2.0)), D.HalfNormal(t(1.2))],
    ),
    "unit": (
        (0, 1),
        [D.Beta(t(2.0), t(3.0)), D.Uniform(t(0.0), t(1.0)), D.ContinuousBernoulli(t(0.8))],
    ),
}
PAIRS = [(name, i, j) for name, (_, held) in ON.items() for i in range(3) for j in range(3)]
NORMAL = D.Normal(t(0.2), t(2.0))


def integral(p, q, interval):
    values, weights = grid(interval)
    if interval == (-40.0, 40.0):
        values = np.linspace(-40, 40, 400001)[:, None]
        weights = np.full_like(values, 80 / 400000)
    at = betty.from_numpy(values)
    left, right = p.log_prob(at).numpy(), q.log_prob(at).numpy()
    mass = np.exp(left) * weights
    return np.where(mass > 0, mass * (left - right), 0).sum()


@pytest.mark.parametrize(("name", "i", "j"), PAIRS)
def test_divergences_are_integrals(name, i, j):
    interval, held = ON[name]
    p, q = held[i], held[j]
    pair = (type(p), type(q))
    if pair in D.kl._registered:
        found = D.kl_divergence(p, q).item()
        assert found == pytest.approx(integral(p, q, interval), rel=1e-4, abs=1e-4)
    if (pair[0], D.Normal) in D.kl._registered:
        found = D.kl_divergence(p, NORMAL).item()
        assert found == pytest.approx(integral(p, NORMAL, interval), rel=1e-4, abs=1e-4)


def test_divergences_of_vectors_and_of_what_cannot_be():
    wide = D.LowRankMultivariateNormal(t(1.0, 2.0), t(1.0, 0.5).reshape(2, 1), t(0.5, 2.0))
    other = D.LowRankMultivariateNormal(t(0.0, 1.0), t(0.3, 1.5).reshape(2, 1), t(1.0, 1.0))

    def full(d):
        return D.MultivariateNormal(d.loc, d.covariance_matrix)

    expected = D.kl_divergence(full(wide), full(other)).item()
    for p in (wide, full(wide)):
        for q in (other, full(other)):
            assert D.kl_divergence(p, q).item() == pytest.approx(expected)
    value = t(0.3, 0.2)
    assert wide.log_prob(value).item() == pytest.approx(full(wide).log_prob(value).item())
    assert wide.entropy().item() == pytest.approx(full(wide).entropy().item())
    np.testing.assert_allclose(wide.precision_matrix, np.linalg.inv(wide.covariance_matrix))
    assert D.kl_divergence(NORMAL, CASES["Gamma"][0]).item() == math.inf
    assert D.kl_divergence(D.Pareto(t(0.5), t(2.0)), D.Pareto(t(1.0), t(2.0))).item() == math.inf
    fewer, more = D.Binomial(3, t(0.2)), D.Binomial(4, t(0.2))
    assert D.kl_divergence(more, fewer).item() == math.inf
    with pytest.raises(NotImplementedError, match="no closed form"):
        D.kl_divergence(fewer, more)


def test_a_slope_at_zero():
    """The density of a gamma at shape 1: its slope in the shape is log(rate x) - digamma(1)."""
    a = t(1.0).requires_grad_()
    D.Gamma(a, t(2.0)).log_prob(t(0.3)).sum().backward()
    assert a.grad.item() == pytest.approx(math.log(0.6) + 0.5772156649015329)
    for function, slope in ((betty.xlogy, math.log(0.3)), (special.xlog1py, math.log(1.3))):
        x = t(0.0).requires_grad_()
        function(x, t(0.3)).sum().backward()
        assert x.grad.item() == pytest.approx(slope)
        assert function(t(0.0), t(-1.0 if function is special.xlog1py else 0.0)).item() == 0
