"""Asking what a gradient would be changes nothing: parameters, buffers, random numbers, what is
kept between calls."""

import betty
import numpy as np
import pytest
from betty import hypergradient, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return ((self.lower.module[2].weight - 1) ** 2).sum() + self.module.weight.sum()


class Lower(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module(batch) - self.upper.module.weight.sum()) ** 2).mean()


def program(**options):
    betty.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.3), nn.Linear(2, 1))
    data = [betty.randn(8, 2) + 5]
    top = nn.Sequential(nn.Linear(1, 1, bias=False))[0]
    up = Upper("upper", Config(), top, optim.SGD(top.parameters(), lr=0.1), None, [0])
    rule = optim.Adam(module.parameters(), lr=0.1)
    low = Lower("lower", Config(**options), module, rule, None, data)
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    engine = Engine([up, low], EngineConfig(train_iters=3), edges)
    engine.run()
    return engine


def state(engine):
    found = [betty.get_rng_state().tolist()]
    for each in engine.problems:
        found += [value.tolist() for value in each.module.state_dict().values()]
        kept = each.state_dict().get("hypergradient", {})
        found += [(name, value.tolist()) for name, value in kept.items()]
    return found


METHODS = [
    {"type": "darts", "darts_multitask": True},
    {"type": "sama", "sama_multitask": True},
    {"type": "cg", "cg_warm_start": True, "cg_iterations": 2},
]


@pytest.mark.filterwarnings("ignore:.*positive definite")
@pytest.mark.parametrize("options", METHODS, ids=str)
def test_gradients_that_are_asked_for(options):
    engine = program(**options)
    before = state(engine)
    for problem in engine.problems:
        first = [g.tolist() for g in ask(problem)]
        assert state(engine) == before
        assert [g.tolist() for g in ask(problem)] == first
    engine.run()
    other = program(**options)
    other.run()
    assert state(engine) == state(other)


class Top(ImplicitProblem):
    def training_step(self, batch):
        return ((self.mid.module.weight - 1) ** 2).sum()


class Mid(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module.weight - self.low.module.weight) ** 2).sum()


class Low(IterativeProblem):
    def training_step(self, batch):
        return ((self.module.weight - self.top.module.weight) ** 2).sum()


def through_unrolled_steps(**options):
    betty.manual_seed(0)

    def level(kind, name, make, config):
        module = nn.Linear(2, 1, bias=False)
        return kind(name, config, module, make(module.parameters(), lr=0.1), None, [0])

    top = level(Top, "top", optim.SGD, Config())
    mid = level(Mid, "mid", optim.Adam, Config(**options))
    low = level(Low, "low", optim.SGD, Config(unroll_steps=2))
    edges = {"u2l": {top: [low]}, "l2u": {low: [mid], mid: [top]}}
    engine = Engine([top, mid, low], EngineConfig(train_iters=6), edges)
    engine.run()
    return engine


@pytest.mark.parametrize("options", METHODS, ids=str)
def test_gradients_through_unrolled_steps_that_are_asked_for(options):
    engine = through_unrolled_steps(**options)
    before = state(engine)
    first = [g.tolist() for g in ask(engine.top)]
    assert np.any(first)
    assert state(engine) == before
    assert [g.tolist() for g in ask(engine.top)] == first
    hypergradient.check(engine, engine.top, iterations=2, verbose=False)
    assert state(engine) == before


def ask(problem):
    return problem._handle.gradients(len(problem.trainable_parameters()))


def test_a_check_puts_everything_back():
    engine = program(type="darts", darts_multitask=True)
    before = state(engine)
    hypergradient.check(engine, engine.upper, iterations=3, verbose=False)
    assert state(engine) == before
    assert np.isfinite(before[0]).all()
