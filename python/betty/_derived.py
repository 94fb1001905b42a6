"""Functions made of others: sorting, sampling, joining, and second names.

Invariant: what orders or counts values evaluates them; what it picks is recorded, so
gradients flow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from betty import _functions as F
from betty import _native, _overloads, _types
from betty._native import Tensor

# Second names, as PyTorch has them.
ALIASES = {
    "absolute": "abs", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "arctan2": "atan2",
    "clip": "clamp", "concat": "cat", "concatenate": "cat", "divide": "div", "fix": "trunc",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "moveaxis": "movedim",
    "multiply": "mul", "negative": "neg", "not_equal": "ne", "subtract": "sub",
    "swapaxes": "transpose", "swapdims": "transpose", "true_divide": "div",
}  # fmt: skip


class Sorted(NamedTuple):
    values: Tensor
    indices: Tensor


class TopK(NamedTuple):
    values: Tensor
    indices: Tensor


class Median(NamedTuple):
    values: Tensor
    indices: Tensor


Sorted.__name__, TopK.__name__, Median.__name__ = "sort", "topk", "median"
for _kind in (Sorted, TopK, Median):
    _kind.__repr__ = _overloads._shown  # type: ignore[method-assign]


def _array(x: Tensor) -> Any:
    plain = x.detach()
    return (plain.float() if x.dtype in (_types.bfloat16, _types.float16) else plain).numpy()


def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True):
    """Indices that sort along a dimension; equal elements keep their order."""
    import numpy

    array = _array(input)
    if array.ndim == 0:
        return _native.from_buffer(numpy.zeros((), numpy.int64))
    if not descending:
        return _native.from_buffer(numpy.argsort(array, axis=dim, kind="stable"))
    # Backwards twice: the largest first, and equal ones still in their order.
    order = numpy.argsort(numpy.flip(array, dim), axis=dim, kind="stable")
    return _native.from_buffer(array.shape[dim] - 1 - numpy.flip(order, dim))


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Sorted:
    """The elements in order along a dimension, and where they were."""
    order = argsort(input, dim, descending)
    return Sorted(_along(input, dim, order), order)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> TopK:
    """The k largest (or smallest) elements along a dimension, and where they were."""
    size = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"topk: k is {k}, the dimension has {size}")
    order = argsort(input, dim, largest)
    if input.ndim:
        order = F.narrow(order, dim, 0, k)
    return TopK(_along(input, dim, order), order)


def _along(input: Tensor, dim: int, order: Tensor) -> Tensor:
    return F.gather(input, dim, order) if input.ndim else input


def median(input: Tensor, dim: int | None = None, keepdim: bool = False):
    """The middle element, the lower of two; with `dim` also where it is."""
    if dim is None:
        flat = input.reshape(-1)
        return sort(flat).values[(flat.numel() - 1) // 2]
    order = F.narrow(argsort(input, dim), dim, (input.shape[dim] - 1) // 2, 1)
    values = F.gather(input, dim, order)
    if keepdim:
        return Median(values, order)
    return Median(F.squeeze(values, dim), F.squeeze(order, dim))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator=None
) -> Tensor:
    """Indices drawn with the probabilities that the rows of `input` are proportional to."""
    if input.ndim not in (1, 2) or num_samples < 1:
        raise RuntimeError("multinomial: takes a vector or a matrix, and one sample at least")
    weights = input.detach().to(_types.float64)
    if bool((weights < 0).any()) or not bool(F.isfinite(weights).all()):
        raise RuntimeError("multinomial: probabilities must be finite and not negative")
    if not replacement:
        if bool(((weights > 0).sum(-1) < num_samples).any()):
            raise RuntimeError("multinomial: fewer nonzero probabilities than samples to draw")
        # The smallest of exponential times with these rates (Efraimidis and Spirakis, 2006).
        times = -F.log1p(-_native.operation("rand")(size=input.shape, dtype=_types.float64))
        return topk(times / weights, num_samples, largest=False).indices
    total = F.cumsum(weights, -1)
    shape = (*input.shape[:-1], num_samples)
    draws = _native.operation("rand")(size=shape, dtype=_types.float64) * total[..., -1:]
    return (draws.unsqueeze(-1) >= total.unsqueeze(-2)).sum(-1)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein's sum of products."""
    return F.einsum(_overloads._spread(operands), equation)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest, halves to even; at a place behind (or before) the point."""
    if decimals == 0:
        return F.round(input)
    scale = 10.0**decimals
    return F.round(input * scale) / scale


def vstack(tensors) -> Tensor:
    """Tensors one below another."""
    return F.cat([atleast_2d(x) for x in tensors], 0)


def hstack(tensors) -> Tensor:
    """Tensors beside each other."""
    flat = [atleast_1d(x) for x in tensors]
    return F.cat(flat, 0 if flat and flat[0].ndim == 1 else 1)


def atleast_1d(input: Tensor) -> Tensor:
    return input if input.ndim else input.reshape(1)


def atleast_2d(input: Tensor) -> Tensor:
    return input if input.ndim > 1 else input.reshape(1, -1)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs. Evaluates."""
    import numpy

    given = None if weights is None else _array(weights)
    return _native.from_buffer(numpy.bincount(_array(input), given, minlength))


def isin(elements: Tensor, test_elements: Tensor) -> Tensor:
    """Which elements are among others."""
    return (elements.unsqueeze(-1) == test_elements.reshape(-1)).any(-1)


FUNCTIONS = {
    "argsort": argsort, "sort": sort, "topk": topk, "median": median, "multinomial": multinomial,
    "round": round,
}  # fmt: skip
