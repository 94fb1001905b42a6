"""Invertible maps with the logarithm of their Jacobian's determinant, under PyTorch's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from betty import _functions as ops
from betty._native import Tensor
from betty.distributions import constraints

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "ExpTransform",
    "IndependentTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform",
    "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform", "SoftplusTransform",
    "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip


class Transform:
    """A map y = t(x), its inverse ``t.inv``, and log |dy/dx|.

    A subclass defines ``_call``, ``_inverse`` and ``log_abs_det_jacobian``.
    """

    bijective = True
    event_dim = 0
    sign: Any = 1
    domain: Any = constraints.real
    codomain: Any = constraints.real

    def __init__(self, cache_size: int = 0) -> None:
        self._cache_size = cache_size

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx|, given both."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of y for a shape of x."""
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of x for a shape of y."""
        return tuple(shape)

    def __call__(self, x: Tensor) -> Tensor:
        return self._call(x)

    @property
    def inv(self) -> Transform:
        """The map from y to x."""
        return _Inverse(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._transform = transform
        self.event_dim, self.sign = transform.event_dim, transform.sign
        self.bijective = transform.bijective
        self.domain, self.codomain = transform.codomain, transform.domain

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._transform.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._transform.forward_shape(shape)

    def _call(self, x: Tensor) -> Tensor:
        return self._transform._inverse(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._transform._call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._transform.log_abs_det_jacobian(y, x)

    @property
    def inv(self) -> Transform:
        return self._transform

    def __repr__(self) -> str:
        return f"{self._transform!r}.inv"


class ComposeTransform(Transform):
    """Maps one after another."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)
        self.event_dim = max((part.event_dim for part in self.parts), default=0)
        self.sign = math.prod(part.sign for part in self.parts)
        self.bijective = all(part.bijective for part in self.parts)
        if self.parts:
            self.domain, self.codomain = self.parts[0].domain, self.parts[-1].codomain

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return tuple(shape)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total = None
        for part in self.parts:
            following = part(x)
            change = part.log_abs_det_jacobian(x, following)
            extra = self.event_dim - part.event_dim
            change = change.sum(tuple(range(-extra, 0))) if extra else change
            total = change if total is None else total + change
            x = following
        return ops.full_like(x, 0.0) if total is None else total

    def __repr__(self) -> str:
        lines = ",\n    ".join(repr(part) for part in self.parts)
        return f"ComposeTransform(\n    {lines}\n)"


identity_transform = ComposeTransform([])


class AffineTransform(Transform):
    """loc + scale x."""

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    @property
    def sign(self) -> Any:  # type: ignore[override]
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return 1 if self.scale > 0 else -1

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor):
            found = self.scale.abs().log().expand(x.shape)
        else:
            found = ops.full_like(x, math.log(abs(self.scale)))
        count = self.event_dim
        return found.sum(tuple(range(-count, 0))) if count else found


class _Named(Transform):
    """A map of each element, by its functions."""

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]

    def _call(self, x: Tensor) -> Tensor:
        return type(self).forward(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return type(self).backward(y)


def _softplus(x: Tensor) -> Tensor:
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


class ExpTransform(_Named):
    """exp(x)."""

    codomain = constraints.positive
    forward, backward = staticmethod(ops.exp), staticmethod(ops.log)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_Named):
    """1 / (1 + exp(-x))."""

    codomain = constraints.unit_interval
    forward = staticmethod(ops.sigmoid)

    @staticmethod
    def backward(y: Tensor) -> Tensor:
        inside = y.clamp(min=1e-38, max=1 - 6e-8)
        return inside.log() - (-inside).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -_softplus(-x) - _softplus(x)


class TanhTransform(_Named):
    """tanh(x)."""

    codomain = constraints.interval(-1.0, 1.0)
    forward, backward = staticmethod(ops.tanh), staticmethod(ops.atanh)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - _softplus(-2 * x))


class SoftplusTransform(_Named):
    """log(1 + exp(x))."""

    codomain = constraints.positive
    forward = staticmethod(_softplus)

    @staticmethod
    def backward(y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -_softplus(-x)


class AbsTransform(_Named):
    """|x|; of the two inverses the positive one."""

    bijective = False
    codomain = constraints.positive
    forward = staticmethod(ops.abs)

    @staticmethod
    def backward(y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """x to a power, of positive x."""

    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()


class StickBreakingTransform(Transform):
    """Vectors [..., D] to points of the simplex [..., D + 1]: each takes a share of the rest."""

    event_dim = 1
    domain, codomain = constraints.real_vector, constraints.simplex

    @staticmethod
    def _offset(x: Tensor, count: int) -> Tensor:
        """log of how many shares are left; 0 is then the middle of the simplex."""
        return (count + 1 - ops.cumsum(ops.ones_like(x), -1)).log()

    def _call(self, x: Tensor) -> Tensor:
        share = (x - self._offset(x, x.shape[-1])).sigmoid()
        rest = (1 - share).cumprod(-1)
        one = ops.ones_like(x[..., :1])
        return ops.cat([share, one], -1) * ops.cat([one, rest], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        cut = y[..., :-1]
        rest = (1 - cut.cumsum(-1)).clamp(min=1e-38 if y.dtype.itemsize > 2 else 6e-8)
        return cut.log() - rest.log() + self._offset(cut, y.shape[-1] - 1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        place = x - self._offset(x, x.shape[-1])
        return (-place - _softplus(-place) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] - 1)


class SoftmaxTransform(Transform):
    """softmax(x), and log as one of its inverses."""

    bijective = False
    event_dim = 1
    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return ops.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


# What takes tensors apart is built on the above.
from betty.distributions.parts import (  # noqa: E402
    CatTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    ReshapeTransform,
    StackTransform,
)
