"""Dependencies put in place in the middle of a run: when problems step is worked out by hand.

A problem without lower ones steps every time; one with some when all of them have ended an inner
loop since its last step, whatever the dependencies were when they did.
"""

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Plain(ImplicitProblem):
    def training_step(self, batch):
        self.cfg.append(self.engine().global_step)
        return sum(((p.module.weight - 1) ** 2).sum() for p in self.engine().problems)

    def engine(self):
        return self._engine


def build(*edges, roll_back=False):
    """u, w above; a ends a loop every two steps, b every three."""
    problems = {}
    for name, unroll in (("u", 1), ("w", 1), ("a", 2), ("b", 3)):
        module = nn.Linear(1, 1, bias=False)
        optimizer = betty.optim.SGD(module.parameters(), lr=0.01)
        problems[name] = Plain(
            name, Config(type="exact", unroll_steps=unroll), module, optimizer,
            train_data_loader=[0], extra_config=[],
        )  # fmt: skip
    graph = dependencies(problems, *edges)
    run = EngineConfig(train_iters=0, roll_back=roll_back)
    return Engine(list(problems.values()), run, graph), problems


def dependencies(problems, *edges):
    """From "au": a below u."""
    l2u = {}
    for lower, upper in edges:
        l2u.setdefault(problems[lower], []).append(problems[upper])
    return {"u2l": {}, "l2u": l2u}


@pytest.mark.parametrize(
    ("before", "steps", "after", "wanted"),
    [
        # What a has said at 2 holds: u steps at 3, with b, and then at 6.
        (("au", "bu"), 2, ("au", "bu"), {"u": [3, 6, 9]}),
        (("au", "bu"), 5, ("au", "bu"), {"u": [3, 6, 9]}),
        # Without b, u steps when a is through.
        (("au", "bu"), 3, ("au",), {"u": [3, 4, 6, 8, 10]}),
        # With b besides, u waits for it.
        (("au",), 4, ("au", "bu"), {"u": [2, 4, 6, 9]}),
        # A leaf steps always, and one that was a leaf no more.
        (("au", "bw"), 4, (), {"u": [2, 4, 5, 6, 7, 8, 9, 10], "w": [3, 5, 6, 7, 8, 9, 10]}),
        ((), 4, ("au", "bw"), {"u": [1, 2, 3, 4, 6, 8, 10], "w": [1, 2, 3, 4, 6, 9]}),
        # Uppers change places; below b is nobody any more.
        (("au", "bw"), 5, ("aw", "bu"), {"u": [2, 4, 6, 9], "w": [3, 6, 8, 10]}),
        # Turned round: what was above is a leaf that ends a loop at every step.
        (
            ("au",),
            4,
            ("ua",),
            {"u": [2, 4, 5, 6, 7, 8, 9, 10], "a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},
        ),
    ],
)
def test_who_steps_when(before, steps, after, wanted):
    engine, problems = build(*before)
    engine.train_iters = steps
    engine.run()
    engine.set_dependency(dependencies(problems, *after))
    assert [p.name for p in engine.leaves] == [
        name for name in problems if not any(edge[1] == name for edge in after)
    ]
    engine.train_iters = 10 - steps
    engine.run()
    for name, expected in wanted.items():
        assert problems[name].cfg == expected, name


def test_roll_back_goes_on_over_a_change():
    """a waits for b with a loop to undo; the change is none, so the run is the same."""
    found = []
    for change in (False, True):
        betty.manual_seed(0)
        engine, problems = build("au", "bu", roll_back=True)
        engine.train_iters = 2
        engine.run()
        if change:
            engine.set_dependency(dependencies(problems, "au", "bu"))
        engine.train_iters = 7
        engine.run()
        found.append([p.module.weight.item() for p in problems.values()])
    assert found[0] == found[1]
