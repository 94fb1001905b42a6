"""What functions written in Python say to operands that are no tensors.

Invariant: a call with tensors costs a frame more and nothing else.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

from betty._native import Tensor

_FIRST = ("input", "tensor", "a")


def checked(function: Any) -> Any:
    """The function, with a TypeError where a first operand that is no tensor lacks an attribute."""
    if not isinstance(function, FunctionType) or not function.__module__.startswith("betty._"):
        return function
    written = getattr(function, "__wrapped__", function)
    if written.__code__.co_varnames[:1] not in [(name,) for name in _FIRST]:
        return function

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except AttributeError:
            first = arguments[0] if arguments else next(map(keywords.get, _FIRST), None)
            if isinstance(first, Tensor):
                raise
            raise TypeError(
                f"{function.__name__}: the first operand must be a Tensor, "
                f"got {type(first).__name__}"
            ) from None

    call.__module__ = "betty"
    return call
