"""Results: several as named tuples, printed as PyTorch prints its own; and put into `out`."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from betty._checks import check_tensor
from betty._native import Tensor
from betty._types import can_cast
from betty._warnings import warn


def named(name: str, fields: str = "values indices") -> Any:
    """The class of a named tuple."""
    kind = namedtuple(name, fields)  # noqa: PYI024 (the fields are data)

    def shown(self) -> str:
        parts = ",\n".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"betty.return_types.{name}(\n{parts})"

    kind.__repr__ = shown  # type: ignore[method-assign,assignment]
    return kind


def stored(out: Any, result: Any) -> Any:
    """Puts a result into the tensor that `out` names; one of another shape takes its shape."""
    if not isinstance(result, Tensor):
        made = [stored(place, part) for place, part in zip(out, result, strict=True)]
        return type(result)(*made) if hasattr(result, "_fields") else tuple(made)
    check_tensor("out", "what is written to", out)
    if result.requires_grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad"
        )
    if not can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype} can't be cast to the desired output type {out.dtype}"
        )
    if out.shape == result.shape:
        return out._update(result)
    if out.numel():
        warn(
            "An output with one or more elements was resized since it had shape "
            f"{list(out.shape)}, which does not match the required output shape "
            f"{list(result.shape)}. out.resize_(0) before the call says that it may be."
        )
    out.data = result.to(out.dtype)
    return out


def writing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with `out`: a tensor for its result, or one for each of its results."""

    @functools.wraps(function)
    def call(*arguments: Any, out: Any = None, **keywords: Any) -> Any:
        result = function(*arguments, **keywords)
        return result if out is None else stored(out, result)

    return call
