"""What goes wrong in a multilevel program: exceptions arrive as themselves, all is as before."""

import os
import signal
import threading
import time
import traceback

import betty
import numpy as np
import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from test_problems import Lower, Upper, Vector, by_hand, link, make, quadratic, state_of


class Broken(Exception):
    pass


HOOKS = [
    "training_step",
    "on_inner_loop_start",
    "grad_callback",
    "param_callback",
    "custom_optimizer_step",
    "get_batch",
]


def failing(base, hook):
    """A class whose hook fails once `fails` is set."""

    def run(self, *arguments):
        if self.fails:
            raise Broken(hook)
        return getattr(base, hook)(self, *arguments) if hasattr(base, hook) else None

    return type("Failing", (base,), {"fails": False, hook: run})


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("level", ["lower", "upper"])
def test_exceptions_of_hooks_arrive_as_themselves(hook, level):
    classes = {"lower": Lower, "upper": Upper}
    classes[level] = failing(classes[level], hook)
    engine = quadratic(3, **classes)
    engine.run()
    problem = getattr(engine, level)
    before, count = state_of(engine), problem.count
    problem.fails = True
    with pytest.raises(Broken, match=hook) as caught:
        engine.run()
    assert any(frame.name == "run" for frame in traceback.extract_tb(caught.value.__traceback__))
    after = state_of(engine)
    if level == "lower" and hook != "param_callback":
        np.testing.assert_array_equal(after, before)
        assert problem.count == count
    problem.fails = False
    engine.run()
    assert problem.count >= count + 3


@pytest.mark.parametrize("hook", ["training_step", "get_batch", "on_inner_loop_start"])
def test_a_run_goes_on_where_it_failed(hook):
    engine = quadratic(3, lower=failing(Lower, hook))
    engine.run()
    engine.lower.fails = True
    with pytest.raises(Broken):
        engine.run()
    engine.lower.fails = False
    engine.run()
    np.testing.assert_allclose(state_of(engine), by_hand(6), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["validation", "train_step"])
def test_exceptions_of_the_engines_methods_arrive_as_themselves(method):
    class Failing(Engine):
        pass

    def fail(self):
        raise Broken(method)

    setattr(Failing, method, fail)
    engine = quadratic(2, engine=Failing, valid_step=1)
    for _ in range(2):
        with pytest.raises(Broken, match=method):
            engine.run()


def test_exceptions_in_a_scheduler_and_in_a_loader_arrive():
    class Scheduler:
        def step(self):
            raise Broken("scheduler")

    class Loader:
        def __iter__(self):
            raise Broken("loader")

    engine = quadratic(1)
    upper = make(Upper, "upper", Config(), np.ones(3), 0.05, [(np.ones(3),)])
    lower = make(Lower, "lower", Config(), np.ones(3), 0.1, [(np.ones(3),)])
    lower.scheduler = Scheduler()
    with pytest.raises(Broken, match="scheduler"):
        link(upper, lower, 1).run()
    upper = make(Upper, "upper", Config(), np.ones(3), 0.05, [(np.ones(3),)])
    lower = make(Lower, "lower", Config(), np.ones(3), 0.1, Loader())
    with pytest.raises(Broken, match="loader"):
        link(upper, lower, 1).run()
    engine.run()


@pytest.mark.parametrize("replay", [False, True])
def test_an_interrupt_ends_a_run_within_a_second(replay):
    engine = quadratic(10**9, unroll_steps=5, replay=replay)
    sent = []

    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job's may be ignored
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            engine.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - sent[0] < 1
    timer.join()
    steps = engine.lower.count
    assert steps > 0
    engine.train_step()
    assert engine.lower.count == steps + 1


def test_a_run_inside_a_run_is_refused():
    class Nested(Engine):
        def validation(self):
            self.run()

    engine = quadratic(2, engine=Nested, valid_step=1)
    with pytest.raises(RuntimeError, match="inside a run"):
        engine.run()


def loss_of(expression):
    class Wrong(Lower):
        def training_step(self, batch):
            return expression(self)

    return quadratic(1, lower=Wrong)


def test_a_loss_must_be_a_scalar():
    message = r"problem 'lower': training_step must return a scalar loss, got f64\[3\]"
    with pytest.raises(ValueError, match=message):
        loss_of(lambda self: self.module()).run()


def test_a_loss_must_depend_on_a_parameter():
    with pytest.raises(RuntimeError, match="depends on none of its parameters"):
        loss_of(lambda self: self.upper().sum()).run()


def test_a_forgotten_edge_is_named():
    class Up(ImplicitProblem):
        def training_step(self, batch):
            return (self.low.module() ** 2).sum()

    class Low(ImplicitProblem):
        def training_step(self, batch):
            return ((self.module() - self.up.module()) ** 2).sum()

    def level(cls, name):
        module = Vector([1.0, 2.0])
        rule = betty.optim.SGD(module.parameters(), lr=0.1)
        return cls(name, Config(), module, rule, train_data_loader=[0])

    up, low = level(Up, "up"), level(Low, "low")
    engine = Engine([up, low], EngineConfig(train_iters=2), {"l2u": {low: [up]}})
    message = "'up': the loss depends on none of its parameters, and no u2l edge asks for"
    with pytest.warns(RuntimeWarning, match=message):
        engine.run()
    assert up.module.value.tolist() == [1.0, 2.0] and up.count == 2
    engine.set_dependency({"l2u": {low: [up]}, "u2l": {up: [low]}})
    engine.run()
    assert up.module.value.tolist() != [1.0, 2.0]


def test_a_step_inside_its_own_training_step():
    class Wrong(Lower):
        def training_step(self, batch):
            self.one_step_descent()

    with pytest.raises(
        RuntimeError, match="'lower': a step was asked for in its own training_step"
    ):
        quadratic(1, lower=Wrong).run()


@pytest.mark.parametrize("value", [3.0, None, "loss"])
def test_a_loss_must_be_a_tensor(value):
    with pytest.raises(TypeError, match="training_step must return a tensor or a dict"):
        loss_of(lambda self: value).run()


def test_a_dict_must_hold_the_loss():
    with pytest.raises(ValueError, match=r"without 'loss', its keys are \['other'\]"):
        loss_of(lambda self: {"other": self.module().sum()}).run()


def program(dependencies):
    upper = make(Upper, "upper", Config(), np.ones(3), 0.05, [(np.ones(3),)])
    lower = make(Lower, "lower", Config(), np.ones(3), 0.1, [(np.ones(3),)])
    return Engine([upper, lower], EngineConfig(train_iters=1), dependencies(upper, lower))


def test_a_cycle_is_named():
    with pytest.raises(ValueError, match="l2u has a cycle, '"):
        program(lambda upper, lower: {"l2u": {lower: [upper], upper: [lower]}})


def test_a_hypergradient_needs_a_path():
    with pytest.raises(ValueError, match="no l2u path leads from 'lower' to 'upper'"):
        program(lambda upper, lower: {"u2l": {upper: [lower]}})


def test_dependencies_name_known_problems():
    other = make(Upper, "other", Config(), np.ones(3), 0.05, [(np.ones(3),)])
    with pytest.raises(ValueError, match="'other', which is not in `problems`"):
        program(lambda upper, lower: {"l2u": {lower: [other]}})
    with pytest.raises(ValueError, match="keys 'u2l' and 'l2u'"):
        program(lambda upper, lower: {"l2": {lower: [upper]}})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"type": "newton"}, ValueError, "type 'newton' is unknown, known are darts"),
        ({"unroll_steps": 0}, ValueError, "unroll_steps must be at least 1, got 0"),
        ({"unroll_steps": 1.5}, TypeError, "unroll_steps"),
        ({"gradient_clipping": -1.0}, ValueError, "gradient_clipping must be at least"),
        ({"precision": "fp8"}, ValueError, "precision must be"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        quadratic(1, **options)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="unroll"):
        Config(unroll=3)
    with pytest.raises(KeyError, match="unknown option 'unroll', known are"):
        betty._native.ProblemHandle("p", {"unroll": 3}, {"training_step": lambda fresh: None})
    with pytest.raises(KeyError, match="unknown option 'iterations', known are"):
        betty._native.EngineHandle([], {"iterations": 3}, {})
    with pytest.raises(KeyError, match="unknown name 'Sgd', known are"):
        betty._native.OptimizerHandle("Sgd")


class Alone(ImplicitProblem):
    def training_step(self, batch):
        return (self.module() ** 2).sum()


def test_parameters_must_be_parameters():
    class Fixed(Alone):
        def trainable_parameters(self):
            return [betty.ones(3, requires_grad=True)]

    problem = make(Fixed, "p", Config(), np.ones(3), 0.1, [np.ones(1)])
    with pytest.raises(ValueError, match=r"problem 'p': parameters must be nn\.Parameter"):
        Engine([problem], EngineConfig(train_iters=1))


def test_what_is_missing_is_said_when_the_engine_is_made():
    with pytest.raises(ValueError, match="problem 'p' has no data"):
        Engine([make(Alone, "p", Config(), np.ones(3), 0.1, None)])
    problem = make(Alone, "p", Config(), np.ones(3), 0.1, [np.ones(1)])
    problem.optimizer = None
    with pytest.raises(ValueError, match="has parameters but no optimizer"):
        Engine([problem])
    with pytest.raises(ValueError, match="no problems"):
        Engine([])
    twins = [make(Alone, "p", Config(), np.ones(3), 0.1, [np.ones(1)]) for _ in range(2)]
    with pytest.raises(ValueError, match="two problems have the name 'p'"):
        Engine(twins)


def test_an_empty_loader_is_said():
    with pytest.raises(RuntimeError, match="problem 'p': its train data loader gives no batch"):
        Engine([make(Alone, "p", Config(), np.ones(3), 0.1, [])]).run()
