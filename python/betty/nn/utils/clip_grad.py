"""Clipping of gradients, under the names of `torch.nn.utils.clip_grad`."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterable
from typing import Any

from betty import _functions as F
from betty._creation import tensor
from betty._native import Tensor
from betty._types import promote_types

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _gradients(parameters: Any) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in given if p.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of several tensors as if they were one vector."""
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not given:
        return tensor(0.0)
    p = float(norm_type)
    total = F.norm(F.stack([F.norm(x.float() if x.itemsize < 4 else x, p=p) for x in given]), p=p)
    total = total.to(functools.reduce(promote_types, (x.dtype for x in given)))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scales gradients by max_norm / total_norm where that is below 1."""
    factor = F.clamp_max(max_norm / (total_norm + 1e-6), 1.0)
    for gradient in _gradients(parameters):
        gradient.copy_(gradient * factor.to(gradient.dtype))


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients so that their common norm is at most ``max_norm``.

    Returns:
        The norm before, a tensor without dimensions.

    Example:
        >>> import betty
        >>> p = betty.nn.Parameter(betty.zeros(2))
        >>> p.grad = betty.tensor([3.0, 4.0])
        >>> norm = betty.nn.utils.clip_grad_norm_([p], 1.0)
        >>> print(norm.item(), p.grad)
        5.0 tensor([0.6000, 0.8000])
    """
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_gradients(given), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(given, float(max_norm), total)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """The older name of ``clip_grad_norm_``."""
    warnings.warn("clip_grad_norm is now clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(
    parameters: Iterable[Tensor] | Tensor, clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every element of the gradients to [-clip_value, clip_value]."""
    bound = float(clip_value)
    for gradient in _gradients(parameters):
        gradient.copy_(F.clamp(gradient, -bound, bound))
