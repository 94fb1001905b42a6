"""Errors say where they come from: the problem, the step, the option."""

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Fit(ImplicitProblem):
    def training_step(self, batch):
        return self.module(batch).square().mean()


def fit(problem=Fit, config=None, data=None, name="fit"):
    module = nn.Linear(3, 1)
    data = [betty.ones(4, 3)] if data is None else data
    return problem(
        name, config or Config(), module, betty.optim.SGD(module.parameters(), lr=0.1), None, data
    )


def fails_in(name, at=3):
    """A problem whose hook of that name fails at a step."""

    def hook(self, *arguments):
        if self.count == at:
            raise KeyError("my bug")
        return getattr(super(problem, self), name, lambda *_: None)(*arguments)

    problem = type("Own", (Fit,), {name: hook})
    return problem


# A batch is asked for on the way to training_step.
@pytest.mark.parametrize(
    ("hook", "place"),
    [
        ("training_step", "training_step"),
        ("grad_callback", "grad_callback"),
        ("param_callback", "param_callback"),
        ("get_batch", "training_step"),
    ],
)
def test_what_a_hook_raises_has_a_note_of_the_problem_and_the_step(hook, place):
    with pytest.raises(KeyError, match="my bug") as raised:
        Engine([fit(fails_in(hook))], EngineConfig(train_iters=9)).run()
    (note,) = raised.value.__notes__
    assert note == f"problem 'fit', step 3: in {place}"


def test_what_an_operation_refuses_in_a_step_has_the_note():
    data = [betty.ones(4, 3), betty.ones(4, 5)]
    with pytest.raises(RuntimeError, match="linear: input") as raised:
        Engine([fit(data=data)], EngineConfig(train_iters=9)).run()
    assert raised.value.__notes__ == ["problem 'fit', step 2: in training_step"]


def test_options_are_refused_with_the_name_of_the_problem():
    for options, error, part in (
        ({"type": "foo"}, ValueError, "problem 'fit': Config: type 'foo' is unknown"),
        ({"unroll_steps": 0}, ValueError, "problem 'fit': Config: unroll_steps must be at least 1"),
        ({"cg_damping": float("nan")}, ValueError, "cg_damping must be a number, got nan"),
    ):
        with pytest.raises(error, match=part):
            Engine([fit(config=Config(**options))])


def test_engine_options_of_a_wrong_kind_are_refused():
    for options, part in (
        ({"train_iters": "9"}, "train_iters takes int, got str '9'"),
        ({"replicas": "2"}, "replicas takes int, got str '2'"),
        ({"train_iters": 9.5}, "train_iters takes int, got float 9.5"),
        ({"logger_type": 3}, "logger_type takes str, got int 3"),
        ({"roll_back": "no"}, "roll_back takes bool, got str 'no'"),
    ):
        with pytest.raises(TypeError, match=part):
            EngineConfig(**options)


def test_dependencies_are_lists():
    upper, lower = fit(name="upper"), fit(name="lower")
    with pytest.raises(TypeError, match=r"'u2l' of .*upper.* as a list of problems, got .*lower"):
        Engine([upper, lower], EngineConfig(), {"u2l": {upper: lower}, "l2u": {lower: [upper]}})


def test_a_problem_cannot_take_the_place_of_the_validation():
    with pytest.raises(ValueError, match="already has an attribute 'validation'"):
        Engine([fit(name="validation")])
