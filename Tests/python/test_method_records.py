"""What methods tell of their last call: warnings that are errors, refusals, paths that are gone."""

import warnings

import betty
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return ((self.lower.module.weight - 1) ** 2).sum() + 0.0 * self.module.weight.sum()


class Concave(ImplicitProblem):
    def training_step(self, batch):
        loss = -((self.module.weight - self.upper.module.weight) ** 2).sum()
        return 0.1 * loss + 0.0 * batch[0].sum()


class WithHook(Upper):
    def grad_callback(self):
        pass


def program(upper=Upper, replay=False, **options):
    def level(kind, name, value, rule, **config):
        module = nn.Linear(1, 1, bias=False)
        with betty.no_grad():
            module.weight.fill_(value)
        optimizer = rule(module.parameters())
        data = [(betty.zeros(1),)]
        return kind(name, Config(replay=replay, **config), module, optimizer, None, data)

    up = level(upper, "upper", 0.3, lambda p: optim.SGD(p, lr=0.1, momentum=0.9))
    low = level(Concave, "lower", 0.1, lambda p: optim.SGD(p, lr=0.1), type="cg", **options)
    return Engine([up, low], EngineConfig(train_iters=1), {"u2l": {up: [low]}, "l2u": {low: [up]}})


def state(engine):
    rule = engine.upper.optimizer
    kept = [value for entries in rule.state_dict()["state"].values() for value in entries.values()]
    return [
        [each.count for each in engine.problems],
        [each.module.weight.item() for each in engine.problems],
        [float(value) for value in kept],
    ]


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("upper", [Upper, WithHook])
def test_a_warning_that_is_an_error_leaves_a_step_whole_or_undone(upper, replay):
    told, raised = program(upper, replay), program(upper, replay)
    with pytest.warns(RuntimeWarning, match="the Hessian is not positive definite"):
        told.run()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="the Hessian is not positive definite"):
            raised.run()
    if upper is WithHook:
        assert raised.upper.count == 0 and raised.upper.module.weight.item() == pytest.approx(0.3)
        assert raised.upper.module.weight.grad is None
    else:
        assert state(raised) == state(told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for engine in (told, raised):
            engine.run()
    if upper is Upper:
        assert state(raised) == state(told)


def test_a_path_that_is_gone_says_nothing_more():
    engine = program(cg_strict=True)
    with pytest.raises(RuntimeError, match="step 1: cg through 'lower'"):
        engine.run()
    engine.set_dependency({"l2u": {engine.lower: [engine.upper]}})
    for _ in range(3):
        engine.run()
    assert engine.upper.count >= 3
    assert engine.upper.hypergradient_info == []


def test_a_path_that_stays_keeps_what_its_method_remembers():
    engine = program(cg_warm_start=True)
    with pytest.warns(RuntimeWarning, match="positive definite"):
        engine.run()
    (before,) = engine.upper.state_dict()["hypergradient"].values()
    engine.set_dependency(dict(engine.dependencies))
    (after,) = engine.upper.state_dict()["hypergradient"].values()
    assert before.tolist() == after.tolist() != [[0.0]]


def test_an_upper_problem_that_leaves_its_paths_out_says_nothing_more():
    engine = program(cg_strict=True)
    with pytest.raises(RuntimeError, match="step 1: cg through 'lower'"):
        engine.run()
    engine.upper.config.first_order = False
    engine.run()
    assert engine.upper.hypergradient_info == []
