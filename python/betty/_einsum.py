"""Einstein's sum of products, in both of its forms."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from betty import _functions as F
from betty import _overloads
from betty._native import Tensor


def einsum(equation: str | Tensor, *operands: Any) -> Tensor:
    """Einstein's sum of products; also of tensors each followed by the list of its indices."""
    if not operands:
        raise ValueError("einsum: takes an equation and tensors, or tensors each with its indices")
    if isinstance(equation, Tensor):
        equation, operands = _equation((equation, *operands))
    return F.einsum(_overloads._spread(operands), equation)


def _equation(given: Sequence[Any]) -> tuple[str, tuple]:
    """(equation, tensors) of tensors and lists in turn, behind them perhaps that of the result."""
    operands, lists = tuple(given[: len(given) // 2 * 2 : 2]), given[1::2]
    text = ",".join(map(_indices, lists))
    if len(given) % 2:
        text += "->" + _indices(given[-1])
    return text, operands


def _indices(places: Any) -> str:
    if isinstance(places, Tensor):
        raise TypeError("einsum: each tensor is followed by a list of its indices, got a Tensor")
    for place in places:
        if place is not Ellipsis and not 0 <= place < len(string.ascii_letters):
            raise ValueError(
                f"einsum: an index is in 0...{len(string.ascii_letters) - 1}, got {place}"
            )
    return "".join("..." if x is Ellipsis else string.ascii_letters[x] for x in places)
