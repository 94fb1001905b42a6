"""Batches refilled in place and parameters of another type, while an engine trains."""

import betty
import numpy as np
import pytest
from betty import optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem
from test_problems import Vector, number


class Refilled:
    """Gives one tensor again and again, with other numbers in it."""

    def __init__(self, size=1):
        self.buffer, self.count = betty.zeros(size, dtype=betty.float64), 0

    def __iter__(self):
        return self

    def __next__(self):
        self.count += 1
        self.buffer.fill_(float(self.count % 5))
        return (self.buffer,)


class Up(ImplicitProblem):
    def training_step(self, batch):
        return ((self.low.module() - 1) ** 2).sum()


class Low(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module() - batch[0] * self.up.module()) ** 2).sum()


class LowIterative(IterativeProblem):
    training_step = Low.training_step


def build(method="darts", replay=False, loader=None, size=1, iterations=12):
    cls = LowIterative if method in ("iterative", "forward") else Low
    nets = {"up": Vector(np.full(size, 0.5)), "low": Vector(np.full(size, 0.1))}
    up = Up(
        "up",
        Config(replay=replay),
        nets["up"],
        optim.SGD(nets["up"].parameters(), lr=0.05),
        train_data_loader=[betty.ones(1)],
    )
    low = cls(
        "low",
        Config(type=method, unroll_steps=3, replay=replay),
        nets["low"],
        optim.SGD(nets["low"].parameters(), lr=0.1, momentum=0.5),
        train_data_loader=loader or [(betty.ones(1, dtype=betty.float64),)],
    )
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=iterations), edges), up, low


@pytest.mark.parametrize("method", ["darts", "exact", "sama", "cg", "iterative", "forward"])
def test_a_batch_that_is_refilled_in_place_is_seen_by_a_replay(method):
    ends = []
    for replay in (False, True):
        engine, up, low = build(method, replay, Refilled())
        engine.run()
        ends.append([number(up.module.value), number(low.module.value)])
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)


def test_a_batch_that_is_changed_between_runs_is_seen():
    ends = []
    for replay in (False, True):
        batch = betty.ones(1, dtype=betty.float64)
        engine, up, low = build("exact", replay, [(batch,)])
        engine.run()
        before = number(low.module.value).copy()
        batch.fill_(-1.0)
        engine.run()
        ends.append([number(up.module.value), number(low.module.value)])
        assert np.all(number(low.module.value) < before)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("method", ["darts", "cg", "sama", "iterative", "forward"])
@pytest.mark.parametrize("name", ["up", "low"])
def test_another_type_of_parameter_between_runs(name, method, replay):
    """Training goes on in it, from the values that there are."""
    ends = []
    for retypes in (False, True):
        engine, up, low = build(method, replay)
        engine.run()
        if retypes:
            module = {"up": up, "low": low}[name].module
            module.float()
            module.double()
            low.optimizer.state.clear()
        else:
            for value in (up, low)[name == "low"].module.parameters():
                value.data = value.data.float().double()
            low.optimizer.state.clear()
        engine.run()
        ends.append([number(up.module.value), number(low.module.value)])
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("change", ["shape", "type"])
@pytest.mark.parametrize("method", ["darts", "cg", "sama", "exact"])
def test_another_type_of_parameter_before_the_upper_step(method, change, replay):
    """An error, and not a program that runs on memory of another size; then it goes on."""
    engine, up, low = build(method, replay, size=4)
    engine.run()
    value = low.module.value
    value.data = betty.ones(2, dtype=betty.float64) if change == "shape" else value.data.float()
    with pytest.raises(RuntimeError, match="'low', which has not taken a step"):
        up.one_step_descent()
    if change == "type":
        low.module.double()
        low.optimizer.state.clear()
        engine.run()
        assert np.isfinite(number(up.module.value)).all()


def test_a_replay_after_another_shape():
    """Of a parameter that alone is trained: the next step is one of the new shape."""

    class Alone(ImplicitProblem):
        def training_step(self, batch):
            return (self.module() ** 2).sum()

    module = Vector(np.ones(1 << 12))
    rule = optim.SGD(module.parameters(), lr=0.1)
    problem = Alone("alone", Config(replay=True), module, rule, train_data_loader=[betty.ones(1)])
    engine = Engine([problem], EngineConfig(train_iters=5), {"u2l": {}, "l2u": {}})
    engine.run()
    module.value.data = betty.ones(3, dtype=betty.float64)
    engine.run()
    np.testing.assert_allclose(number(module.value), np.full(3, 0.8**5), rtol=1e-12)
