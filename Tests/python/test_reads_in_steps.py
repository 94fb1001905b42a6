"""What a lower problem reads while its step is recorded changes nothing of its derivatives.

A method evaluates the lower loss at other parameters. What follows from the parameters follows
there too, also behind detach() or no_grad(), and whether or not somebody looked at it.
"""

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

F64 = betty.float64
X = betty.linspace(-1, 1, 12, dtype=F64).reshape(4, 3)
Y = X[:, :1] + 0.3


def plain(low, r):
    squares = r * r
    return (betty.sigmoid(low.up(squares.detach())) * squares).mean()


def prints_the_loss(low, r):
    squares = r * r
    d = squares.detach()
    loss = (betty.sigmoid(low.up(d)) * squares).mean()
    loss.item()
    return loss


def looks_at_the_weights(low, r):
    squares = r * r
    d = squares.detach()
    weights = betty.sigmoid(low.up(d))
    f"{weights.mean():.3f}"
    return (weights * squares).mean()


def asserts(low, r):
    squares = r * r
    d = squares.detach()
    assert not betty.isnan(d).any()
    return (betty.sigmoid(low.up(d)) * squares).mean()


def through_data(low, r):
    squares = r * r
    d = squares.data
    float(d.max())
    return (betty.sigmoid(low.up(d)) * squares).mean()


def without_grad(low, r):
    squares = r * r
    with betty.no_grad():
        d = squares * 1
        d.tolist()
    return (betty.sigmoid(low.up(d)) * squares).mean()


class Square(betty.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, gradient):
        (z,) = ctx.saved_tensors
        return 2 * z * gradient


def function_of_ones_own(low, r):
    class Own(Square):
        pass

    squares = Own.apply(r)
    return (betty.sigmoid(low.up(squares.detach())) * squares).mean()


READS = [
    prints_the_loss,
    looks_at_the_weights,
    asserts,
    through_data,
    without_grad,
    function_of_ones_own,
]


def hypergradients(form, kind, steps=3, strategy=None, **options):
    """Upper gradients of some steps, and the engine."""
    a, b = nn.Linear(1, 1, dtype=F64), nn.Linear(3, 1, dtype=F64)
    for module, value in ((a, 0.3), (b, -0.2)):
        for p in module.parameters():
            p.data.fill_(value)
    found = []

    class Up(ImplicitProblem):
        def training_step(self, batch):
            return ((self.low(batch[0]) - batch[1]) ** 2).mean()

        def grad_callback(self):
            found.append([p.grad.numpy().copy() for p in self.module.parameters()])

    class Low(ImplicitProblem):
        def training_step(self, batch):
            return form(self, betty.tanh(self.module(batch[0])) - batch[1])

    up = Up("up", Config(), a, betty.optim.SGD(a.parameters(), lr=0.1), None, [(X, Y)])
    config = Config(type=kind, unroll_steps=2, **options)
    low = Low("low", config, b, betty.optim.SGD(b.parameters(), lr=0.1), None, [(X, Y)])
    engine = Engine(
        [up, low],
        EngineConfig(train_iters=2 * steps, **(strategy or {})),
        {"u2l": {up: [low]}, "l2u": {low: [up]}},
    )
    engine.run()
    return np.concatenate([np.ravel(g) for step in found for g in step]), engine


@pytest.mark.parametrize("kind", ["darts", "sama", "exact", "neumann", "cg"])
@pytest.mark.parametrize("form", READS, ids=lambda form: form.__name__)
def test_a_read_changes_nothing(form, kind):
    expected, _ = hypergradients(plain, kind)
    found, _ = hypergradients(form, kind)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", [prints_the_loss, asserts], ids=lambda form: form.__name__)
def test_nor_in_replicas(form):
    strategy = {"strategy": "data_parallel", "replicas": 2}
    expected, _ = hypergradients(plain, "exact")
    found, _ = hypergradients(form, "exact", strategy=strategy)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def penalty(low, r, read=False):
    """The gradient penalty of points that the module's own output moves."""
    points = (0.5 * X + low.module(X).detach()).requires_grad_(True)
    if read:
        points.sum().item()
    slopes = betty.autograd.grad(low.module(points).tanh().sum(), points, create_graph=True)[0]
    return (betty.sigmoid(low.up(Y)) * r * r).mean() + (slopes**2).mean()


def test_a_leaf_made_inside_moves_with_the_parameters():
    def by_hand(low, r):
        points = 0.5 * X + low.module(X).detach()
        slope = (1 - low.module(points).tanh() ** 2) * low.module.weight
        return (betty.sigmoid(low.up(Y)) * r * r).mean() + (slope**2).mean()

    expected, _ = hypergradients(by_hand, "darts")
    for read in (False, True):
        found, _ = hypergradients(lambda low, r, read=read: penalty(low, r, read), "darts")
        np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_what_is_kept_over_steps_does_not_grow():
    """A running mean that is read each step: of each step only what it added is recorded."""

    def running(low, r):
        squares = r * r
        low.mean = 0.9 * getattr(low, "mean", 0.0) + 0.1 * squares.detach().mean()
        low.mean.item()
        return (betty.sigmoid(low.up(low.mean.reshape(1, 1))) * squares).mean()

    _, engine = hypergradients(running, "darts", steps=3)
    launched, compiled = [], []
    for _ in range(3):
        before = betty.counters()
        engine.run()
        after = betty.counters()
        launched.append(after["kernels_launched"] - before["kernels_launched"])
        compiled.append(after["compilations"] - before["compilations"])
    assert launched[1] == launched[2]
    assert compiled[1:] == [0, 0]
