"""Helpers that distributions of one's own are made with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from betty import _creation, _types
from betty import _functions as ops
from betty._native import Tensor
from betty._overloads import broadcast_tensors

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
    "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the tensors' type.

    Raises:
        ValueError: Something is neither a number nor a tensor.

    Example:
        >>> import betty
        >>> from betty.distributions.utils import broadcast_all
        >>> mean, deviation = broadcast_all(betty.zeros(2), 1)
        >>> deviation
        tensor([1., 1.])
    """
    for value in values:
        if not isinstance(value, (Tensor, int, float)):
            raise ValueError(
                "Input arguments must all be instances of Number or torch.Tensor, got "
                f"{type(value).__name__}".replace("torch", "betty")
            )
    kinds = [value.dtype for value in values if isinstance(value, Tensor)]
    kind = kinds[0] if kinds else _types.get_default_dtype()
    tensors = [x if isinstance(x, Tensor) else _creation.tensor(x, dtype=kind) for x in values]
    return tuple(broadcast_tensors(*tensors))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the type's precision."""
    eps = _types.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: of one event each, or of the classes along the last dimension."""
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities, which are kept away from 0 and 1."""
    inside = clamp_probs(probs)
    return ops.log(inside) - ops.log1p(-inside) if is_binary else ops.log(inside)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal, row after row, along the last dimension."""
    from betty._derived import tril_indices

    size = mat.shape[-1]
    if not -size <= diag < size:
        raise ValueError(f"diag ({diag}) provided is outside [{-size}, {size - 1}].")
    rows, columns = tril_indices(size, size, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """A lower triangle of its elements: the opposite of ``tril_matrix_to_vec``.

    Example:
        >>> import betty
        >>> from betty.distributions.utils import vec_to_tril_matrix
        >>> vec_to_tril_matrix(betty.tensor([1.0, 2.0, 3.0]))
        tensor([[1., 0.],
                [2., 3.]])
    """
    from betty._derived import tril_indices

    count = vec.shape[-1]
    size = (
        -(1 + 2 * diag) + math.sqrt((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1))
    ) / 2
    if abs(size - round(size)) > 1e-6:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            f"triangular part of a square D x D matrix."
        )
    order = round(size)
    rows, columns = tril_indices(order, order, diag)
    flat = vec.new_zeros((*vec.shape[:-1], order * order))
    places = (rows * order + columns).expand(vec.shape)
    return flat.scatter(-1, places, vec).reshape(*vec.shape[:-1], order, order)


class lazy_property:
    """A property that is computed when it is first read and kept in the place of the method."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
