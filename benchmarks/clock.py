"""The clock of the benchmarks: medians, and what every measuring program starts and ends with."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

# The smallest machine that a figure is meant for has two processors.
PROCESSORS = sorted(os.sched_getaffinity(0))


def median(work: Callable[[], object], repeats: int = 7, least: float = 0.03) -> float:
    """Seconds a call: the median of `repeats` runs of at least `least` seconds each."""
    calls = 1
    while True:
        elapsed = _run(work, calls)
        if elapsed >= least:
            break
        calls = max(calls * 2, int(calls * 1.2 * least / max(elapsed, 1e-9)))
    return statistics.median(_run(work, calls) / calls for _ in range(repeats))


def _run(work: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start


def pin(threads: int) -> None:
    """Keeps this process on as many processors as it has threads."""
    os.sched_setaffinity(0, PROCESSORS[:threads])


def arguments() -> tuple[str, int]:
    """The library and the number of threads that the program was started for."""
    library, threads = sys.argv[1], int(sys.argv[2])
    pin(threads)
    return library, threads


def report(seconds: dict[str, float]) -> None:
    """Gives the figures to run.py."""
    print(json.dumps(seconds))
