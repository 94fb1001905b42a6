"""Functions that PyTorch refuses operands of, which the operations underneath would take: of mixed
types, numbers for tensors, names that are none.

Invariant: what is checked is known without computing anything, but for the ends of `histc`.
"""

from __future__ import annotations

import math
from typing import Any

from betty import _functions as F
from betty._checks import check_tensor, is_readable
from betty._native import Tensor

_REDUCTIONS = ("prod", "mean", "amax", "amin")


def _check_type(name: str, input: Tensor, other: Any, what: str) -> None:
    """Refuses a tensor of another element type; a number is of any."""
    if isinstance(other, Tensor) and other.dtype is not input.dtype:
        raise RuntimeError(f"{name}: {what} must be {input.dtype} as input is, got {other.dtype}")


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """|input - other| <= atol + rtol * |other|, of tensors of one type."""
    _check_type("isclose", input, other, "other")
    return F.isclose(input, other, rtol, atol, equal_nan)


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, of tensors of one type. Evaluates."""
    _check_type("allclose", input, other, "other")
    return bool(F.isclose(input, other, rtol, atol, equal_nan).all())


def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """input + weight * (end - input), of tensors of one type; a weight of one element may have
    another."""
    _check_type("lerp", input, end, "end")
    if isinstance(weight, Tensor) and weight.ndim:
        _check_type("lerp", input, weight, "weight")
    return F.lerp(input, end, weight, out=out)


def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, 1 above, values at 0, of tensors of one type."""
    _check_type("heaviside", input, values, "values")
    return F.heaviside(input, values, out=out)


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """input joined with source at positions of a dimension by prod, mean, amax or amin."""
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"index_reduce: reduce must be one of {_REDUCTIONS}, got {reduce!r}")
    return F.index_reduce(input, dim, index, source, reduce, include_self=include_self, out=out)


def histc(
    input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None
) -> Tensor:
    """Counts in intervals of equal width from min to max; both equal means those of the data,
    which is read to see that it is finite."""
    if min == max and input.numel() and is_readable():
        low, high = (end.item() for end in F.aminmax(input.detach()))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    return F.histc(input, bins, min, max, out=out)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees, from dims[0] towards dims[1]."""
    if input.ndim < 2:
        raise RuntimeError(f"rot90: takes 2 dimensions at least, got {list(input.shape)}")
    return F.rot90(input, k, dims)


def _inverted(self: Tensor) -> Tensor:
    if self.dtype.is_floating_point:
        raise TypeError(f"~ takes tensors of integers or bools, got one of {self.dtype}")
    return F.bitwise_not(self)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the element type of another."""
    check_tensor("type_as", "other", other)
    return self.to(other.dtype)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the shape of another."""
    check_tensor("reshape_as", "other", other)
    return self.reshape(other.shape)


FUNCTIONS = {
    function.__name__: function
    for function in (
        allclose, heaviside, histc, index_reduce, isclose, lerp, rot90,
    )
}  # fmt: skip
METHODS = {
    "__invert__": _inverted, "reshape_as": reshape_as, "type_as": type_as,
}  # fmt: skip
