"""``backward`` inside the training_step of a lower problem.

What it adds counts once, in the step that called it, and is no part of the loss that problems above
differentiate.
"""

import numpy as np
import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import IterativeProblem
from test_problems import TARGET, A, Lower, Upper, make, number

START = [0.5, -1.0, 2.0]


class Called(Lower):
    """Its own further term, by `backward`."""

    def training_step(self, batch):
        self.cfg(self.module.value, self.upper.module.value)
        return super().training_step(batch)


def program(lower, term=None, unroll=2, **options):
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(lower, "lower", Config(unroll_steps=unroll, **options), START, 0.1, [(A,)])
    low.cfg = term
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=6), edges)


TERMS = {
    "its own": (lambda x, y: (0.3 * x**2).sum().backward(), lambda x, y: (0.6 * x, 0 * y)),
    "the upper one's": (lambda x, y: (0.3 * y**2).sum().backward(), lambda x, y: (0 * x, 0.6 * y)),
    "both": (
        lambda x, y: (0.3 * x * x * y).sum().backward(),
        lambda x, y: (0.6 * x * y, 0.3 * x**2),
    ),
}


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("kind", ["exact", "darts"])
@pytest.mark.parametrize("unroll", [1, 2])
def test_it_counts_once(term, kind, unroll):
    """The original calls training_step again for a hypergradient: what is left then is added to the
    next step, twice with darts and once with cg."""
    call, gradients = TERMS[term]
    engine = program(Called, call, unroll, type=kind)
    engine.run()
    theta, lam, given = np.array(START), np.ones(3), 0
    for step in range(1, 7):
        own, above = gradients(theta, lam)
        given = given + above
        theta = theta - 0.1 * (theta - lam * A + own)
        if step % unroll == 0:
            # H is the identity here, and the further term no part of it.
            lam = lam - 0.05 * (A * (theta - TARGET) + given)
            given = 0
    tolerance = 1e-12 if kind == "exact" else 1e-9
    np.testing.assert_allclose(number(engine.lower.module.value), theta, atol=tolerance)
    np.testing.assert_allclose(number(engine.upper.module.value), lam, atol=tolerance)
    assert engine.lower.module.value.grad is None


class Weighed(Lower):
    """A gradient that `backward` has left enters the loss."""

    def training_step(self, batch):
        value, upper = self.module.value, self.upper.module.value
        (value**3 * upper.detach()).sum().backward()
        gradient, value.grad = value.grad.clone(), None
        extra = 0.1 * (gradient * upper).sum() + 0.1 * (gradient * value).sum()
        return super().training_step(batch) + extra


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("darts", [1.013718, 1.05401, 0.730038]),
        ("cg", [1.021029, 1.047299, 0.555342]),
        ("neumann", [1.021029, 1.047299, 0.555342]),
    ],
)
def test_what_it_left_in_the_loss_is_as_in_the_original(kind, wanted):
    """A difference meets it at other parameters, a product with derivatives as a constant; the
    numbers are the original's."""
    engine = program(Weighed, type=kind)
    engine.train_iters = 2
    engine.run()
    np.testing.assert_allclose(number(engine.upper.module.value), wanted, atol=1e-6)


class Unrolled(Called, IterativeProblem):
    pass


@pytest.mark.parametrize("kind", ["iterative", "forward"])
@pytest.mark.parametrize("gas", [1, 2])
def test_an_unrolled_step_refuses_it(kind, gas):
    calls = []

    def term(x, y):
        calls.append(0)
        if len(calls) == 2:
            (0.3 * x**2).sum().backward()

    engine = program(Unrolled, term, type=kind, gradient_accumulation=gas)
    said = f"problem 'lower': type '{kind}' differentiates steps on the gradient of the loss alone"
    with pytest.raises(RuntimeError, match=said):
        engine.run()
    assert engine.lower.count == 1
    if gas == 1:
        engine.lower.zero_grad()
        engine.run()
        assert engine.lower.count == 7
