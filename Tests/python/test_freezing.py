"""Parameters that are frozen or unfrozen while an engine trains them."""

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem


class Low(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module(batch) - self.up.module(batch)) ** 2).mean()


class LowIterative(IterativeProblem):
    training_step = Low.training_step


class Up(ImplicitProblem):
    def training_step(self, batch):
        return ((self.low.module(batch) - 1) ** 2).mean()


def build(method="darts", replay=False, frozen=False):
    betty.manual_seed(0)
    nets = {"low": nn.Linear(3, 2), "up": nn.Linear(3, 2)}
    nets["low"].weight.requires_grad_(not frozen)
    cls = LowIterative if method in ("iterative", "forward") else Low
    batches = [betty.randn(4, 3), betty.randn(4, 3)]

    def make(cls, name, config):
        module = nets[name]
        optimizer = optim.Adam(module.parameters(), lr=0.1)
        return cls(name, config, module, optimizer, train_data_loader=batches)

    low = make(cls, "low", Config(type=method, unroll_steps=2, replay=replay))
    up = make(Up, "up", Config(replay=replay))
    engine = Engine(
        [up, low],
        EngineConfig(train_iters=4),
        {"u2l": {up: [low]}, "l2u": {low: [up]}},
    )
    return engine, low, up


def weights(problem):
    return {n: p.detach().numpy().copy() for n, p in problem.module.named_parameters()}


def moved(problem, before):
    return {n for n, value in weights(problem).items() if not np.array_equal(value, before[n])}


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("method", ["darts", "cg", "sama", "iterative", "forward"])
@pytest.mark.parametrize("name", ["low", "up"])
def test_a_frozen_parameter_stays_until_it_is_unfrozen(name, method, replay):
    engine, low, up = build(method, replay)
    engine.run()
    problem = low if name == "low" else up
    before = weights(problem)
    state = problem.optimizer.state[problem.module.weight]
    steps, kept = state["step"], state["exp_avg"].tolist()
    problem.module.weight.requires_grad_(False)
    engine.run()
    assert moved(problem, before) == {"bias"}
    state = problem.optimizer.state[problem.module.weight]
    assert (state["step"], state["exp_avg"].tolist()) == (steps, kept)
    before = weights(problem)
    problem.module.weight.requires_grad_(True)
    engine.run()
    assert moved(problem, before) == {"weight", "bias"}


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("method", ["darts", "cg", "iterative", "forward"])
def test_a_parameter_frozen_from_the_beginning_is_trained_once_it_is_not(method, replay):
    engine, low, up = build(method, replay)
    for problem in (low, up):
        problem.module.weight.requires_grad_(False)
    before = weights(low), weights(up)
    engine.run()
    assert moved(low, before[0]) == moved(up, before[1]) == {"bias"}
    for problem in (low, up):
        problem.module.weight.requires_grad_(True)
    before = weights(low), weights(up)
    engine.run()
    assert moved(low, before[0]) == moved(up, before[1]) == {"weight", "bias"}


@pytest.mark.parametrize("method", ["darts", "cg", "iterative"])
def test_freezing_comes_to_the_same_as_never_having_trained_it(method):
    """Nothing of the frozen parameter enters the hypergradient."""
    results = []
    for early in (True, False):
        engine, low, up = build(method, frozen=early)
        low.module.weight.requires_grad_(False)
        engine.run()
        results.append((weights(low), weights(up)))
    for a, b in zip(*results, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("method", ["iterative", "forward"])
def test_freezing_in_the_middle_of_an_unrolled_loop(method):
    """From then on no hypergradient flows through the parameter; the loop goes on."""
    engine, low, up = build(method)
    engine.train_step()
    before = weights(low), weights(up)
    low.module.weight.requires_grad_(False)
    engine.train_step()
    assert moved(low, before[0]) == {"bias"}
    assert moved(up, before[1]) == {"weight", "bias"}
    assert np.isfinite(up.module.weight.detach().numpy()).all()
