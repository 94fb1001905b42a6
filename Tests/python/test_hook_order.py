"""The order of hooks in all combinations of options, against a model of the loop in plain Python.

The model knows nothing of gradients: it says only who does what when.
"""

from itertools import product

import betty
import numpy as np
import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from test_problems import Vector


class Level:
    """A problem of the model.

    `lowers` are modelled before it, so that levels refer to what lies below them only.
    """

    def __init__(self, name, events, roll_back, *, unroll=1, gas=1, warmup=0, calls=1):
        self.name, self.events = name, events
        self.roll_back, self.gas, self.warmup, self.calls = roll_back, gas, warmup, calls
        self.period = unroll * gas
        self.parents, self.ready, self.undone = [], {}, {}
        self.count, self.is_start, self.has_fired = 0, True, False

    def above(self, parent):
        self.parents.append(parent)
        parent.ready[self], parent.undone[self] = False, False

    def say(self, what):
        self.events.append((self.name, what))

    @property
    def undoes(self):
        return self.roll_back and bool(self.parents)

    def descend(self, is_whole):
        self.say("training_step")
        self.say("grad_callback")
        if is_whole:
            self.say("param_callback")

    def step(self):
        self.step_normal()
        self.step_after_roll_back()

    def step_normal(self):
        if not all(self.ready.values()):
            return
        for _ in range(self.calls):
            self.step_once()
        self.ready = dict.fromkeys(self.ready, False)

    def step_once(self):
        if self.is_start:
            self.say("on_inner_loop_start")
        self.is_start = False
        self.count += 1
        self.say("get_batch")
        self.descend(self.count % self.gas == 0)
        if not self.undoes:
            self.say("scheduler")
        if self.count % self.period == 0 and self.count > self.warmup:
            self.is_start = self.has_fired = True
            for parent in self.parents:
                parent.ready[self] = True
                parent.step_normal()

    def step_after_roll_back(self):
        if not (self.undoes and self.has_fired and all(self.undone.values())):
            return
        self.has_fired = False
        self.undone = dict.fromkeys(self.undone, False)
        self.descend(is_whole=True)
        self.say("scheduler")
        for parent in self.parents:
            parent.undone[self] = True
            parent.step_after_roll_back()


class Saying(ImplicitProblem):
    """A problem that says what it does; its loss depends on its neighbours."""

    def say(self, what):
        self.cfg["events"].append((self.name, what))

    def get_batch(self):
        self.say("get_batch")
        return super().get_batch()

    def on_inner_loop_start(self):
        self.say("on_inner_loop_start")

    def training_step(self, batch):
        self.say("training_step")
        others = sum(getattr(self, name).module.value.sum() for name in self.cfg["reads"])
        return (self.module.value - batch[0] - 0.1 * others).square().sum()

    def grad_callback(self):
        self.say("grad_callback")

    def param_callback(self):
        self.say("param_callback")


class Schedule(betty.optim.lr_scheduler.LambdaLR):
    def __init__(self, optimizer, name, events):
        self.said = (name, "scheduler"), events
        super().__init__(optimizer, lambda step: 1.0)
        events.clear()

    def step(self, epoch=None):
        event, events = self.said
        events.append(event)
        super().step(epoch)


def programs(edges, options, roll_back, steps):
    """The events of a run and of the model. `edges`: lower to uppers, leaves first."""
    seen, told = [], []
    names = list(options)
    levels = {}
    for name in names:
        given = dict(options[name])
        levels[name] = Level(name, told, roll_back, **given)
    for lower, uppers in edges.items():
        for upper in uppers:
            levels[lower].above(levels[upper])
    problems = {}
    for name in names:
        given = options[name]
        config = Config(
            type="exact", unroll_steps=given.get("unroll", 1),
            gradient_accumulation=given.get("gas", 1), warmup_steps=given.get("warmup", 0),
            steps_per_call=given.get("calls", 1),
        )  # fmt: skip
        module = Vector([1.0, 2.0])
        optimizer = betty.optim.SGD(module.parameters(), lr=0.01)
        reads = edges.get(name, []) + [low for low, ups in edges.items() if name in ups]
        problems[name] = Saying(
            name, config, module, optimizer, Schedule(optimizer, name, seen),
            [(np.ones(2),)], {"events": seen, "reads": reads},
        )  # fmt: skip
    l2u = {problems[low]: [problems[up] for up in ups] for low, ups in edges.items()}
    u2l = {}
    for low, ups in edges.items():
        for up in ups:
            u2l.setdefault(problems[up], []).append(problems[low])
    seen.clear()
    config = EngineConfig(train_iters=steps, roll_back=roll_back)
    Engine(list(problems.values()), config, {"l2u": l2u, "u2l": u2l}).run()
    leaves = [levels[n] for n in names if not levels[n].ready]
    for _ in range(steps):
        for leaf in leaves:
            leaf.step()
    return seen, told


@pytest.mark.parametrize("roll_back", [False, True])
@pytest.mark.parametrize(
    ("gas", "unroll", "warmup"), list(product([1, 2], [1, 3], [0, 5])), ids=str
)
@pytest.mark.parametrize("calls", [1, 2])
def test_two_levels(roll_back, gas, unroll, warmup, calls):
    options = {
        "low": {"gas": gas, "unroll": unroll, "warmup": warmup},
        "up": {"gas": 3 - gas, "calls": calls},
    }
    seen, told = programs({"low": ["up"]}, options, roll_back, 14)
    assert seen == told
    assert ("up", "param_callback") in seen


@pytest.mark.parametrize("roll_back", [False, True])
@pytest.mark.parametrize(
    ("gas", "unroll", "warmup"), list(product([1, 2], [1, 3], [0, 3])), ids=str
)
@pytest.mark.parametrize("middle", [{}, {"unroll": 2}, {"gas": 2, "calls": 2}, {"warmup": 1}])
def test_three_levels(roll_back, gas, unroll, warmup, middle):
    options = {
        "low": {"gas": gas, "unroll": unroll, "warmup": warmup},
        "mid": middle,
        "up": {"calls": 2 if unroll == 1 else 1},
    }
    seen, told = programs({"low": ["mid"], "mid": ["up"]}, options, roll_back, 26)
    assert seen == told
    assert ("up", "param_callback") in seen


@pytest.mark.parametrize("first", [{}, {"unroll": 2}, {"gas": 2, "warmup": 3}])
def test_two_lower_problems_under_one(first):
    """The upper one waits for both."""
    options = {"a": first, "b": {"unroll": 3}, "up": {}}
    seen, told = programs({"a": ["up"], "b": ["up"]}, options, roll_back=False, steps=12)
    assert seen == told
    assert seen.count(("up", "get_batch")) >= 3


def test_two_upper_problems_over_one():
    options = {"low": {"unroll": 2}, "a": {}, "b": {"gas": 2}}
    for roll_back in (False, True):
        seen, told = programs({"low": ["a", "b"]}, options, roll_back, 8)
        assert seen == told
