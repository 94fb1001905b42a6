"""How long a statement takes, under the names of ``torch.utils.benchmark``.

A statement that only records operations computes nothing: read a value in it, or call
``betty.evaluate``, if the computation is to be timed.
"""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Iterable
from typing import Any

from betty._process import get_num_threads, set_num_threads

__all__ = ["Compare", "Measurement", "Timer", "timer"]

timer = time.perf_counter


class Measurement:
    """Times of a statement, in seconds.

    Args:
        number_per_run: How often it was run for each of ``raw_times``.
        raw_times: What the runs took.
        title: What it is called.
        num_threads: On how many threads it ran.
    """

    def __init__(
        self, number_per_run: int, raw_times: list[float], title: str = "", num_threads: int = 1
    ) -> None:
        self.number_per_run, self.raw_times = number_per_run, raw_times
        self.title, self.num_threads = title, num_threads

    @property
    def times(self) -> list[float]:
        """Seconds of one time, for each run."""
        return [each / self.number_per_run for each in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of ``times``."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """The median of ``times``."""
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """How far the middle half of ``times`` reaches."""
        if len(self.times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    def __repr__(self) -> str:
        runs = f"{len(self.times)} measurements, {self.number_per_run} runs each"
        return f"{self.title}\n  {_seconds(self.median)}\n  {runs}, {self.num_threads} thread(s)"


def _seconds(value: float) -> str:
    for limit, unit, factor in ((1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if value < limit:
            return f"{value * factor:.2f} {unit}"
    return f"{value:.2f} s"


class Timer:
    """Runs a statement and measures it.

    Args:
        stmt: Python code.
        setup: Code that runs once before each measurement.
        global_setup: Accepted for migration.
        timer: The clock.
        globals: The names that the code sees.
        label: What is measured; with ``sub_label`` and ``description`` it makes the title.
        sub_label: See ``label``.
        description: See ``label``.
        env: Accepted for migration.
        num_threads: On how many threads the engine computes meanwhile.
        language: ``"python"``.

    Raises:
        NotImplementedError: Another language.

    Example:
        >>> import betty
        >>> from betty.utils.benchmark import Timer
        >>> x = betty.ones(10)
        >>> found = Timer("x.sum().item()", globals={"x": x}).timeit(5)
        >>> found.number_per_run, found.mean > 0
        (5, True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if str(language).lower() not in ("python", "py", "language.python"):
            raise NotImplementedError(f"Timer: measures Python, not {language}")
        self._timer = timeit.Timer(stmt, setup, timer, dict(globals or {}))
        self._title = ": ".join(part for part in (label, sub_label, description) if part) or stmt
        self._num_threads = num_threads

    def _measure(self, number: int, enough: Callable[[list[float]], bool]) -> Measurement:
        """Runs of ``number`` times each until there are enough."""
        before, found = get_num_threads(), []
        set_num_threads(self._num_threads)
        try:
            while not found or not enough(found):
                found.append(self._timer.timeit(number))
        finally:
            set_num_threads(before)
        return Measurement(number, found, self._title, self._num_threads)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Runs the statement so often, once for warming up before."""
        self._timer.timeit(max(number // 100, 2))
        return self._measure(number, lambda found: True)

    def _number(self, least: float) -> int:
        """How often the statement is run at once, so that the clock's own time is small."""
        number = 1
        while self._timer.timeit(number) < least and number < 10**9:
            number *= 10
        return number

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Measures again and again for ``min_run_time`` seconds.

        Args:
            callback: Called with how often the statement was run and how long it took.
            min_run_time: Seconds.
        """

        def enough(found: list[float]) -> bool:
            if callback is not None:
                callback(number, found[-1])
            return sum(found) >= min_run_time

        number = self._number(min_run_time / 1000)
        return self._measure(number, enough)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measures until the middle half of the times lies within ``threshold`` of the median.

        Args:
            threshold: A part of the median.
            min_run_time: Seconds, at least.
            max_run_time: Seconds, at most.
            callback: See ``blocked_autorange``.
        """

        def enough(found: list[float]) -> bool:
            if callback is not None:
                callback(number, found[-1])
            steady = len(found) > 3 and Measurement(1, found).iqr < threshold * min(found)
            return sum(found) >= (min_run_time if steady else max_run_time)

        number = self._number(min_run_time / 10)
        return self._measure(number, enough)


class Compare:
    """Measurements side by side.

    Args:
        results: What the timers gave.
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements."""
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Accepted: times have two places."""

    def colorize(self, rowwise: bool = False) -> None:
        """Accepted: text has no colours."""

    def __str__(self) -> str:
        width = max([0, *(len(each.title) for each in self._results)])
        return "\n".join(f"{x.title:<{width}}  {_seconds(x.median):>12}" for x in self._results)

    def print(self) -> None:
        """Prints them."""
        print(self)
