"""Nested tuples, lists and dicts of leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from betty._native import Tensor

__all__ = ["leaves_of", "rebuild"]


def leaves_of(tree: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts, in order."""
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, found: list[Any]) -> None:
    # Tensors are asked for first: they are what most leaves are.
    if type(tree) is Tensor:
        found.append(tree)
    elif isinstance(tree, dict):
        for value in tree.values():
            _collect(value, found)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            _collect(value, found)
    else:
        found.append(tree)


def rebuild(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same nesting with other leaves, taken from an iterator."""
    kind = type(tree)
    if kind is Tensor:
        return next(leaves)
    if kind is tuple:
        return tuple([rebuild(value, leaves) for value in tree])
    if isinstance(tree, dict):
        return {key: rebuild(value, leaves) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        values = [rebuild(value, leaves) for value in tree]
        return kind(*values) if hasattr(tree, "_fields") else kind(values)
    return next(leaves)
