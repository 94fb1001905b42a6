"""Draws in short types: of [0, 1), with as many bits as the type has, and what is built on them."""

import betty
import numpy as np
import pytest
from betty import distributions, nn
from betty.nn import functional as F

COUNT = 1 << 17
KINDS = {betty.float16: 2.0**-11, betty.bfloat16: 2.0**-8}
short = pytest.mark.parametrize("kind", KINDS, ids=str)


@pytest.fixture(autouse=True)
def seeded():
    betty.manual_seed(3)


def numbers(x):
    return x.double().numpy()


@short
@pytest.mark.parametrize(
    "draw",
    [
        lambda kind: betty.rand(COUNT, dtype=kind),
        lambda kind: betty.rand_like(betty.zeros(COUNT, dtype=kind)),
        lambda kind: betty.zeros(COUNT, dtype=kind).uniform_(),
        lambda kind: nn.init.uniform_(betty.zeros(COUNT, dtype=kind)),
    ],
)
def test_uniform_draws_stay_below_one(kind, draw):
    drawn = draw(kind)
    assert drawn.dtype is kind
    found, step = numbers(drawn), KINDS[kind]
    assert found.min() == 0
    assert found.max() == 1 - step
    assert (found / step == np.floor(found / step)).all()
    counts = np.bincount((found / step).astype(int))
    assert abs(found.mean() - (0.5 - step / 2)) < 0.004
    assert np.abs(counts * step / COUNT - step**2).max() < 8 * step * (step / COUNT) ** 0.5


@short
def test_rare_events_keep_their_probability(kind):
    p = betty.full((8 * COUNT,), 2.0**-12, dtype=kind)
    for drawn in (betty.bernoulli(p), betty.zeros_like(p).bernoulli_(2.0**-12)):
        assert drawn.dtype is kind
        assert 180 < numbers(drawn).sum() < 340
    kept = F.dropout(betty.ones(8 * COUNT, dtype=kind), 1 - 2.0**-12)
    assert 180 < (numbers(kept) > 0).sum() < 340
    thrown = distributions.Binomial(1, p[:COUNT], validate_args=False).sample()
    assert numbers(thrown).sum() < 80


@short
@pytest.mark.parametrize(
    "draw",
    [
        lambda zero: zero.exponential_(),
        lambda zero: F.gumbel_softmax(zero.reshape(-1, 2)),
        lambda zero: distributions.Laplace(zero, zero + 1).sample(),
        lambda zero: distributions.Gumbel(zero, zero + 1).sample(),
        lambda zero: distributions.Exponential(zero + 1).sample(),
        lambda zero: distributions.RelaxedOneHotCategorical(
            betty.tensor(1.0).to(zero.dtype), logits=zero.reshape(-1, 2)
        ).sample(),
    ],
)
def test_functions_of_draws_are_finite(kind, draw):
    drawn = draw(betty.zeros(COUNT, dtype=kind))
    assert drawn.dtype is kind
    assert np.isfinite(numbers(drawn)).all()


@short
def test_what_is_impossible_is_not_drawn(kind):
    probs = betty.tensor([0.0, 0.25, 0.75]).to(kind)
    drawn = distributions.Categorical(probs, validate_args=False).sample((COUNT,))
    counts = np.bincount(drawn.numpy(), minlength=3) / COUNT
    np.testing.assert_allclose(counts, [0, 0.25, 0.75], atol=0.01)
    waits = numbers(betty.zeros(COUNT, dtype=kind).exponential_())
    assert (waits == 0).sum() < 20
    assert abs(waits.mean() - 1) < 0.02
