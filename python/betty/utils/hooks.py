"""Handles of registered functions."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any, Self

__all__ = ["RemovableHandle", "register"]

_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove()` takes the hook away, as leaving a context does."""

    def __init__(self, table: MutableMapping[int, Any]) -> None:
        self._table = table
        self.id = next(_numbers)

    def remove(self) -> None:
        """Takes the hook away; again does nothing."""
        self._table.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register(table: OrderedDict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Puts a hook into a table, last or first."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle
