"""Batches that the engine deals out itself: the same as the loader's, and no Python runs."""

import sys

import betty
import numpy as np
import pytest
from betty import _native, nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from betty.utils.data import DataLoader, TensorDataset

ROWS = 10


def program(replay, steps, hooks=None, **options):
    """A problem on a loader; its engine and what its steps saw."""
    betty.manual_seed(3)
    x, y = betty.randn(ROWS, 4), betty.randn(ROWS, 1)
    layer = nn.Linear(4, 1)
    ended = []

    class Fit(ImplicitProblem):
        calls = 0

        def training_step(self, batch):
            Fit.calls += 1
            inputs, targets = batch
            inputs = betty.nn.functional.dropout(inputs, 0.3)
            return ((self.module(inputs) - targets) ** 2).mean()

        if hooks:

            def epoch_callback(self):
                ended.append(self.count)

    loader = DataLoader(TensorDataset(x, y), **options)
    sgd = betty.optim.SGD(layer.parameters(), lr=0.05)
    fit = Fit("fit", Config(replay=replay), layer, sgd, train_data_loader=loader)
    return Engine([fit], EngineConfig(train_iters=steps), {}), layer, Fit, ended


SETTINGS = [
    {"batch_size": 4, "shuffle": True},
    {"batch_size": 4, "shuffle": True, "drop_last": True},
    {"batch_size": 3},
    {"batch_size": ROWS},
    {"batch_size": 64, "shuffle": True},
    {"batch_size": 2, "sampler": [5, -1, 3, 0, 0]},
    {"batch_size": 2, "sampler": np.array([7, 1]), "drop_last": True},
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_same_as_the_loader(options):
    """Seven passes and a bit, with dropout: every draw comes in the same order."""
    weights = []
    for replay in (False, True):
        engine, layer, _, _ = program(replay, 23, **options)
        engine.run()
        weights.append(layer.weight.detach().numpy().copy())
    np.testing.assert_array_equal(weights[0], weights[1])


def test_python_is_not_called():
    engine, _, fit, _ = program(True, 40, batch_size=4, shuffle=True)
    engine.run()
    assert fit.calls == 2  # a full batch and a rest
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame) if event == "call" else None)
    try:
        engine.run()
    finally:
        sys.setprofile(None)
    names = {frame.f_code.co_name for frame in called}
    assert "run" in names
    assert not names & {"_training_step", "training_step", "_draw", "get_batch", "next", "_batches"}
    assert fit.calls == 2


def test_epochs_end_as_the_loader_says():
    seen = []
    for replay in (False, True):
        engine, _, _, ended = program(replay, 11, hooks=True, batch_size=4)
        engine.run()
        seen.append(ended)
    assert seen[0] == seen[1] and len(seen[0]) == 3


def test_row_out_of_range():
    with pytest.raises(IndexError, match="index 10 is out of range of 10 samples"):
        program(True, 1, batch_size=2, sampler=[0, 10])[0].run()


def test_recorded_batches_are_values():
    """A list of batches that were never read: replay must not draw their random numbers again."""
    losses = []
    for replay in (False, True):
        betty.manual_seed(5)
        batches = [betty.randn(6, 4)]
        layer = nn.Linear(4, 1)

        class Fit(ImplicitProblem):
            def training_step(self, batch):
                return (self.module(batch) ** 2).mean()

        sgd = betty.optim.SGD(layer.parameters(), lr=0.1)
        fit = Fit("fit", Config(replay=replay), layer, sgd, train_data_loader=batches)
        Engine([fit], EngineConfig(train_iters=5), {}).run()
        losses.append((layer(batches[0]) ** 2).mean().item())
    assert losses[0] == pytest.approx(losses[1])


def test_loader_replaced():
    engine, layer, _, _ = program(True, 4, batch_size=4)
    engine.run()
    problem = engine.problems[0]
    problem.set_train_data_loader(DataLoader(TensorDataset(betty.ones(4, 4), betty.ones(4, 1)), 2))
    for _ in range(100):
        engine.run()
    assert abs(layer(betty.ones(1, 4)).item() - 1) < 0.5
    with pytest.raises(RuntimeError, match="rows of a TensorDataset"):
        problem.set_train_data_loader([1, 2])
    engine.run()


def test_rows_in_an_order_are_shuffled():
    """Those that are given, and no others; every one of them once a pass."""
    weight = betty.nn.Parameter(betty.zeros(1))
    problem = _native.ProblemHandle("p", {}, {"training_step": lambda fresh: weight.sum()})
    problem.set_parameters([weight])
    problem.set_optimizer(betty.optim.SGD([weight], lr=0.0)._engine)
    options = {"order": (7, 8, 9, 4), "shuffle": True, "batch_size": 1}
    problem.set_data([betty.arange(10).float()], options)
    passes = []
    for _ in range(5):
        rows = []
        for _ in range(4):
            problem.descend(True)
            rows.append(int(problem.batch(0).item()))
        passes.append(tuple(rows))
    assert {tuple(sorted(rows)) for rows in passes} == {(4, 7, 8, 9)}
    assert len(set(passes)) > 1
