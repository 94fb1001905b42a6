"""What engines, configurations and methods refuse, by name and in one line."""

import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, check, register
from test_problems import Lower, Upper, make, quadratic


def test_options_that_are_misspelt_are_refused():
    with pytest.raises(
        AttributeError, match="no option 'unrol_steps', did you mean 'unroll_steps'"
    ):
        Config().unrol_steps = 5
    with pytest.raises(AttributeError, match="EngineConfig has no option 'patience'"):
        EngineConfig().patience = 5

    class Own(Config):
        def __init__(self, extra):
            super().__init__()
            self.extra = extra

    assert Own(3).extra == 3


@pytest.mark.parametrize(
    ("kind", "got"), [(CG, r"the class, write CG\(\)"), (3, "got 3"), (None, "None")]
)
def test_a_method_is_a_name_or_an_object(kind, got):
    with pytest.raises(
        TypeError, match=f"Config: type takes a name or an object of a method.*{got}"
    ):
        Config(type=kind)
    config = Config()
    with pytest.raises(TypeError, match="Config: type"):
        config.type = kind
    assert config.type == "darts"


def test_early_stopping_needs_a_validation():
    with pytest.raises(ValueError, match="early_stopping_tolerance must be at least 1, got -1"):
        EngineConfig(early_stopping_tolerance=-1)
    with pytest.raises(ValueError, match="early_stopping needs a `validation`"):
        Engine(quadratic(1).problems, EngineConfig(early_stopping=True))


def test_problems_are_a_list():
    with pytest.raises(TypeError, match="Engine: problems must be a list of problems, got Lower"):
        Engine(quadratic(1).lower)
    with pytest.raises(TypeError, match="Engine: problems must be a list of problems, got 3"):
        Engine(3)


def test_dependencies_are_dicts():
    engine = quadratic(1)
    upper, lower = engine.upper, engine.lower
    with pytest.raises(TypeError, match=r"dependencies must give 'u2l' as a dict .* got list"):
        Engine([upper, lower], EngineConfig(), {"u2l": [(upper, lower)], "l2u": {}})
    with pytest.raises(
        TypeError, match="dependencies must be a dict with 'u2l' and 'l2u', got None"
    ):
        engine.set_dependency(None)
    engine.run()
    assert engine.upper.count == 1


@pytest.mark.parametrize(
    ("state", "missing"), [({}, "'global_step', 'problems'"), ({"problems": {}}, "'global_step'")]
)
def test_what_a_state_lacks_is_said(state, missing):
    with pytest.raises(KeyError, match=rf"the state has no \[{missing}\]"):
        quadratic(1).load_state_dict(state)
    with pytest.raises(TypeError, match="the state must be a dict, got int"):
        quadratic(1).load_state_dict(3)


@pytest.mark.parametrize(
    "name", ["grad_callback", "epoch_callback", "configure_module", "param_groups"]
)
def test_a_name_that_is_a_hooks_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' is the name of a hook"):
        make(Upper, name, Config(), [1.0], 0.1, [0])


def test_check_asks_for_a_problem():
    engine = quadratic(1)
    with pytest.raises(TypeError, match="check: expected a Problem, got int 3"):
        check(engine, 3)


def test_an_own_method_that_gives_no_tensors_is_named():
    register("gives_three", lambda vector, lower, upper: [3])
    with pytest.raises(TypeError, match=r"method 'gives_three': .* there is int 3 in it"):
        quadratic(1, lower=Lower, type="gives_three").run()
