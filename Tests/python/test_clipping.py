"""Gradients are clipped to the norm of all the problem's gradients, by the limit there is now,
however a step is made up."""

import betty
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


def layer(value):
    module = nn.Linear(1, 1, bias=False)
    with betty.no_grad():
        module.weight.fill_(value)
    return module


class Slopes(ImplicitProblem):
    """Its gradient is (300, 400)."""

    def training_step(self, batch):
        return 300 * self.module[0].weight.sum() + 400 * self.module[1].weight.sum()


class WithHook(Slopes):
    def grad_callback(self):
        pass


class WithOwnStep(Slopes):
    def custom_optimizer_step(self):
        self.optimizer.step()


def problem(kind=Slopes, parts=2, **options):
    module = nn.Sequential(layer(0.0), layer(0.0))
    optimizer = optim.SGD(module[:parts].parameters(), lr=1.0)
    return kind("slopes", Config(**options), module, optimizer, train_data_loader=[0])


WAYS = [(Slopes, 1), (Slopes, 2), (WithHook, 1), (WithOwnStep, 1)]


@pytest.mark.parametrize(("kind", "micro"), WAYS)
def test_parameters_that_the_optimizer_does_not_have_are_measured_too(kind, micro):
    slopes = problem(kind, 1, gradient_clipping=1.0, gradient_accumulation=micro)
    Engine([slopes], EngineConfig(train_iters=micro)).run()
    assert slopes.module[0].weight.item() == pytest.approx(-0.6, rel=1e-6)
    assert slopes.module[1].weight.item() == 0


@pytest.mark.parametrize(("kind", "micro"), WAYS)
def test_another_limit_holds_from_the_next_step_on(kind, micro):
    slopes = problem(kind, gradient_clipping=1.0, gradient_accumulation=micro)
    engine = Engine([slopes], EngineConfig(train_iters=micro))
    engine.run()
    for limit, wanted in ((0.1, -0.66), (0.5, -0.96), (0.0, -300.96)):
        slopes.config.gradient_clipping = limit
        engine.run()
        assert slopes.module[0].weight.item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("kind", "micro"), WAYS)
def test_steps_that_clip_are_compiled_once(kind, micro):
    slopes = problem(kind, gradient_clipping=1.0, gradient_accumulation=micro)
    engine = Engine([slopes], EngineConfig(train_iters=2 * micro))
    engine.run()
    before = betty.counters()["compilations"]
    engine.run()
    assert betty.counters()["compilations"] == before
