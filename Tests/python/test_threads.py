"""The number of threads: programs are planned for it, and made anew when it changes."""

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem


@pytest.fixture
def threads():
    """What sets the number of threads; afterwards it is as before."""
    before = betty.get_num_threads()
    yield betty.set_num_threads
    betty.set_num_threads(before)


def compilations():
    return betty.counters()["compilations"]


def test_an_evaluation_is_planned_for_as_many_threads_as_are_set(threads):
    x = betty.rand(7, 30011)
    betty.evaluate(x)

    def plan():
        return betty.dump((x * 3 + 1).sum())

    threads(1)
    assert "each of 1 threads" in plan()
    threads(2)
    assert "each of 2 threads" in plan()
    results = []
    for count in (1, 2, 1, 2):
        threads(count)
        before = compilations()
        results.append((x * 3 + 1).sum().item())
        assert compilations() == before + (len(results) <= 2)
    assert results[0] == results[2]
    assert results[1] == results[3]


def runs_are_planned_anew(engine, threads):
    """Asserts that a run compiles for a number of threads that is new, and only then."""
    threads(1)
    engine.run()
    for count, compiled in ((2, True), (1, False), (2, False)):
        threads(count)
        before = compilations()
        engine.run()
        assert (compilations() > before) == compiled


class Inner(ImplicitProblem):
    def training_step(self, batch):
        return self.module(batch).square().mean()


class Unrolled(IterativeProblem):
    def training_step(self, batch):
        return (self.outer.module.weight * self.module(batch)).square().mean()


class Outer(ImplicitProblem):
    def training_step(self, batch):
        return self.inner.module(batch).square().mean()


@pytest.mark.parametrize("replay", [False, True])
def test_steps_are_planned_for_as_many_threads_as_are_set(threads, replay):
    module = nn.Linear(3, 1)
    data = [betty.ones(4, 3)]
    inner = Inner(
        "inner", Config(replay=replay), module, betty.optim.SGD(module.parameters(), lr=0.1), None,
        data,
    )  # fmt: skip
    engine = Engine([inner], EngineConfig(train_iters=3))
    runs_are_planned_anew(engine, threads)


def test_unrolled_steps_are_planned_for_as_many_threads_as_are_set(threads):
    upper, lower = nn.Linear(3, 1), nn.Linear(3, 1)
    data = [betty.ones(4, 3)]
    inner = Unrolled(
        "inner", Config(unroll_steps=2), lower, betty.optim.SGD(lower.parameters(), lr=0.1), None,
        data,
    )  # fmt: skip
    outer = Outer("outer", Config(), upper, betty.optim.SGD(upper.parameters(), lr=0.1), None, data)
    dependencies = {"u2l": {outer: [inner]}, "l2u": {inner: [outer]}}
    engine = Engine([outer, inner], EngineConfig(train_iters=4), dependencies)
    runs_are_planned_anew(engine, threads)
