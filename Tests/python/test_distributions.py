"""Distributions: probabilities against closed forms, draws against their moments."""

import math

import betty
import numpy as np
import pytest
from betty.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Dirichlet,
    Multinomial,
    Normal,
    OneHotCategorical,
)


def test_normal():
    loc, scale = betty.tensor([0.5, -1.0]).double(), betty.tensor([2.0, 0.5]).double()
    normal = Normal(loc, scale)
    value = np.array([1.0, -2.0])
    gap = (value - loc.numpy()) / scale.numpy()
    wanted = -(gap**2) / 2 - np.log(scale.numpy() * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(normal.log_prob(betty.from_numpy(value)), wanted)
    entropy = 0.5 * np.log(2 * math.pi * math.e * scale.numpy() ** 2)
    np.testing.assert_allclose(normal.entropy(), entropy)
    below = [0.5 * (1 + math.erf(g / math.sqrt(2))) for g in gap]
    np.testing.assert_allclose(normal.cdf(betty.from_numpy(value)), below)


def test_normal_draws_pass_gradients():
    betty.manual_seed(0)
    loc = betty.tensor([1.0, 2.0], requires_grad=True)
    scale = betty.tensor([0.5, 3.0], requires_grad=True)
    draws = Normal(loc, scale).rsample((20000,))
    np.testing.assert_allclose(draws.mean(0).detach(), [1, 2], atol=0.06)
    np.testing.assert_allclose(draws.std(0).detach(), [0.5, 3], rtol=0.03)
    (draws**2).mean(0).sum().backward()
    # E (loc + scale e)² = loc² + scale²
    np.testing.assert_allclose(loc.grad, [2, 4], rtol=0.05)
    np.testing.assert_allclose(scale.grad, [1, 6], rtol=0.05)
    assert not Normal(loc, scale).sample().requires_grad


@pytest.mark.parametrize("by", ["probs", "logits"])
def test_bernoulli(by):
    betty.manual_seed(0)
    p = np.array([0.2, 0.9])
    given = p if by == "probs" else np.log(p / (1 - p))
    coin = Bernoulli(**{by: betty.from_numpy(given)})
    np.testing.assert_allclose(coin.log_prob(betty.tensor([1.0, 0.0]).double()).exp(), [0.2, 0.1])
    np.testing.assert_allclose(coin.entropy(), -p * np.log(p) - (1 - p) * np.log(1 - p))
    np.testing.assert_allclose(coin.variance, p * (1 - p))
    draws = coin.sample((5000,))
    assert draws.shape == (5000, 2) and set(np.unique(draws.numpy())) == {0, 1}
    np.testing.assert_allclose(draws.mean(0), p, atol=0.03)


@pytest.mark.parametrize("by", ["probs", "logits"])
def test_categorical(by):
    betty.manual_seed(0)
    p = np.array([[0.1, 0.3, 0.6], [0.5, 0.25, 0.25]])
    given = p * 3 if by == "probs" else np.log(p) + 2
    classes = Categorical(**{by: betty.from_numpy(given)})
    np.testing.assert_allclose(classes.log_prob(betty.tensor([2, 0])).exp(), [0.6, 0.5])
    np.testing.assert_allclose(classes.entropy(), -(p * np.log(p)).sum(1))
    draws = classes.sample((6000,))
    assert draws.shape == (6000, 2)
    assert classes.log_prob(draws).shape == (6000, 2)
    for column in range(2):
        share = np.bincount(draws[:, column].numpy(), minlength=3) / 6000
        np.testing.assert_allclose(share, p[column], atol=0.03)


def test_a_class_without_probability_is_never_drawn():
    classes = Categorical(betty.tensor([0.0, 0.5, 0.5]))
    assert classes.sample((2000,)).min().item() == 1
    assert abs(classes.entropy().item() - math.log(2)) < 1e-5


def test_score_function_gradient():
    logits = betty.tensor([0.1, 0.2, 0.3], requires_grad=True)
    Categorical(logits=logits).log_prob(betty.tensor(1)).backward()
    p = np.exp([0.1, 0.2, 0.3]) / np.exp([0.1, 0.2, 0.3]).sum()
    np.testing.assert_allclose(logits.grad, np.array([0, 1, 0]) - p, rtol=1e-5)


@pytest.mark.parametrize(
    ("concentration", "mode"),
    [
        ([0.5, 0.7, 0.2], [1, 0, 0]),
        ([0.5, 1.5, 0.2], [0, 1, 0]),
        ([2.0, 3.0, 4.0], [1 / 6, 2 / 6, 3 / 6]),
    ],
)
def test_the_mode_of_dirichlet(concentration, mode):
    found = Dirichlet(betty.tensor(concentration)).mode
    np.testing.assert_allclose(found, mode, rtol=1e-6)
    a, b = concentration[:2]
    assert Beta(a, b).mode.item() == pytest.approx({0.7: 1, 1.5: 0}.get(b, 1 / 3))


REFUSED = [
    (lambda: Categorical(betty.zeros(2)), ValueError, "probs .* Simplex"),
    (lambda: Categorical(logits=betty.tensor([0.0, math.nan])), ValueError, "logits"),
    (lambda: OneHotCategorical(betty.zeros(2)), ValueError, "probs"),
    (lambda: Binomial(-1, 0.3), ValueError, "total_count"),
    (lambda: Binomial(1.5, 0.3), ValueError, "total_count"),
    (
        lambda: Multinomial(3, betty.ones(2)).log_prob(betty.tensor([3.0, 1.0])),
        ValueError,
        "Multinomial",
    ),
    (lambda: Normal(0.0, -1.0), ValueError, "scale"),
    (lambda: Bernoulli(1.5), ValueError, "probs"),
    (lambda: Bernoulli(), ValueError, "not both"),
    (lambda: Categorical(betty.ones(3)).log_prob(betty.tensor(3)), ValueError, "value"),
    (lambda: Categorical(betty.ones(3)).rsample(), NotImplementedError, "sample"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
