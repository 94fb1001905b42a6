"""Nested tuples, lists and dicts of leaves."""

from __future__ import annotations

from typing import Any

from betty._native import Tensor

__all__ = ["leaves_of", "rebuild"]


def leaves_of(tree: Any) -> list[Tensor]:
    """The tensors of nested tuples, lists and dicts, in order."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves_of(value)]
    if isinstance(tree, (tuple, list)):
        return [leaf for value in tree for leaf in leaves_of(value)]
    return [tree]


def rebuild(tree: Any, leaves: Any) -> Any:
    """The same nesting with other leaves, taken from an iterator."""
    if isinstance(tree, dict):
        return {key: rebuild(value, leaves) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        values = [rebuild(value, leaves) for value in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*values)
        return type(tree)(values)
    return next(leaves)
