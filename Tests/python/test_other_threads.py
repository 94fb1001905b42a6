"""While the engine computes for one thread, the others run."""

import threading
import time

import betty
import pytest
from betty import _native, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

SIZE = 900


def heavy():
    """Recorded, not computed."""
    x = betty.full((SIZE, SIZE), 1e-3)
    for _ in range(12):
        x = x @ x
    return x


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return (self.lower.module.weight.sum() - 1) ** 2 + heavy().sum() * 0.0


class Lower(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module.weight - self.upper.module.weight) ** 2).sum()


def program():
    def level(kind, name, **options):
        module = nn.Linear(1, 1, bias=False)
        rule = optim.SGD(module.parameters(), lr=0.1)
        return kind(name, Config(**options), module, rule, train_data_loader=[0])

    up, low = level(Upper, "upper"), level(Lower, "lower", type="cg")
    return Engine([up, low], EngineConfig(train_iters=1), {"u2l": {up: [low]}, "l2u": {low: [up]}})


def alone():
    return _native.ProblemHandle("p", {}, {"training_step": lambda fresh: None})


def gradients():
    engine = program()
    engine.run()
    return lambda: engine.upper._handle.gradients(1)


def add_batch():
    problem, batch = alone(), [heavy()]
    return lambda: problem.add_batch(iter(batch))


def set_data():
    problem, data = alone(), [heavy()]
    return lambda: problem.set_data(data, {"batch_size": 2}) or problem.add_batch(data)


@pytest.mark.parametrize("make", [gradients, add_batch, set_data])
def test_they_run(make):
    call = make()
    wakes, is_over = [0], threading.Event()

    def wake():
        while not is_over.is_set():
            time.sleep(1e-3)
            wakes[0] += 1

    other = threading.Thread(target=wake)
    other.start()
    try:
        before = wakes[0]
        call()
        after = wakes[0]
    finally:
        is_over.set()
        other.join()
    # One that needs the GIL while the call has it wakes once.
    assert after - before >= 10
