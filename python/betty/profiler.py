"""How long named parts of a program take, under the names of ``torch.profiler``.

Operations are recorded and computed when a value is read, many at once, so there are no times of
single operations: what is timed are the blocks that a program names with ``record_function``, by
the clock. A block that reads no value takes as long as recording it does.
"""

from __future__ import annotations

import enum
import functools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

__all__ = [
    "EventList", "ProfilerAction", "ProfilerActivity", "kineto_available", "profile",
    "record_function", "schedule", "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip


class ProfilerActivity(enum.Enum):
    """What may be observed; here only what the processor does."""

    CPU = 0
    CUDA = 1
    XPU = 2
    MTIA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDS = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """Those that can be observed: the processor's."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """False: single operations are not timed."""
    return False


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:  # fmt: skip
    """Which steps are recorded: after ``skip_first``, rounds of waiting, warming up and recording.

    Args:
        wait: Steps of a round in which nothing happens.
        warmup: Steps after them that are not recorded either.
        active: Steps that are.
        repeat: How many rounds there are; 0 for any number.
        skip_first: Steps before the first round.
        skip_first_wait: Not 0: the first round doesn't wait.

    Returns:
        A function of a step's number.

    Raises:
        ValueError: A number is negative, or ``active`` is 0.

    Example:
        >>> from betty.profiler import schedule
        >>> plan = schedule(wait=1, warmup=1, active=2)
        >>> [plan(step).name for step in range(4)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise ValueError("schedule: wait, warmup, repeat and skip_first are 0 at least, active 1")

    def plan(step: int) -> ProfilerAction:
        if step < 0:
            raise ValueError(f"schedule: step is 0 at least, got {step}")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        step += wait if skip_first_wait else 0
        whole = wait + warmup + active
        if repeat and step // whole >= repeat:
            return ProfilerAction.NONE
        place = step % whole
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < whole - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


class _Block(NamedTuple):
    """A block that has ended: microseconds, and how many of them inner blocks took."""

    name: str
    start: float
    duration: float
    inner: float
    thread: int


class _Average:
    """What a name's blocks took together, in microseconds."""

    cuda_time_total = device_time_total = self_cuda_time_total = self_device_time_total = 0.0
    cpu_memory_usage = self_cpu_memory_usage = cuda_memory_usage = flops = 0

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """The mean of a block."""
        return self.cpu_time_total / max(self.count, 1)

    cuda_time = device_time = 0.0


class EventList(list):
    """Blocks, or what those of a name took together."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """Names, calls and times as text.

        Args:
            sort_by: ``"count"``, or a time such as ``"cpu_time_total"``: the largest comes first.
            row_limit: How many rows there are at most.
            options: Accepted for migration.
        """
        rows = sorted(self, key=lambda e: -getattr(e, sort_by, 0.0)) if sort_by else list(self)
        width = max([4, *(len(row.key) for row in rows)]) + 2
        lines = [f"{'Name':<{width}}{'CPU total':>14}{'Self CPU':>14}{'CPU avg':>14}{'Calls':>8}"]
        lines += [
            f"{row.key:<{width}}{_text(row.cpu_time_total):>14}{_text(row.self_cpu_time_total):>14}"
            f"{_text(row.cpu_time):>14}{row.count:>8}"
            for row in rows[:row_limit]
        ]
        return "\n".join([*lines, f"blocks of record_function: {sum(row.count for row in rows)}"])

    def total_average(self) -> Any:
        """All blocks together."""
        whole = _Average("Total")
        for row in self:
            whole.count += row.count
            whole.cpu_time_total += row.self_cpu_time_total
            whole.self_cpu_time_total += row.self_cpu_time_total
        return whole

    def __str__(self) -> str:
        return self.table()


def _text(microseconds: float) -> str:
    for limit, unit, factor in ((1e3, "us", 1.0), (1e6, "ms", 1e3)):
        if microseconds < limit:
            return f"{microseconds / factor:.3f}{unit}"
    return f"{microseconds / 1e6:.3f}s"


# Profilers that run now, and each thread's open blocks: what blocks inside them took.
_running: list[Any] = []
_open = threading.local()


class record_function:
    """A named block, as a context or a decorator; profilers that run meanwhile time it.

    Args:
        name: Its name.
        args: Accepted for migration.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._starts: list[float] = []

    def __enter__(self) -> Self:
        if not hasattr(_open, "inner"):
            _open.inner = []
        _open.inner.append(0.0)
        self._starts.append(time.perf_counter())
        return self

    def __exit__(self, *exception: object) -> None:
        end, start = time.perf_counter(), self._starts.pop()
        inner = _open.inner.pop()
        if _open.inner:
            _open.inner[-1] += end - start
        block = _Block(
            self.name, start * 1e6, (end - start) * 1e6, inner * 1e6, threading.get_ident()
        )
        for each in _running:
            each._take(block)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return func(*args, **kwargs)

        return call


class profile:
    """Times the blocks of ``record_function`` that end inside it.

    Args:
        activities: Accepted for migration; so are all options that are not named here.
        schedule: Says by a step's number what is done in it; None records from start to stop.
        on_trace_ready: Called with the profiler when a round has been recorded.

    Example:
        >>> import betty
        >>> from betty.profiler import profile, record_function
        >>> with profile() as profiler:
        ...     for _ in range(3):
        ...         with record_function("product"):
        ...             _ = (betty.ones(4, 4) @ betty.ones(4, 4)).sum().item()
        >>> [(row.key, row.count) for row in profiler.key_averages()]
        [('product', 3)]
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        self.schedule, self.on_trace_ready, self.step_num = schedule, on_trace_ready, 0
        self.current_action = ProfilerAction.NONE
        self._blocks: list[_Block] = []
        self._metadata: dict[str, Any] = {}

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def _take(self, block: _Block) -> None:
        if self.current_action in _RECORDS:
            self._blocks.append(block)

    def start(self) -> None:
        """Begins."""
        self.current_action = self._action()
        _running.append(self)

    def stop(self) -> None:
        """Ends; a round that is being recorded is ready."""
        if self in _running:
            _running.remove(self)
        if self.current_action in _RECORDS:
            self._ready()
        self.current_action = ProfilerAction.NONE

    def _ready(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Says that a step of the program has ended."""
        before = self.current_action
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._ready()
        self.step_num += 1
        self.current_action = self._action()
        if before is not ProfilerAction.RECORD and self.current_action in _RECORDS:
            self._blocks = []  # another round

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def add_metadata(self, key: str, value: str) -> None:
        """Puts a text into the exported trace."""
        self._metadata[key] = value

    add_metadata_json = add_metadata

    def events(self) -> list[_Block]:
        """The blocks, in the order in which they ended."""
        return list(self._blocks)

    def key_averages(self, group_by_input_shape: bool = False, **options: Any) -> EventList:
        """What the blocks of each name took together."""
        found: dict[str, _Average] = {}
        for block in self._blocks:
            row = found.setdefault(block.name, _Average(block.name))
            row.count += 1
            row.cpu_time_total += block.duration
            row.self_cpu_time_total += block.duration - block.inner
        return EventList(found.values())

    def export_chrome_trace(self, path: str) -> None:
        """Writes the blocks for chrome://tracing and Perfetto."""
        events = [
            {
                "ph": "X", "cat": "user_annotation", "name": block.name, "pid": os.getpid(),
                "tid": block.thread, "ts": block.start, "dur": block.duration,
            }
            for block in self._blocks
        ]  # fmt: skip
        with open(path, "w") as file:
            json.dump({"traceEvents": events, **self._metadata}, file)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """What writes each round into a folder, for ``on_trace_ready``.

    Args:
        dir_name: The folder, made if it is not there.
        worker_name: Begins the files' names; None takes the host's name and the process's number.
        use_gzip: Accepted for migration.
    """

    def write(profiler: Any) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        path = os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json")
        profiler.export_chrome_trace(path)

    return write
