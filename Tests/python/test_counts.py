"""Counts of steps that are given from outside: as far as they go, and no further."""

import betty
import pytest
from betty import _native, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

MOST = 2**53


class Single(ImplicitProblem):
    def training_step(self, batch):
        return self.module.weight.sum()


def program():
    module = nn.Linear(1, 1, bias=False)
    problem = Single(
        "single", Config(), module, optim.SGD(module.parameters(), lr=0.1, momentum=0.9), None, [0]
    )
    return Engine([problem], EngineConfig(train_iters=2))


def set_global_step(engine, count):
    engine.global_step = count


def set_count(engine, count):
    engine.load_state_dict({**engine.state_dict(), "problems": {
        "single": {**engine.single.state_dict(), "count": count}}})  # fmt: skip


def set_steps(engine, count):
    engine.single.optimizer._engine.set_steps(engine.single.module.weight, count)


def set_loss_scale(engine, count):
    _native.set_loss_scale(engine.single._handle, 1.0, count)


SETTERS = [set_global_step, set_count, set_steps, set_loss_scale]


@pytest.mark.parametrize("give", SETTERS)
def test_a_run_goes_on_at_the_largest_count(give):
    engine = program()
    engine.run()
    give(engine, MOST)
    engine.run()
    if give is set_global_step:
        assert engine.global_step == MOST + 2
    if give is set_count:
        assert engine.single.count == MOST + 2


@pytest.mark.parametrize("give", SETTERS)
@pytest.mark.parametrize("count", [-1, MOST + 1, 2**63 - 1])
def test_a_larger_one_is_refused(give, count):
    engine = program()
    engine.run()
    with pytest.raises(ValueError, match=r"must be at least 0 and at most 2\*\*53, got -?\d+"):
        give(engine, count)
    engine.run()
    assert (engine.global_step, engine.single.count) == (4, 4)
