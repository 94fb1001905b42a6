"""GPUs: there are none here. Programs may ask, and are told so."""

from __future__ import annotations

from typing import Any, NoReturn

from betty._types import refuse_device
from betty.cuda import amp
from betty.cuda.streams import TENSOR_TYPES, Event, Stream, StreamContext, stream
from betty.cuda.streams import device as device

globals().update(TENSOR_TYPES)


def is_available() -> bool:
    return False


def device_count() -> int:
    return 0


def is_initialized() -> bool:
    return False


def manual_seed(seed: int) -> None:
    """Accepted: there is no generator of a GPU to seed."""


manual_seed_all = manual_seed


def get_rng_state_all() -> list:
    """No generators of GPUs."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Accepted: there is no generator of a GPU to restore."""


def seed() -> None:
    """Accepted: there is no generator of a GPU to seed."""


seed_all = ipc_collect = reset_peak_memory_stats = reset_max_memory_allocated = seed


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: no GPU supports anything."""
    return False


def _no_bytes(device: Any = None) -> int:
    """0: nothing is on a GPU."""
    return 0


memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = _no_bytes
OutOfMemoryError = MemoryError


def empty_cache() -> None:
    """Accepted: there is nothing to empty."""


def set_device(device) -> NoReturn:
    refuse_device(f"cuda:{device}" if isinstance(device, int) else str(device))


def current_device() -> NoReturn:
    refuse_device("cuda")


def current_stream(device=None) -> NoReturn:
    refuse_device("cuda")


default_stream = set_stream = mem_get_info = current_stream


def memory_stats(device=None) -> dict[str, Any]:
    """Nothing: ``betty.memory_stats`` tells of the processor's memory."""
    return {}


def memory_summary(device=None, abbreviated: bool = False) -> str:
    """Nothing is on a GPU."""
    return "no GPU\n"


def init() -> None:
    """Accepted: there is nothing to set up."""


def synchronize(device=None) -> None:
    """Accepted: there is nothing to wait for."""


def get_device_capability(device=None) -> NoReturn:
    refuse_device("cuda")


def get_device_properties(device=None) -> NoReturn:
    refuse_device("cuda")


def get_device_name(device=None) -> NoReturn:
    refuse_device("cuda")
