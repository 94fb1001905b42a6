"""The profiler and the timer of statements."""

import json
import time

import betty
import pytest
from betty.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)
from betty.utils.benchmark import Compare, Timer


def test_blocks_are_timed(tmp_path):
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        for _ in range(2):
            with record_function("outer"):
                time.sleep(0.001)
                with record_function("inner"):
                    time.sleep(0.004)
    rows = {row.key: row for row in profiler.key_averages()}
    assert {key: row.count for key, row in rows.items()} == {"inner": 2, "outer": 2}
    outer, inner = rows["outer"], rows["inner"]
    assert outer.cpu_time_total > inner.cpu_time_total > 8000
    assert outer.cpu_time == outer.cpu_time_total / 2
    assert abs(outer.self_cpu_time_total - (outer.cpu_time_total - inner.cpu_time_total)) < 1e-3
    table = profiler.key_averages().table(sort_by="cpu_time_total", row_limit=1)
    assert "outer" in table
    assert "inner" not in table
    profiler.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["name"] for event in events] == ["inner", "outer"] * 2
    with record_function("after"):
        pass
    assert len(profiler.events()) == 4


def test_a_schedule_says_which_steps_are_recorded(tmp_path):
    rounds = []
    plan = schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)

    def ready(found):
        rounds.append([block.name for block in found.events()])

    with profile(schedule=plan, on_trace_ready=ready) as profiler:
        for step in range(12):
            with record_function(str(step)):
                pass
            profiler.step()
    assert rounds == [["3", "4"], ["7", "8"]]
    assert plan(20) is ProfilerAction.NONE
    with pytest.raises(ValueError, match="active 1"):
        schedule(wait=1, warmup=1, active=0)
    with profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path / "traces"), "me")):

        @record_function("decorated")
        def call():
            return 3

        assert call() == 3
    (file,) = (tmp_path / "traces").iterdir()
    assert file.name.startswith("me.")
    assert json.loads(file.read_text())["traceEvents"][0]["name"] == "decorated"


def test_the_older_profiler_can_be_off():
    for enabled in (True, False):
        profiler = betty.autograd.profiler.profile(enabled, use_cuda=False)
        with profiler as found, record_function("a part"):
            pass
        assert ("a part" in found.table()) is enabled
        assert found.self_cpu_time_total >= 0


def test_statements_are_timed():
    before = betty.get_num_threads()
    seen = []
    names = {"seen": seen, "betty": betty}
    timer = Timer("seen.append(betty.get_num_threads())", globals=names, label="a", description="b")
    found = timer.timeit(10)
    assert (found.number_per_run, len(found.raw_times), set(seen[-10:])) == (10, 1, {1})
    assert found.mean == found.median == found.times[0]
    assert "a: b" in repr(found)
    assert betty.get_num_threads() == before
    several = Timer("sum(range(100))").blocked_autorange(min_run_time=0.01)
    assert sum(several.raw_times) >= 0.01
    steady = Timer("sum(range(100))").adaptive_autorange(max_run_time=0.05)
    assert steady.iqr >= 0
    assert len(str(Compare([found, steady])).splitlines()) == 2
    with pytest.raises(NotImplementedError, match="measures Python"):
        Timer("x;", language="c++")
