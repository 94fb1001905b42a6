"""Parts of a problem that a program puts in place by itself, as programs for PyTorch do."""

import numpy as np
import pytest
from betty import optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.optim import lr_scheduler
from betty.problems import ImplicitProblem
from test_problems import Vector, number


class Alone(ImplicitProblem):
    def training_step(self, batch):
        return (self.module() ** 2).sum()


def run(problem, steps=3):
    Engine([problem], EngineConfig(train_iters=steps), {"u2l": {}, "l2u": {}}).run()
    return number(problem.module.value)


def alone(cls=Alone, rule=optim.SGD, scheduler=None, **options):
    module = Vector([1.0, 2.0])
    optimizer = rule(module.parameters(), lr=0.1, **options)
    schedule = scheduler and scheduler(optimizer)
    return cls("alone", Config(), module, optimizer, schedule, [0])


def test_an_optimizer_that_a_hook_puts_in_place():
    """Each inner loop begins with a new one: no momentum is left."""

    class Anew(Alone):
        def on_inner_loop_start(self):
            self.optimizer = optim.SGD(self.module.parameters(), lr=0.01, momentum=0.9)

    np.testing.assert_allclose(run(alone(Anew)), np.array([1, 2]) * 0.98**3, rtol=1e-6)


def test_a_module_that_is_put_in_place():
    problem = alone()
    engine = Engine([problem], EngineConfig(train_iters=1), {"u2l": {}, "l2u": {}})
    problem.module = Vector([10.0])
    engine.run()
    np.testing.assert_allclose(number(problem.module.value), [8.0])


def test_what_cannot_be_put_in_place_leaves_what_was_there():
    problem = alone()
    run(problem)
    before = problem.optimizer, problem.module
    with pytest.raises(TypeError, match="'alone': optimizer is not an optimizer, got int"):
        problem.optimizer = 3
    with pytest.raises(TypeError, match="'alone': module is not a module, got str"):
        problem.module = "net"
    assert (problem.optimizer, problem.module) == before


class Grouped(Alone):
    def param_groups(self):
        return [{"params": [self.module.value], "lr": 0.03}]

    def param_callback(self):
        self.rates = [*getattr(self, "rates", []), self.optimizer.param_groups[0]["lr"]]


SCHEDULES = {
    "linear": (lambda o: lr_scheduler.LinearLR(o, 0.2, total_iters=4), [0.2, 0.4, 0.6]),
    "constant": (lambda o: lr_scheduler.ConstantLR(o, 0.5, total_iters=2), [0.5, 0.5, 1.0]),
    "lambda": (lambda o: lr_scheduler.LambdaLR(o, lambda k: 1 / (k + 2)), [1 / 2, 1 / 3, 1 / 4]),
    "step": (lambda o: lr_scheduler.StepLR(o, 1, gamma=0.5), [1, 0.5, 0.25]),
    "several": (
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.ConstantLR(o, 0.5, total_iters=9), lr_scheduler.StepLR(o, 1, gamma=0.5)],
            milestones=[2],
        ),
        [0.5, 0.5, 1],
    ),
    "chained": (
        lambda o: lr_scheduler.ChainedScheduler(
            [lr_scheduler.ConstantLR(o, 0.5, total_iters=9), lr_scheduler.StepLR(o, 1, gamma=0.5)]
        ),
        [0.5, 0.25, 0.125],
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_begins_with_the_groups_that_a_problem_defines(name):
    schedule, factors = SCHEDULES[name]
    problem = alone(Grouped, scheduler=schedule)
    run(problem)
    np.testing.assert_allclose(problem.rates, 0.03 * np.array(factors), rtol=1e-12)


def test_a_schedule_of_too_few_functions_for_the_groups():
    class Two(Alone):
        def param_groups(self):
            return [{"params": [self.module.value]}, {"params": [self.other], "lr": 0.5}]

    problem = alone(Two, scheduler=lambda o: lr_scheduler.LambdaLR(o, [lambda k: 1.0]))
    problem.other = Vector([1.0]).value
    with pytest.raises(ValueError, match="2"):
        run(problem)


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.NAdam])
def test_groups_of_any_optimizer(rule):
    problem = alone(Grouped, rule)
    run(problem)
    assert problem.rates == [0.03] * 3
    assert type(problem.optimizer) is rule


class Thirds(Alone):
    def get_loss(self, batch):
        loss, stats = super().get_loss(batch)
        return loss * 3, stats

    def one_step_descent(self, batch=None):
        return super().one_step_descent(batch)


def test_a_whole_that_calls_super_has_the_own_parts_called():
    np.testing.assert_allclose(run(alone(Thirds)), np.array([1, 2]) * 0.4**3, rtol=1e-6)


def test_a_whole_that_calls_super_with_an_optimizer_in_python():
    class Whole(Alone):
        def one_step_descent(self, batch=None):
            return super().one_step_descent(batch)

    expected, found = run(alone(rule=optim.ASGD)), run(alone(Whole, optim.ASGD))
    assert not np.allclose(found, [1, 2])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_arrays_in_a_batch_stay_arrays():
    class Reads(Alone):
        def training_step(self, batch):
            self.seen = batch
            return (self.module() * batch["x"].std()).sum() * float(batch["y"])

    array = np.array([1.0, 3.0])
    problem = alone(Reads)
    problem.train_data_loader = [{"x": array, "y": np.float64(2.0)}]
    np.testing.assert_allclose(run(problem, 1), [1 - 0.1 * 2, 2 - 0.1 * 2], rtol=1e-6)
    assert problem.seen["x"] is array
