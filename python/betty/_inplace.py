"""Methods that change a tensor in place.

Invariant: a method `name_` records what `name` gives and makes it the tensor's value; what was
recorded of the tensor before keeps the old one.
"""

from __future__ import annotations

import math
from typing import Any

from betty import _checks, _creation, _indexing, _native, _overloads, _types
from betty import _functions as F
from betty._native import Tensor


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    _checks.check_flag("requires_grad_", "requires_grad", requires_grad)
    self.requires_grad = requires_grad
    return self


def copy_(
    self: Tensor, src: Any = None, non_blocking: bool = False, *, other: Any = None
) -> Tensor:
    """Take the values of another tensor, broadcast and converted."""
    src = other if src is None else src
    return self._assign(src if isinstance(src, Tensor) else _creation.as_tensor(src))


def detach_(self: Tensor) -> Tensor:
    return self._detach_in_place()


def fill_(self: Tensor, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        _checks.check_range("fill_", value, self.dtype)
    elif value.ndim:
        raise RuntimeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{value.ndim} dimensions."
        )
    return self._assign(value if isinstance(value, Tensor) else _native.from_scalar(value))


def zero_(self: Tensor) -> Tensor:
    return self._assign(_native.from_scalar(0))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator=None) -> Tensor:
    _checks.check_deviation("normal_", std)
    return self._assign(_creation.randn_like(self, generator=generator) * std + mean)


def uniform_(self: Tensor, from_: float = 0, to: float = 1, *, generator=None, **names) -> Tensor:
    low = names.pop("from", from_)
    if low > to:
        raise RuntimeError(f"uniform_: expects from <= to, but found from={low} > to={to}")
    return self._assign(_creation.rand_like(self, generator=generator) * (to - low) + low)


def _uniform(self: Tensor, generator: Any) -> Tensor:
    """Numbers of [0, 1) for every element, with the digits that a function of them needs."""
    kind = self.dtype if self.is_floating_point() else _types.float32
    return _creation.rand(self.shape, dtype=_types.compute_type(kind), generator=generator)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator=None) -> Tensor:
    if isinstance(p, Tensor):
        return self._assign(_creation.bernoulli(p.expand(self.shape), generator=generator))
    _checks.check_probability("bernoulli_", p)
    return self._assign(_uniform(self, generator) < p)


def random_(self: Tensor, from_: int = 0, to: int | None = None, *, generator=None) -> Tensor:
    low, high = (0, from_) if to is None and from_ else (from_, to)
    if high is None:
        high = 256 if self.dtype is _types.uint8 else 2 if self.dtype is _types.bool else 2**24
    return self._assign(_creation.randint(low, high, self.shape, generator=generator))


def exponential_(self: Tensor, lambd: float = 1, *, generator=None) -> Tensor:
    """Waiting times of events with a rate."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_: expects lambda > 0.0, but found lambda={lambd}")
    draws = _uniform(self, generator)
    return self._assign(F.log1p(-draws) * (-1 / lambd))


def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator=None) -> Tensor:
    """Numbers whose logarithms are normal."""
    _checks.check_positive("log_normal_", "std", std)
    return self._assign(F.exp(_creation.randn_like(self, generator=generator) * std + mean))


def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator=None) -> Tensor:
    """Numbers of a Cauchy distribution."""
    _checks.check_positive("cauchy_", "sigma", sigma)
    draws = _uniform(self, generator)
    return self._assign(F.tan((draws - 0.5) * math.pi) * sigma + median)


def geometric_(self: Tensor, p: float, *, generator=None) -> Tensor:
    """Trials up to the first success."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: expects p to be in (0, 1), but got p={p}")
    draws = _uniform(self, generator)
    return self._assign(F.clamp_min(F.ceil(F.log1p(-draws) / math.log1p(-p)), 1))


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """One value along the main diagonal; with `wrap` again below a square, after a gap of a row."""
    if self.ndim < 2:
        raise RuntimeError(f"fill_diagonal_: takes 2 dimensions at least, got {self.ndim}")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("fill_diagonal_: all dimensions must be of equal length")
    step = sum(math.prod(self.shape[axis + 1 :]) for axis in range(self.ndim))
    stop = self.numel() if wrap or self.ndim > 2 else self.shape[1] * self.shape[1]
    places = _creation.arange(self.numel())
    hit = F.logical_and(places % step == 0, places < stop).reshape(self.shape)
    return self._update(F.masked_fill(self, hit, fill_value))


def index_put_(self: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """Put values in place of, or add them to, what tensors of indices name."""
    return self._update(index_put(self, indices, values, accumulate))


def index_put(self: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """The tensor with values in place of, or added to, what tensors of indices name."""
    if isinstance(values, Tensor):
        _indexing.check_types("index_put", self, values)
    picks: list[Tensor] = []
    for index in indices:
        if index.dtype is _types.bool:
            picks += _overloads.nonzero(index, as_tuple=True)
        else:
            picks.append(index)
    return _put(self, values, *picks, items=[3, 0, 0, 0] * len(picks), accumulate=accumulate)


_put = _native.operation("index_put")


def in_place(function: Any):
    def change(self: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        return self._update(function(self, *arguments, **keywords))

    return change
