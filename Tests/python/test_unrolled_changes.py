"""Options and optimizers of an iterative problem that change between its loops and within them:
each step is differentiated as it was taken. The reference is the loop written out by hand."""

from itertools import cycle, islice

import betty
import pytest
from betty import optim
from test_unrolled import (
    BATCHES,
    F64,
    Net,
    Weights,
    by_adagrad,
    by_adam,
    by_sgd,
    close,
    inner_loss,
    outer_loss,
    program,
)  # fmt: skip

STEPS = 6
MODES = [{}, {"iterative_checkpoint": True}, {"type": "forward"}]


def by_hand(phases, first=0):
    """d outer / d weights through phases of so many steps, each with its optimizer and limit;
    what is no fresh optimizer goes on with the state."""
    net, weights = Net(1), Weights()
    theta = [net.w, net.b]
    states, t, batches = [{}, {}], 0, islice(cycle(BATCHES), first, None)
    for count, rule, rate, limit, is_fresh in phases:
        if is_fresh:
            states, t = [{}, {}], 0
        for _ in range(count):
            t += 1
            loss = inner_loss(*theta, weights.v, next(batches))
            grads = betty.autograd.grad(loss, theta, create_graph=True)
            if limit:
                norm = sum(g.square().sum() for g in grads).sqrt()
                factor = betty.minimum(limit / (norm + 1e-6), betty.ones((), dtype=F64))
                grads = [g * factor for g in grads]
            parts = zip(theta, grads, states, strict=True)
            theta = [rule(p, g, s, t, rate) for p, g, s in parts]
    (gradient,) = betty.autograd.grad(outer_loss(*theta), [weights.v])
    return gradient.numpy()


def sgd(p):
    return optim.SGD(p, lr=0.1)


def changed(change, at, make=sgd, **options):
    """A loop in which something changes before step `at` (0: another loop was before it)."""
    engine, inner, _, seen = program(make, STEPS, 1, **options)
    if at == 0:
        for _ in range(STEPS):
            engine.run()
        inner.module.load_state_dict(Net(1).state_dict())
    for step in range(STEPS):
        if step == at:
            change(inner)
        engine.run()
    return seen[-1][0]


def phases(at, *both):
    first, second = both
    return [(STEPS, *second)] if at == 0 else [(at, *first), (STEPS - at, *second)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", [0, 2])
def test_another_limit_of_gradients(at, mode):
    def change(inner):
        inner.config.gradient_clipping = 0.2

    got = changed(change, at, **mode)
    plain = (by_sgd(), 0.1, 0.0, True)
    close(got, by_hand(phases(at, plain, (by_sgd(), 0.1, 0.2, False)), 0 if at else STEPS))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", [0, 2])
def test_another_optimizer(at, mode):
    def change(inner):
        inner.set_optimizer(optim.Adagrad(inner.module.parameters(), lr=0.2, lr_decay=0.1))

    got = changed(change, at, **mode)
    plain = (by_sgd(), 0.1, 0.0, True)
    close(got, by_hand(phases(at, plain, (by_adagrad(0.1), 0.2, 0.0, True)), 0 if at else STEPS))


@pytest.mark.parametrize("mode", MODES)
def test_momentum_that_begins_within_a_loop(mode):
    def change(inner):
        inner.optimizer.param_groups[0]["momentum"] = 0.8

    def momentum(p, g, s, t, lr):
        s["b"] = 0.8 * s.get("b", 0) + g
        return p - lr * s["b"]

    got = changed(change, 2, **mode)
    plain = (by_sgd(), 0.1, 0.0, True)
    close(got, by_hand(phases(2, plain, (momentum, 0.1, 0.0, False))))


@pytest.mark.parametrize("mode", MODES)
def test_a_decay_that_begins_within_a_loop(mode):
    def change(inner):
        inner.optimizer.param_groups[0]["weight_decay"] = 0.3

    def make(p):
        return optim.Adam(p, lr=0.05, betas=(0.7, 0.9))

    got = changed(change, 3, make, **mode)
    first = (by_adam((0.7, 0.9)), 0.05, 0.0, True)
    second = (by_adam((0.7, 0.9), weight_decay=0.3), 0.05, 0.0, False)
    close(got, by_hand(phases(3, first, second)))
