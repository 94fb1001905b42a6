"""Files, under the names of ``torch.serialization``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from betty._files import load, save

__all__ = [
    "add_safe_globals", "clear_safe_globals", "default_restore_location", "get_safe_globals",
    "load", "register_package", "safe_globals", "save",
]  # fmt: skip


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Accepted: a file is read as data, and no name in it is looked up in a program."""


def clear_safe_globals() -> None:
    """Accepted: there are none."""


def get_safe_globals() -> list[Any]:
    """None are needed."""
    return []


class safe_globals:
    """Accepted, as ``add_safe_globals``."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def register_package(priority: int, tagger: Any, deserializer: Any) -> None:
    """Accepted: everything is on the processor."""


def default_restore_location(storage: Any, location: str) -> Any:
    """What it is given: everything is on the processor."""
    return storage
