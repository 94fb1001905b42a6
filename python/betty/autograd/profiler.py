"""Older names of ``betty.profiler``."""

from __future__ import annotations

from typing import Any, Self

from betty import profiler as _profiler
from betty.profiler import EventList, record_function

__all__ = ["EventList", "emit_itt", "emit_nvtx", "profile", "record_function"]


class profile(_profiler.profile):
    """``betty.profiler.profile`` that can be off, with its table at hand.

    Args:
        enabled: False times nothing.
        options: Accepted for migration.

    Example:
        >>> from betty.autograd.profiler import profile, record_function
        >>> with profile(use_cuda=False) as found, record_function("nothing"):
        ...     pass
        >>> "nothing" in found.table()
        True
    """

    def __init__(self, enabled: bool = True, **options: Any) -> None:
        super().__init__()
        self.enabled = enabled

    def start(self) -> None:
        if self.enabled:
            super().start()

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """Names, calls and times as text."""
        return self.key_averages().table(sort_by, row_limit)

    def total_average(self) -> Any:
        """All blocks together."""
        return self.key_averages().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all blocks."""
        return self.total_average().self_cpu_time_total


class emit_nvtx:
    """Accepted: there is no GPU whose profiler would be told."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


emit_itt = emit_nvtx
