"""Functions about the order of elements, with PyTorch's signatures and named results.

Invariant: sorting, ranks and running extremes are recorded, so gradients flow and steps that use
them may be replayed; what has as many results as the values say (`unique_consecutive`,
`bincount`, `argwhere`) is evaluated.
"""

from __future__ import annotations

from typing import Any

from betty import _functions as F
from betty import _native, _overloads, _types
from betty._native import Tensor, operation
from betty._results import named, writing

_sorted, _top, _kth, _middle = named("sort"), named("topk"), named("kthvalue"), named("median")
_nan_middle, _frequent = named("nanmedian"), named("mode")
_largest, _smallest = named("cummax"), named("cummin")
_ends = named("aminmax", "min max")
_counts = named("histogram", "hist bin_edges")
_median, _nanmedian = operation("median"), operation("nanmedian")


@writing
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True
) -> tuple[Tensor, Tensor]:
    """The elements of a dimension in order, and where they were; equal ones keep their order."""
    return _sorted(*F.sort(input, dim, descending))


@writing
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Indices that sort a dimension; equal elements keep their order."""
    return F.argsort(input, dim, descending)


@writing
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) elements of a dimension, and where they were."""
    return _top(*F.topk(input, k, dim, largest, sorted))


@writing
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element of a dimension, and where it is."""
    return _kth(*F.kthvalue(input, k, dim, keepdim))


@writing
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, the lower of two; with `dim` also where it is."""
    found = _median(input, dim=dim, keepdim=keepdim)
    return found if dim is None else _middle(*found)


@writing
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle of the elements that are not NaN; with `dim` also where it is."""
    found = _nanmedian(input, dim=dim, keepdim=keepdim)
    return found if dim is None else _nan_middle(*found)


@writing
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element of a dimension, and where it is."""
    return _frequent(*F.mode(input, dim, keepdim))


@writing
def cummax(input: Tensor, dim: int) -> Any:
    """Running maximum of a dimension, and where it is."""
    return _largest(*F.cummax(input, dim))


@writing
def cummin(input: Tensor, dim: int) -> Any:
    """Running minimum of a dimension, and where it is."""
    return _smallest(*F.cummin(input, dim))


@writing
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element."""
    return _ends(*F.aminmax(input, dim, keepdim))


@writing
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of a dimension, or of all elements; several q give a leading dimension."""
    return F.quantile(input, _fraction(q), dim, keepdim, interpolation)


@writing
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of the elements that are not NaN."""
    return F.nanquantile(input, _fraction(q), dim, keepdim, interpolation)


def _fraction(q: Any) -> Any:
    if not isinstance(q, Tensor) and not 0 <= q <= 1:
        raise RuntimeError(f"quantile: q must be in the range [0, 1], got {q}")
    return q


def _side(name: str, right: bool, side: str | None) -> bool:
    if side not in (None, "left", "right") or (side == "left" and right):
        raise RuntimeError(f"{name}: side is 'left' or 'right' and agrees with right, got {side}")
    return right or side == "right"


@writing
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each number goes in a sorted row: before equal ones, or behind them with `right`."""
    rows = sorted_sequence if sorter is None else F.gather(sorted_sequence, -1, sorter)
    found = F.searchsorted(rows, input, _side("searchsorted", right, side))
    return found.to(_types.int32) if out_int32 else found


@writing
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """In which of the intervals between sorted boundaries each number lies."""
    found = F.bucketize(input, boundaries, right)
    return found.to(_types.int32) if out_int32 else found


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Counts in intervals and the intervals' ends. Evaluates."""
    import numpy

    ends = _overloads.array_of(bins) if isinstance(bins, Tensor) else bins
    weights = None if weight is None else _overloads.array_of(weight).reshape(-1)
    found = numpy.histogram(_overloads.array_of(input).reshape(-1), ends, range, density, weights)
    return _counts(*(_native.from_buffer(part).to(input.dtype) for part in found))


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs. Evaluates."""
    import numpy

    if input.ndim != 1 or input.dtype.is_floating_point:
        raise RuntimeError(
            "bincount: only 1-d non-negative integral inputs, got "
            f"{tuple(input.shape)} of {input.dtype}"
        )
    array = _overloads.array_of(input)
    if array.size and array.min() < 0:
        raise RuntimeError("bincount: only 1-d non-negative integral inputs, got a negative one")
    given = None if weights is None else _overloads.array_of(weights)
    counted = _native.from_buffer(numpy.bincount(array, given, minlength))
    return (
        counted.to(weights.dtype)
        if weights is not None and weights.is_floating_point()
        else (counted)
    )


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (or slices of `dim`) without repetitions of a neighbour. Evaluates."""
    import numpy

    array = _overloads.array_of(input)
    rows = array.reshape(-1) if dim is None else numpy.moveaxis(array, dim, 0)
    flat = rows.reshape(len(rows), -1)
    starts = numpy.ones(len(rows), bool)
    starts[1:] = (flat[1:] != flat[:-1]).any(1)
    kept = rows[starts]
    values = kept if dim is None else numpy.moveaxis(kept, 0, dim)
    found = [_native.from_buffer(numpy.ascontiguousarray(values)).to(input.dtype)]
    if return_inverse:
        inverse = numpy.cumsum(starts) - 1
        found.append(_native.from_buffer(inverse.reshape(array.shape) if dim is None else inverse))
    if return_counts:
        ends = numpy.append(numpy.flatnonzero(starts), len(rows))
        found.append(_native.from_buffer(numpy.diff(ends).astype(numpy.int64)))
    return found[0] if len(found) == 1 else tuple(found)


def argwhere(input: Tensor) -> Tensor:
    """Indices of the elements that are not zero, one a row. Evaluates."""
    return _overloads.nonzero(input)


FUNCTIONS = {
    function.__name__: function
    for function in (
        sort, argsort, topk, kthvalue, median, nanmedian, mode, cummax, cummin, aminmax, quantile,
        nanquantile, bincount, unique_consecutive, argwhere, histogram,
    )
}  # fmt: skip
FREE = {"searchsorted": searchsorted, "bucketize": bucketize}
