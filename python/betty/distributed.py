"""Other processes: there are none. Programs may ask, and are told so."""

from __future__ import annotations

from betty._absent import refused

__all__ = ["get_rank", "get_world_size", "is_available", "is_initialized"]


def is_available() -> bool:
    """False: one process computes, on as many threads as there are."""
    return False


def is_initialized() -> bool:
    """False: no group of processes was made."""
    return False


def get_rank(group: object = None) -> int:
    """Refused, as without a group of processes.

    Raises:
        ValueError: Always.
    """
    raise ValueError("Default process group has not been initialized")


def get_world_size(group: object = None) -> int:
    """Refused, as without a group of processes.

    Raises:
        ValueError: Always.
    """
    raise ValueError("Default process group has not been initialized")


def __getattr__(name: str) -> object:
    raise refused("betty.distributed", name)
