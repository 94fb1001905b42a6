"""Devices beside the processor: there are none. Programs may ask, and are told so.

Their usual first line, ``accelerator.current_accelerator().type if accelerator.is_available() else
"cpu"``, gives ``"cpu"``.
"""

from __future__ import annotations

from collections import OrderedDict
from types import TracebackType
from typing import Any, NoReturn

from betty._types import refuse_device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream",
    "device_count", "device_index", "empty_cache", "get_memory_info", "is_available",
    "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved",
    "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats",
    "set_device_idx", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """False: the processor computes.

    Example:
        >>> import betty
        >>> is_fast = betty.accelerator.is_available()
        >>> betty.accelerator.current_accelerator().type if is_fast else "cpu"
        'cpu'
    """
    return False


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no such device, whether or not it is asked for one that can be used."""
    return None


def device_count() -> int:
    """0."""
    return 0


def synchronize(device: Any = None, /) -> None:
    """Accepted: there is nothing to wait for."""


def empty_cache() -> None:
    """Accepted: there is nothing to empty."""


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Accepted: there is nothing to reset."""


reset_accumulated_memory_stats = reset_peak_memory_stats


def memory_allocated(device_index: Any = None, /) -> int:
    """0: nothing is on another device."""
    return 0


max_memory_allocated = max_memory_reserved = memory_reserved = memory_allocated


def memory_stats(device_index: Any = None, /) -> OrderedDict[str, Any]:
    """Nothing; ``betty.memory_stats`` tells of the processor's memory."""
    return OrderedDict()


def _refuse(*_: Any) -> NoReturn:
    """Refused: there is no such device.

    Raises:
        RuntimeError: Always.
    """
    refuse_device("accelerator")


current_device_index = current_device_idx = current_stream = get_memory_info = _refuse
set_device_index = set_device_idx = set_stream = _refuse


class device_index:
    """A context in which a device is the current one; None, the only choice, changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            refuse_device(f"accelerator:{self.idx}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
