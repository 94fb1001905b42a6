"""GPUs: there are none here. Programs may ask, and are told so."""

from __future__ import annotations

from typing import NoReturn

from betty._types import refuse_device


def is_available() -> bool:
    return False


def device_count() -> int:
    return 0


def is_initialized() -> bool:
    return False


def manual_seed(seed: int) -> None:
    """Accepted: there is no generator of a GPU to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Accepted: there is nothing to empty."""


def set_device(device) -> NoReturn:
    refuse_device(f"cuda:{device}" if isinstance(device, int) else str(device))


def current_device() -> NoReturn:
    refuse_device("cuda")


def synchronize(device=None) -> NoReturn:
    refuse_device("cuda")


def get_device_name(device=None) -> NoReturn:
    refuse_device("cuda")
