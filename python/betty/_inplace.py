"""Methods that change a tensor in place.

Invariant: a method `name_` records what `name` gives and makes it the tensor's value; what was
recorded of the tensor before keeps the old one.
"""

from __future__ import annotations

from typing import Any

from betty import _creation, _native, _types
from betty._native import Tensor


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    self.requires_grad = requires_grad
    return self


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Take the values of another tensor, broadcast and converted."""
    return self._assign(src if isinstance(src, Tensor) else _creation.as_tensor(src))


def detach_(self: Tensor) -> Tensor:
    self.data = self.detach().clone()
    return self


def fill_(self: Tensor, value: Any) -> Tensor:
    return self._assign(value if isinstance(value, Tensor) else _native.from_scalar(value))


def zero_(self: Tensor) -> Tensor:
    return self._assign(_native.from_scalar(0))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator=None) -> Tensor:
    return self._assign(_creation.randn_like(self) * std + mean)


def uniform_(self: Tensor, from_: float = 0, to: float = 1, *, generator=None, **names) -> Tensor:
    low = names.pop("from", from_)
    return self._assign(_creation.rand_like(self) * (to - low) + low)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator=None) -> Tensor:
    return self._assign(_creation.rand(self.shape) < p)


def random_(self: Tensor, from_: int = 0, to: int | None = None, *, generator=None) -> Tensor:
    low, high = (0, from_) if to is None and from_ else (from_, to)
    if high is None:
        high = 256 if self.dtype is _types.uint8 else 2 if self.dtype is _types.bool else 2**24
    return self._assign(_creation.randint(low, high, self.shape))


def in_place(function: Any):
    def change(self: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        return self._update(function(self, *arguments, **keywords))

    return change
