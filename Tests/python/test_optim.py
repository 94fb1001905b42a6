"""Optimizers against PyTorch's rules written out in NumPy; schedules against their formulas."""

import copy
import math
import pickle

import betty
import numpy as np
import pytest
from betty import nn
from betty.optim import SGD, Adagrad, Adam, AdamW, RMSprop, lr_scheduler

STEPS = 6


def sgd(lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    def update(p, g, state, step):
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = g if step == 1 else momentum * state["b"] + (1 - dampening) * g
            state["b"] = b
            g = g + momentum * b if nesterov else b
        return p - lr * g

    return update


def adam(
    lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, maximize=False, decoupled=False
):  # fmt: skip
    def update(p, g, state, step):
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
        root = np.sqrt(v) / math.sqrt(1 - betas[1] ** step)
        return p - lr / (1 - betas[0] ** step) * m / (root + eps)

    return update


def adamw(lr=1e-3, weight_decay=1e-2, **options):
    return adam(lr, weight_decay=weight_decay, decoupled=True, **options)


def adagrad(
    lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False
):
    def update(p, g, state, step):
        g = (-g if maximize else g) + weight_decay * p
        state["s"] = state.get("s", initial_accumulator_value) + g * g
        return p - lr / (1 + (step - 1) * lr_decay) * g / (np.sqrt(state["s"]) + eps)

    return update


def rmsprop(
    lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False
):
    def update(p, g, state, step):
        g = (-g if maximize else g) + weight_decay * p
        v = state["v"] = alpha * state.get("v", 0) + (1 - alpha) * g * g
        if centered:
            m = state["m"] = alpha * state.get("m", 0) + (1 - alpha) * g
            v = v - m * m
        d = g / (np.sqrt(v) + eps)
        if momentum:
            d = state["b"] = momentum * state.get("b", 0) + d
        return p - lr * d

    return update


CASES = [
    *(
        (
            SGD,
            sgd,
            {
                "lr": 0.1,
                "momentum": m,
                "dampening": d,
                "weight_decay": w,
                "nesterov": n,
                "maximize": x,
            },
        )
        for m in (0, 0.9)
        for d in (0, 0.3)
        for w in (0, 0.05)
        for n in (False, True)
        for x in (False, True)
        if not n or (m and not d)
    ),
    (Adam, adam, {}),
    (Adam, adam, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    (Adam, adam, {"lr": 0.1, "maximize": True}),
    (AdamW, adamw, {}),
    (AdamW, adamw, {"lr": 0.1, "weight_decay": 0.3, "betas": (0.8, 0.9)}),
    (AdamW, adamw, {"lr": 0.1, "maximize": True}),
    (Adagrad, adagrad, {}),
    (Adagrad, adagrad, {"lr": 0.3, "lr_decay": 0.2, "weight_decay": 0.1, "eps": 1e-3}),
    (Adagrad, adagrad, {"lr": 0.3, "initial_accumulator_value": 0.5, "maximize": True}),
    (RMSprop, rmsprop, {}),
    (RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.8, "momentum": 0.7, "weight_decay": 0.1}),
    (RMSprop, rmsprop, {"lr": 0.1, "centered": True, "eps": 1e-2}),
    (RMSprop, rmsprop, {"lr": 0.1, "centered": True, "momentum": 0.5, "maximize": True}),
]


def start(dtype, seed=0):
    return np.random.RandomState(seed).randn(3, 4).astype(dtype)


def gradient(p, step):
    """Of sum(a p² / 2 + sin p), with a that changes from step to step."""
    return (1 + 0.1 * step) * p + np.cos(p)


def drive(optimizer, parameters, step):
    optimizer.zero_grad()
    loss = sum((0.5 * (1 + 0.1 * step) * p * p + p.sin()).sum() for p in parameters)
    loss.backward()
    optimizer.step()


def values(p):
    return p.detach().numpy().astype(np.float64)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize(("kind", "rule", "options"), CASES)
def test_agrees_with_its_rule(kind, rule, options, dtype, tolerance):
    parameter = nn.Parameter(betty.from_numpy(start(dtype)))
    optimizer = kind([parameter], **options)
    update, state, expected = rule(**options), {}, start(dtype).astype(np.float64)
    for step in range(1, STEPS + 1):
        drive(optimizer, [parameter], step)
        expected = update(expected, gradient(expected, step), state, step)
        np.testing.assert_allclose(values(parameter), expected, rtol=tolerance, atol=tolerance)


def test_groups_have_options_of_their_own():
    a, b = (nn.Parameter(betty.from_numpy(start("float64", seed))) for seed in (1, 2))
    optimizer = SGD(
        [{"params": [a]}, {"params": b, "lr": 0.5, "momentum": 0.9}], lr=0.1, weight_decay=0.2
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    rules = [sgd(0.1, weight_decay=0.2), sgd(0.5, 0.9, weight_decay=0.2)]
    expected, states = [values(a), values(b)], [{}, {}]
    for step in range(1, STEPS + 1):
        drive(optimizer, [a, b], step)
        for i in range(2):
            expected[i] = rules[i](expected[i], gradient(expected[i], step), states[i], step)
        np.testing.assert_allclose(values(a), expected[0], rtol=1e-12)
        np.testing.assert_allclose(values(b), expected[1], rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, Adagrad, RMSprop])
def test_a_new_rate_counts_at_once_and_compiles_nothing(kind):
    rules = {SGD: sgd, Adam: adam, AdamW: adamw, Adagrad: adagrad, RMSprop: rmsprop}
    parameter = nn.Parameter(betty.from_numpy(start("float64")))
    optimizer = kind([parameter], lr=0.1)
    state, expected = {}, values(parameter)
    for step in range(1, STEPS + 1):
        rate = 0.1 / step
        optimizer.param_groups[0]["lr"] = rate
        # The weight of the loss is a number of the recording, not a part of its structure.
        drive(optimizer, [parameter], step)
        if step == 2:
            before = betty.counters()["compilations"]
        expected = rules[kind](lr=rate)(expected, gradient(expected, step), state, step)
        np.testing.assert_allclose(values(parameter), expected, rtol=1e-12)
    assert betty.counters()["compilations"] == before


@pytest.mark.parametrize(("kind", "rule", "options"), CASES)
def test_state_round_trip(kind, rule, options):
    one = nn.Parameter(betty.from_numpy(start("float64")))
    first = kind([one], **options)
    for step in (1, 2, 3):
        drive(first, [one], step)
    two = nn.Parameter(one.detach().clone())
    second = kind([two], lr=0.777)
    saved = pickle.loads(pickle.dumps(first.state_dict()))
    second.load_state_dict(saved)
    for step in (4, 5):
        drive(first, [one], step)
        drive(second, [two], step)
    assert np.array_equal(values(one), values(two))
    assert second.param_groups[0]["lr"] == first.param_groups[0]["lr"]


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_alone(twin):
    one = nn.Parameter(betty.from_numpy(start("float64")))
    first = Adam([{"params": [one], "lr": 0.2}], betas=(0.8, 0.9))
    drive(first, [one], 1)
    two, second = twin((one, first))
    assert second.param_groups[0]["params"][0] is two
    assert second.param_groups[0]["lr"] == 0.2
    before = values(one)
    drive(second, [two], 2)
    assert np.array_equal(values(one), before)
    drive(first, [one], 2)
    assert np.array_equal(values(one), values(two))


def test_a_loaded_state_is_a_copy():
    one, two = (nn.Parameter(betty.ones(2)) for _ in range(2))
    first, second = SGD([one], lr=0.1, momentum=0.9), SGD([two], lr=0.1, momentum=0.9)
    drive(first, [one], 1)
    second.load_state_dict(first.state_dict())
    buffer = second.state_dict()["state"][0]["momentum_buffer"].tolist()
    drive(first, [one], 2)
    assert second.state_dict()["state"][0]["momentum_buffer"].tolist() == buffer
    assert first.state_dict()["state"][0]["momentum_buffer"].tolist() != buffer


def test_takes_named_parameters():
    layer = nn.Linear(2, 1)
    optimizer = SGD(layer.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["params"] == [layer.weight, layer.bias]


def test_state_names_are_pytorchs():
    parameter = nn.Parameter(betty.ones(2))
    for kind, options, known in (
        (SGD, {"lr": 0.1, "momentum": 0.9}, {"momentum_buffer"}),
        (Adam, {}, {"step", "exp_avg", "exp_avg_sq"}),
        (Adagrad, {}, {"step", "sum"}),
        (RMSprop, {"momentum": 0.1, "centered": True},
         {"square_avg", "momentum_buffer", "grad_avg"}),
    ):  # fmt: skip
        optimizer = kind([parameter], **options)
        assert optimizer.state_dict()["state"] == {}
        drive(optimizer, [parameter], 1)
        assert known <= set(optimizer.state_dict()["state"][0])
        assert known <= set(optimizer.state[parameter])


def test_parameters_without_gradient_stay():
    a, b = nn.Parameter(betty.ones(2)), nn.Parameter(betty.ones(2))
    optimizer = Adam([a, b], lr=0.5)
    (a * 2).sum().backward()
    optimizer.step()
    assert b.tolist() == [1, 1]
    assert a.tolist() != [1, 1]
    assert optimizer.state_dict()["state"].keys() == {0}


def test_closure_and_zero_grad():
    parameter = nn.Parameter(betty.ones(1))
    optimizer = SGD([parameter], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (parameter * parameter).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1
    assert parameter.tolist() == [0.5]
    optimizer.zero_grad(set_to_none=False)
    assert parameter.grad.tolist() == [0]
    optimizer.zero_grad()
    assert parameter.grad is None


W = nn.Parameter(betty.ones(2))


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: SGD([], lr=0.1), ValueError, "empty parameter list"),
        (lambda: SGD(W, lr=0.1), TypeError, "iterable"),
        (lambda: SGD([3], lr=0.1), TypeError, "int"),
        (lambda: SGD([W, W], lr=0.1), ValueError, "more than once"),
        (lambda: SGD([{"params": [W]}, {"params": [W]}]), ValueError, "more than once"),
        (lambda: SGD([W * 2], lr=0.1), ValueError, "non-leaf"),
        (lambda: SGD([W], lr=-1), ValueError, r"lr.*-1"),
        (lambda: SGD([W], lr=float("nan")), ValueError, "lr"),
        (lambda: SGD([W], lr=0.1, nesterov=True), ValueError, "Nesterov"),
        (lambda: Adam([W], betas=(0.9, 1.0)), ValueError, r"beta2.*1"),
        (lambda: SGD([W], speed=3), TypeError, "speed"),
        (lambda: SGD([W]).load_state_dict(SGD([W, nn.Parameter(betty.ones(1))]).state_dict()),
         ValueError, "other sizes"),
        (lambda: Adam([W]).load_state_dict({"param_groups": [{"params": [0]}], "state": {
            0: {"step": 1, "exp_avg": betty.zeros(3), "exp_avg_sq": betty.zeros(2)}}}),
         (ValueError, RuntimeError), "exp_avg|3"),
    ],
)  # fmt: skip
def test_mistakes_are_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


def cosine(step, horizon=10, low=0.05):
    return low + (0.4 - low) * (1 + math.cos(math.pi * step / horizon)) / 2


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda s: 0.4 * 0.5 ** (s // 3)),
        (lambda o: lr_scheduler.MultiStepLR(o, [7, 2, 2], 0.1),
         lambda s: 0.4 * 0.1 ** (2 * (s >= 2) + (s >= 7))),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 10, 0.05), cosine),
        (lambda o: lr_scheduler.LambdaLR(o, lambda s: 1 / (1 + s)), lambda s: 0.4 / (1 + s)),
    ],
)  # fmt: skip
def test_schedules(make, formula):
    def fresh():
        return SGD([nn.Parameter(betty.ones(1))], lr=0.4)

    optimizer = fresh()
    schedule = make(optimizer)
    for step in range(12):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(formula(step), rel=1e-12)
        assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        parameter = optimizer.param_groups[0]["params"][0]
        before, rate = parameter.item(), optimizer.param_groups[0]["lr"]
        parameter.grad = betty.ones(1)
        optimizer.step()
        assert parameter.item() == pytest.approx(before - rate, rel=1e-6)
        if step == 4:
            saved = (optimizer.state_dict(), schedule.state_dict())
        schedule.step()
    optimizer = fresh()
    schedule = make(optimizer)
    optimizer.load_state_dict(saved[0])
    schedule.load_state_dict(saved[1])
    for step in range(5, 12):
        schedule.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(formula(step), rel=1e-12)


def test_schedules_refuse():
    optimizer = SGD([nn.Parameter(betty.ones(1))], lr=0.4)
    for make in (
        lambda: lr_scheduler.StepLR(optimizer, 0),
        lambda: lr_scheduler.CosineAnnealingLR(optimizer, 0),
        lambda: lr_scheduler.LambdaLR(optimizer, [lambda s: 1, lambda s: 1]),
    ):
        with pytest.raises(ValueError, match=r"got [02]"):
            make()
    with pytest.raises(TypeError, match="not an Optimizer"):
        lr_scheduler.StepLR(3, 1)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(SGD([nn.Parameter(betty.ones(1))]), 1, last_epoch=4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: betty.ones(3).detach().requires_grad_(),
        lambda: betty.ones(1, 3).view(-1).requires_grad_(),
        lambda: betty.ones(5)[2:].requires_grad_(),
        lambda: betty.ones(3).data.requires_grad_(),
    ],
)
def test_leaves_that_were_views_of_what_is_gone(make):
    y = make()
    optimizer = betty.optim.SGD([y], lr=0.1)
    (y * y).sum().backward()
    optimizer.step()
    assert y.tolist() == pytest.approx([0.8] * 3)


def test_views_of_what_is_there_are_refused():
    x = betty.ones(5)
    with pytest.raises(ValueError, match=r"SGD: can only optimize leaves.*a view, of f32\[3\]"):
        betty.optim.SGD([x[2:].requires_grad_()], lr=0.1)
