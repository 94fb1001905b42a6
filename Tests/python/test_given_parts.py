"""Modules, optimizers and schedules that are given to a problem: fitted, or refused by its name."""

import betty
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Squares(ImplicitProblem):
    def training_step(self, batch):
        return self.module(batch).pow(2).mean()


def problem(module, optimizer, scheduler=None, kind=Squares):
    return kind("p", Config(), module, optimizer, scheduler, [betty.ones(2, 3)])


def run(*parts, steps=1, **options):
    engine = Engine([problem(*parts, **options)], EngineConfig(train_iters=steps))
    engine.run()
    return engine.p


def rates(optimizer):
    return [
        (group["lr"], [tuple(p.shape) for p in group["params"]]) for group in optimizer.param_groups
    ]


def groups_of(layer, rule=optim.SGD):
    return rule(
        [{"params": [layer.weight], "lr": 0.5}, {"params": [layer.bias], "lr": 0.0}], lr=0.1
    )


def test_groups_over_a_twin_go_by_place_and_shape():
    module = nn.Linear(3, 1)
    bias = module.bias.item()
    found = run(module, groups_of(nn.Linear(3, 1)))
    assert rates(found.optimizer) == [(0.5, [(1, 3)]), (0.0, [(1,)])]
    assert module.bias.item() == bias
    assert found.optimizer.param_groups[0]["params"][0] is module.weight


def test_a_frozen_parameter_has_no_place():
    module = nn.Sequential(nn.Linear(3, 1), nn.Linear(1, 1))
    module[1].requires_grad_(False)
    found = run(module, groups_of(nn.Linear(3, 1)))
    assert rates(found.optimizer) == [(0.5, [(1, 3)]), (0.0, [(1,)])]


def test_groups_of_other_shapes_are_refused():
    shapes = r"\[2, 3\], \[2\] for \[1, 3\], \[1\]"
    message = rf"problem 'p': the optimizer's 2 groups are of parameters .* {shapes}"
    with pytest.raises(ValueError, match=message):
        run(nn.Linear(3, 1), groups_of(nn.Linear(3, 2)))


def test_one_group_keeps_the_options_it_has_now():
    twin = nn.Linear(3, 1)
    optimizer = optim.SGD(twin.parameters(), lr=0.1, momentum=0.5)
    optimizer.param_groups[0]["lr"] = 0.25
    found = run(nn.Linear(3, 1), optimizer)
    (group,) = found.optimizer.param_groups
    assert group["lr"] == 0.25 and group["momentum"] == 0.5 and len(group["params"]) == 2


def test_an_exchange_that_fails_leaves_the_part():
    module = nn.Linear(3, 1)
    found = run(module, groups_of(module))
    with pytest.raises(ValueError, match="the optimizer's 2 groups"):
        found.set_module(nn.Linear(3, 2))
    assert found.module is module
    found.set_module(nn.Linear(3, 1))
    assert rates(found.optimizer) == [(0.5, [(1, 3)]), (0.0, [(1,)])]


def test_a_schedule_goes_on_with_the_module_that_is_put_in_place():
    module = nn.Linear(3, 1)
    optimizer = optim.SGD(module.parameters(), lr=1.0)
    schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    found = run(module, optimizer, schedule, steps=2)
    found.set_module(nn.Linear(3, 1))
    assert found.optimizer.param_groups[0]["lr"] == 0.25
    found._engine.run()
    assert found.optimizer.param_groups[0]["lr"] == 0.5**4


def test_a_schedule_of_another_optimizer_is_refused():
    module, other = nn.Linear(3, 1), nn.Linear(3, 1)
    schedule = optim.lr_scheduler.StepLR(optim.SGD(other.parameters(), lr=0.1), 1)
    with pytest.raises(ValueError, match="problem 'p': the scheduler is not one of the problem's"):
        run(module, optim.SGD(module.parameters(), lr=0.1), schedule)


def test_a_step_that_needs_a_closure_is_refused():
    class Own(Squares):
        def custom_optimizer_step(self):
            self.optimizer.step(lambda: self.module.weight.sum())

    module = nn.Linear(3, 1)
    with pytest.raises(TypeError, match="problem 'p': LBFGS computes the loss again and again"):
        run(module, optim.LBFGS(module.parameters()))
    found = run(module, optim.SGD(module.parameters(), lr=0.1))
    before = found.optimizer
    with pytest.raises(TypeError, match="problem 'p': LBFGS"):
        found.set_optimizer(optim.LBFGS(module.parameters()))
    assert found.optimizer is before
    run(module, optim.LBFGS(module.parameters(), max_iter=1), kind=Own)


@pytest.mark.parametrize(
    ("part", "given", "message"),
    [
        ("module", 3, "module is not a module, got int"),
        ("module", nn.Linear, "module is the class Linear, not a module"),
        ("optimizer", 3, "optimizer is not an optimizer, got int"),
        ("optimizer", optim.SGD, "optimizer is the class SGD, not an optimizer"),
        ("scheduler", 3, "scheduler is not a learning-rate scheduler, got int"),
        ("scheduler", optim.lr_scheduler.StepLR, "scheduler is the class StepLR, not a"),
    ],
)
def test_what_is_no_part_is_refused(part, given, message):
    module = nn.Linear(3, 1)
    parts = {"module": module, "optimizer": optim.SGD(module.parameters(), lr=0.1)}
    with pytest.raises(TypeError, match=f"problem 'p': {message}"):
        Squares("p", Config(), **{**parts, part: given})
    found = run(*parts.values(), optim.lr_scheduler.StepLR(parts["optimizer"], 1))
    with pytest.raises(TypeError, match=f"problem 'p': {message}"):
        getattr(found, f"set_{part}")(given)
    made = type("Made", (Squares,), {f"configure_{part}": lambda self: given})
    with pytest.raises(TypeError, match=f"problem 'p': {message}"):
        Engine([made("p", Config(), **{**parts, part: None}, train_data_loader=[0])])


def test_a_problem_without_a_module_is_not_called():
    with pytest.raises(RuntimeError, match="problem 'p' has no module yet"):
        problem(None, None)(betty.ones(3))
