"""The step that roll-back takes again: through unrolled steps, and when it fails."""

import betty
import numpy as np
import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem
from test_problems import Vector, number

START = np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize("gas", [1, 2, 4])
def test_a_repeated_step_through_unrolled_steps_is_whole(gas):
    """Of a middle problem: its update is as large however many micro-steps the one undone had."""

    class Top(ImplicitProblem):
        def training_step(self, batch):
            return ((self.mid.module() - 1) ** 2).sum() + 0 * self.module().sum()

    class Mid(ImplicitProblem):
        def training_step(self, batch):
            return 3 * self.low.module().sum()

    class Low(IterativeProblem):
        def training_step(self, batch):
            return ((self.module() - self.mid.module()) ** 2).sum()

    def level(kind, name, rate, **options):
        module = Vector(START)
        rule = betty.optim.SGD(module.parameters(), lr=rate)
        return kind(name, Config(**options), module, rule, train_data_loader=[0])

    top, mid = level(Top, "top", 0.0), level(Mid, "mid", 0.1, gradient_accumulation=gas)
    low = level(Low, "low", 0.1)
    edges = {"u2l": {mid: [low]}, "l2u": {low: [mid], mid: [top]}}
    Engine([top, mid, low], EngineConfig(train_iters=gas, roll_back=True), edges).run()
    # d low / d mid of one step is 2 * 0.1.
    np.testing.assert_allclose(number(mid.module.value), START - 0.1 * 3 * 0.2, rtol=1e-12)


@pytest.mark.parametrize("hook", ["training_step", "param_callback"])
@pytest.mark.parametrize("who", ["low", "mid"])
def test_a_repeated_step_that_failed_is_taken_before_the_next_one(who, hook):
    class Failing(ImplicitProblem):
        at = None

        def call(self, name):
            """Fails in the step repeated after the third: at one count it is called twice."""
            if (self.name, name, self.count) == (who, hook, 3) and self.at is not None:
                self.at += 1
                if self.at == 2:
                    raise ZeroDivisionError

        def training_step(self, batch):
            self.call("training_step")
            return self.module().sum()

        def param_callback(self):
            self.call("param_callback")

    def run(at):
        def level(name):
            module = Vector(START)
            rule = betty.optim.SGD(module.parameters(), lr=1.0, momentum=0.5)
            return Failing(name, Config(), module, rule, train_data_loader=[0])

        problems = [level(name) for name in ("top", "mid", "low")]
        top, mid, low = problems
        edges = {"l2u": {low: [mid], mid: [top]}}
        engine = Engine(problems, EngineConfig(train_iters=1, roll_back=True), edges)
        Failing.at = at
        failures = 0
        for _ in range(5):
            try:
                engine.run()
            except ZeroDivisionError:
                failures += 1
        assert failures == (at is not None)
        return [p.count for p in problems], [p.module.value.tolist() for p in problems]

    assert run(0) == run(None)
