"""After a failure a run goes on as if it had not failed: no step is lost, none is taken twice."""

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Once(Exception):
    pass


def failing(base, hook, at):
    """A problem whose hook fails the first time its count is `at`."""

    class Failing(base):
        has_failed = False

        def fail(self):
            if self.count == at and not self.has_failed:
                self.has_failed = True
                raise Once

    def method(self, *arguments):
        self.fail()
        return getattr(super(Failing, self), hook, lambda *_: None)(*arguments)

    setattr(Failing, hook, method)
    return Failing


class Lower(ImplicitProblem):
    def training_step(self, batch):
        return (self.module(batch) - self.upper.module(batch)).square().mean()


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return (self.lower.module(batch) - 1).square().mean()


class Alone(ImplicitProblem):
    def training_step(self, batch):
        return self.module(batch).square().mean()


def make(name, kind, **options):
    betty.manual_seed(len(name))
    module = nn.Linear(2, 1)
    data = [betty.ones(4, 2)]  # the batch of a failed step is not drawn again
    optimizer = betty.optim.SGD(module.parameters(), lr=0.05, momentum=0.5)
    return kind(name, Config(**options), module, optimizer, None, data)


def build(lower=Lower, upper=Upper, alone=Alone, schedule=None, **options):
    problems = [
        make("upper", upper, **options),
        make("lower", lower, unroll_steps=2, log_step=1),
        make("alone", alone),
    ]
    if schedule is not None:
        problems[1].scheduler = schedule(problems[1].optimizer)
    edges = {"u2l": {problems[0]: [problems[1]]}, "l2u": {problems[1]: [problems[0]]}}
    return Engine(problems, EngineConfig(train_iters=12), edges)


def state(engine):
    counts = [problem.count for problem in engine.problems]
    return counts, [p.tolist() for q in engine.problems for p in q.module.parameters()]


WHERE = [
    ("lower", "training_step"), ("lower", "param_callback"), ("lower", "grad_callback"),
    ("upper", "training_step"), ("upper", "param_callback"), ("alone", "training_step"),
    ("alone", "param_callback"), ("lower", "on_inner_loop_start"), ("lower", "log"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "hook"), WHERE)
@pytest.mark.parametrize("calls", [1, 3])
def test_a_run_that_failed_goes_on_where_it_was(who, hook, calls):
    kinds = {"lower": Lower, "upper": Upper, "alone": Alone}
    whole = build(steps_per_call=calls)
    whole.run()
    engine = build(**{who: failing(kinds[who], hook, 4)}, steps_per_call=calls)
    with pytest.raises(Once):
        engine.run()
    for _ in range(12 - engine.global_step):
        engine.train_step()
    assert state(engine) == state(whole)


class Schedule(betty.optim.lr_scheduler.LRScheduler):
    """Fails the first time it has been stepped `at` times."""

    at = None

    def rate(self, group, base, current):
        if self.last_epoch == type(self).at:
            type(self).at = None
            raise Once
        return 0.9 * current


@pytest.mark.parametrize("at", [3, 4])
def test_a_schedule_that_failed_keeps_no_upper_problem_from_its_step(at):
    class Failing(Schedule):
        pass

    counts = []
    for Failing.at in (None, at):
        engine = build(schedule=Failing)
        try:
            engine.run()
        except Once:
            for _ in range(12 - engine.global_step):
                engine.train_step()
        counts.append([each.count for each in engine.problems])
    assert counts[0] == counts[1] == [6, 12, 12]


def test_a_failed_step_of_the_engine_is_not_counted():
    engine = build(lower=failing(Lower, "training_step", 3))
    with pytest.raises(Once):
        engine.run()
    assert (engine.global_step, engine.lower.count, engine.alone.count) == (2, 2, 2)


@pytest.mark.parametrize(("who", "hook"), WHERE)
def test_steps_taken_by_hand_are_owed_too(who, hook):
    kinds = {"lower": Lower, "upper": Upper, "alone": Alone}
    whole = build()
    whole.run()
    engine = build(**{who: failing(kinds[who], hook, 4)})
    with pytest.raises(Once):
        for _ in range(12):
            engine.train_step()
    # A failed step whose leaves have moved is taken.
    while min(engine.lower.count, engine.alone.count) < 12:
        engine.train_step()
    assert state(engine) == state(whole)


@pytest.mark.parametrize("micro", [1, 2])
def test_a_param_callback_that_fails_leaves_no_gradient_behind(micro):
    """The step is taken: what it was made of is not added to the next one's."""

    class Looking(Lower):
        def grad_callback(self):
            pass

    def run(kind):
        engine = build(lower=kind)
        engine.lower.config.gradient_accumulation = micro
        try:
            engine.run()
        except Once:
            assert all(p.grad is None for p in engine.lower.module.parameters())
            for _ in range(12 - engine.global_step):
                engine.train_step()
        return state(engine)

    assert run(failing(Looking, "param_callback", 4)) == run(Looking)
