"""Data parallelism: the result of several replicas is that of one, at every level and method."""

import betty
import numpy as np
import pytest
from betty import optim
from replica_programs import UNROLLED, assert_same, build, run, values

pytestmark = pytest.mark.usefixtures("four_threads")

METHODS = [name for name in betty.hypergradient.methods() if name != "reinforce"]


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_at_every_level(method, levels):
    if method in UNROLLED and levels == 3:
        levels = 2
    options = {"method": method, "levels": levels}
    alone = run(0, **options)
    start = values(build(0, **options))
    assert np.abs(alone - start).max() > 1e-3
    for replicas in (1, 2, 3, 4):
        assert_same(run(replicas, **options), alone)


@pytest.mark.parametrize("replicas", [2, 3])
def test_single_precision(replicas):
    options = {"dtype": betty.float32, "optimizer": optim.SGD}
    assert_same(run(replicas, **options), run(0, **options), betty.float32)


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_uneven_batches_are_weighted_by_rows(replicas, replay):
    options = {"sizes": (12, 12, 7, 2), "steps": 8, "replay": replay}
    assert_same(run(replicas, **options), run(0, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation": 2},
        {"gradient_clipping": 0.05},
        {"engine": {"roll_back": True}},
        {"on_nan": "skip"},
        {"replay": True, "method": "cg"},
        {"replay": True, "on_nan": "skip"},
        {"method": "sama", "replay": True},
        {"method": "darts", "darts_multitask": True},
        {"method": "iterative", "iterative_truncation": 1},
        {"gradient_accumulation": 2, "gradient_clipping": 0.05, "method": "cg"},
        {"levels": 1},
    ],
)
def test_with_other_options(options):
    assert_same(run(2, **options), run(0, **options))
    assert_same(run(3, **options), run(0, **options))


def test_a_step_that_is_not_finite_is_left_out():
    def poisoned(replicas):
        engine = build(replicas, on_nan="skip", sizes=(12, 12), steps=4)
        low = engine.problems[0]
        low.train_data_loader[0][1][0][11, 0] = float("nan")  # a row of the last replica
        engine.run()
        return engine, values(engine)

    engine, got = poisoned(3)
    alone, wanted = poisoned(0)
    assert engine.problems[0].skipped_steps == alone.problems[0].skipped_steps == 2
    assert_same(got, wanted)


def test_calls_and_batches():
    engine = build(3, sizes=(12, 7, 2), steps=3)
    engine.run()
    low, up = engine.problems
    assert low.rows == [4, 4, 4, 3, 2, 2, 1, 1]
    assert low.cur_batch[0].shape[0] == 2
    assert up.rows == [4, 4, 4]
    assert low.hooked == 3 and low.count == 3 and up.hooked == 1


def test_replay_calls_once_a_kind_of_batch():
    engine = build(2, sizes=(12, 12, 6), steps=9, replay=True)
    engine.run()
    assert engine.problems[0].rows == [6, 6, 3, 3]


def test_nothing_is_compiled_again():
    for replay in (False, True):
        engine = build(2, steps=6, replay=replay)
        engine.run()
        before = betty.counters()
        engine.run()
        after = betty.counters()
        assert after["compilations"] == before["compilations"]
        assert after["program_runs"] - before["program_runs"] == 9
