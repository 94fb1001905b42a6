"""Asking what a gradient would be changes nothing: parameters, buffers, random numbers, what is
kept between calls."""

import betty
import numpy as np
import pytest
from betty import hypergradient, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


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


def ask(problem):
    return problem._handle.gradients(len(problem.trainable_parameters()))


def test_a_check_puts_everything_back():
    engine = program(type="darts", darts_multitask=True)
    before = state(engine)
    hypergradient.check(engine, engine.upper, iterations=3, verbose=False)
    assert state(engine) == before
    assert np.isfinite(before[0]).all()
