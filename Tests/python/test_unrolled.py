"""Hypergradients through unrolled optimizer steps against the same loop written out by hand.

The reference is ordinary autograd with create_graph on optimizers written in tensor functions; the
problems have nonlinear losses in f64, so nothing agrees by accident.
"""

import math

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

F64 = betty.float64
RNG = np.random.RandomState(0)
X = [betty.from_numpy(RNG.randn(7, 3)) for _ in range(9)]
Y = [betty.from_numpy(RNG.randn(7, 1)) for _ in range(9)]
XV, YV = betty.from_numpy(RNG.randn(11, 3)), betty.from_numpy(RNG.randn(11, 1))
BATCHES = list(zip(X, Y, strict=True))


def inner_loss(w, b, weight, batch):
    """A loss with curvature that changes, and upper parameters that enter it nonlinearly."""
    x, y = batch
    error = (x @ w + b).tanh() - y
    return (error.square() * weight[0].exp()).mean() + (weight[1] * w).sin().square().sum()


def outer_loss(w, b):
    return ((XV @ w + b).tanh() - YV).square().mean()


class Net(nn.Module):
    def __init__(self, seed):
        super().__init__()
        rng = np.random.RandomState(seed)
        self.w = nn.Parameter(betty.from_numpy(rng.randn(3, 1)))
        self.b = nn.Parameter(betty.from_numpy(rng.randn(1)))


class Weights(nn.Module):
    def __init__(self):
        super().__init__()
        self.v = nn.Parameter(betty.tensor([0.3, -0.4], dtype=F64))


class Inner(IterativeProblem):
    def training_step(self, batch):
        return inner_loss(self.module.w, self.module.b, self.outer.module.v, batch)


class Outer(ImplicitProblem):
    def training_step(self, batch):
        return outer_loss(self.inner.module.w, self.inner.module.b)


def program(make_optimizer, steps, iters, schedule=None, kind=Inner, lr=0.0, **options):
    net, weights = Net(1), Weights()
    optimizer = make_optimizer(net.parameters())
    inner = kind(
        "inner", Config(unroll_steps=steps, **options), net, optimizer,
        schedule(optimizer) if schedule else None, train_data_loader=BATCHES,
    )  # fmt: skip
    upper = optim.SGD(weights.parameters(), lr=1.0 if lr is None else lr)
    outer = Outer("outer", Config(first_order=False), weights, upper, train_data_loader=[0])
    seen = []

    def remember():
        seen.append([p.grad.detach().numpy().copy() for p in outer.trainable_parameters()])

    outer.grad_callback = remember
    engine = Engine(
        [outer, inner],
        EngineConfig(train_iters=iters),
        {"u2l": {outer: [inner]}, "l2u": {inner: [outer]}},
    )
    return engine, inner, outer, seen


# Optimizers written out, on lists of tensors; state is a dict of lists.


def by_sgd(momentum=0, dampening=0, weight_decay=0, nesterov=False):
    def step(p, g, s, t, lr):
        g = g + weight_decay * p
        if momentum:
            s["b"] = g if t == 1 else momentum * s["b"] + (1 - dampening) * g
            g = g + momentum * s["b"] if nesterov else s["b"]
        return p - lr * g

    return step


def by_adam(betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled=False, amsgrad=False):
    def step(p, g, s, t, lr):
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
        s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
        v = s["v"]
        if amsgrad:
            v = s["x"] = betty.maximum(s["x"], v) if "x" in s else v
        root = v.sqrt() / math.sqrt(1 - betas[1] ** t) + eps
        return p - lr / (1 - betas[0] ** t) * s["m"] / root

    return step


def by_rmsprop(alpha=0.99, eps=1e-8, momentum=0, centered=False):
    def step(p, g, s, t, lr):
        v = s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g * g
        if centered:
            s["m"] = alpha * s.get("m", 0) + (1 - alpha) * g
            v = v - s["m"] * s["m"]
        d = g / (v.sqrt() + eps)
        if momentum:
            d = s["b"] = momentum * s.get("b", 0) + d
        return p - lr * d

    return step


def by_adagrad(lr_decay=0, eps=1e-10):
    def step(p, g, s, t, lr):
        s["s"] = s.get("s", 0) + g * g
        return p - lr / (1 + (t - 1) * lr_decay) * g / (s["s"].sqrt() + eps)

    return step


CASES = {
    "sgd": (lambda p: optim.SGD(p, lr=0.1), by_sgd(), 0.1),
    "momentum": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.8, dampening=0.1, weight_decay=0.02),
        by_sgd(0.8, 0.1, 0.02), 0.1),
    "nesterov": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True),
        by_sgd(0.8, nesterov=True), 0.1),
    "adam": (
        lambda p: optim.Adam(p, lr=0.05, betas=(0.7, 0.9), weight_decay=0.01),
        by_adam((0.7, 0.9), weight_decay=0.01), 0.05),
    "adamw": (
        lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1),
        by_adam(weight_decay=0.1, decoupled=True), 0.05),
    "rmsprop": (
        lambda p: optim.RMSprop(p, lr=0.02, alpha=0.8, momentum=0.5, centered=True, eps=1e-3),
        by_rmsprop(0.8, 1e-3, 0.5, True), 0.02),
    "adagrad": (
        lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1), by_adagrad(0.1), 0.1),
}  # fmt: skip


def by_hand(rule, rates, batches, keep=None, clip=0.0):
    """d outer / d weights through the last `keep` of the steps (all, if None)."""
    net, weights = Net(1), Weights()
    theta, states = [net.w, net.b], [{}, {}]
    for t, (batch, rate) in enumerate(zip(batches, rates, strict=True), 1):
        if keep is not None and t == len(batches) - keep + 1:
            theta = [p.detach() for p in theta]
            for p in theta:
                p.requires_grad = True
            states = [{k: v.detach() for k, v in s.items()} for s in states]
        loss = inner_loss(*theta, weights.v, batch)
        grads = betty.autograd.grad(loss, theta, create_graph=True)
        if clip:
            norm = sum(g.square().sum() for g in grads).sqrt()
            grads = [
                g * betty.minimum(clip / (norm + 1e-6), betty.ones((), dtype=F64)) for g in grads
            ]
        theta = [rule(p, g, s, t, rate) for p, g, s in zip(theta, grads, states, strict=True)]
    (gradient,) = betty.autograd.grad(outer_loss(*theta), [weights.v])
    return gradient.numpy(), [p.detach().numpy() for p in theta]


def close(a, b, tolerance=1e-10):
    assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b), (a, b)


@pytest.mark.parametrize("mode", [{}, {"iterative_checkpoint": True}, {"type": "forward"}])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_loop_by_hand(case, mode):
    make, rule, rate = CASES[case]
    _, inner, _, seen = run = program(make, 7, 7, **mode)
    run[0].run()
    expected, theta = by_hand(rule, [rate] * 7, BATCHES[:7])
    close(inner.module.w.detach().numpy(), theta[0])
    assert len(seen) == 1
    close(seen[0][0], expected)


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("keep", [1, 2, 3, 5, 8])
def test_truncation_differentiates_the_last_steps(keep, checkpoint):
    make, rule, rate = CASES["adam"]
    engine, _, _, seen = program(
        make, 8, 8, iterative_truncation=keep, iterative_checkpoint=checkpoint
    )
    engine.run()
    close(seen[0][0], by_hand(rule, [rate] * 8, BATCHES[:8], keep)[0])


@pytest.mark.parametrize("type_", ["iterative", "forward"])
def test_schedules_and_clipping(type_):
    schedule = lambda o: optim.lr_scheduler.StepLR(o, 2, 0.5)  # noqa: E731
    engine, _, _, seen = program(CASES["sgd"][0], 5, 5, schedule, gradient_clipping=0.3, type=type_)
    engine.run()
    rates = [0.1 * 0.5 ** (t // 2) for t in range(5)]
    close(seen[0][0], by_hand(by_sgd(), rates, BATCHES[:5], clip=0.3)[0])


def test_a_second_loop_starts_where_the_first_ended():
    make, rule, rate = CASES["momentum"]
    engine, _, _, seen = program(make, 3, 6)
    engine.run()
    assert len(seen) == 2
    close(seen[1][0], by_hand(rule, [rate] * 6, BATCHES[:6], keep=3)[0])


def test_nothing_is_compiled_after_two_upper_steps():
    engine, _, _, _ = program(CASES["adam"][0], 4, 8, lr=0.1)
    engine.run()
    before = betty.counters()["compilations"]
    engine.run()
    engine.run()
    assert betty.counters()["compilations"] == before


OPTIMIZERS = [
    (optim.SGD, {"momentum": 0.9}),
    (optim.Adam, {}),
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {}),
    (optim.AdamW, {"amsgrad": True}),
    (optim.NAdam, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.NAdam, {}),
    (optim.Adamax, {}),
    (optim.Adagrad, {}),
    (optim.Adadelta, {}),
    (optim.RMSprop, {"centered": True}),
    (optim.RMSprop, {"momentum": 0.5}),
]
IDS = [f"{kind.__name__} {options}" for kind, options in OPTIMIZERS]


class Dead(Inner):
    """The bias never has a gradient, so that its moments stay zero."""

    def training_step(self, batch):
        still = (self.module.b * 0).sum()
        return inner_loss(self.module.w, 0.0, self.outer.module.v, batch) + still


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS, ids=IDS)
def test_no_nan_at_zero_moments(kind, options):
    for extra in ({}, {"type": "forward"}, {"gradient_clipping": 0.1}):
        engine, inner, _, seen = program(
            lambda p: kind(p, lr=0.05, **options), 4, 8, kind=Dead, lr=0.1, **extra
        )
        engine.run()
        assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for (g,) in seen)
        assert np.isfinite(inner.module.b.detach().numpy()).all()


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS, ids=IDS)
def test_forward_reverse_and_finite_differences_agree(kind, options):
    def after(shift):
        """The outer loss after a loop with shifted weights, and the gradient seen there."""
        engine, inner, outer, seen = program(lambda p: kind(p, lr=0.03, **options), 5, 5, **mode)
        with betty.no_grad():
            outer.module.v.add_(betty.from_numpy(shift))
        engine.run()
        return outer_loss(inner.module.w, inner.module.b).item(), seen[0][0]

    found = []
    for mode in ({}, {"iterative_checkpoint": True}, {"type": "forward"}):  # noqa: B007
        found.append(after(np.zeros(2))[1])
    close(found[1], found[0], 1e-12)
    close(found[2], found[0])
    eps = 1e-5
    units = np.eye(2) * eps
    slopes = np.array([(after(unit)[0] - after(-unit)[0]) / (2 * eps) for unit in units])
    close(found[0], slopes, 1e-6)
