"""What every distribution has. Invariant: a sample has shape sample_shape + batch_shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from betty import _creation
from betty import _overloads as overloads
from betty._native import Tensor
from betty._types import Size

__all__ = ["Distribution"]


class Distribution:
    """A distribution over numbers, of independent entries of ``batch_shape``.

    Args:
        batch_shape: The shape of the parameters.
        validate_args: Check parameters when made and values in ``log_prob``; on by default.
    """

    has_rsample = False
    event_shape = Size([])

    def __init__(self, batch_shape: Sequence[int], validate_args: bool | None = None) -> None:
        self._batch_shape = Size(batch_shape)
        self._validate = validate_args is not False

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters."""
        return self._batch_shape

    def _extended_shape(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape)

    def _check(self, condition: Tensor, name: str, what: str, value: Tensor) -> None:
        """Refuses parameters or values of which any breaks the condition."""
        if self._validate and not bool(condition.all()):
            raise ValueError(
                f"{type(self).__name__}: expected {name} of shape {tuple(value.shape)} "
                f"to satisfy the constraint {what}, but found invalid values"
            )

    @staticmethod
    def _tensors(*values: Any) -> tuple[Tensor, ...]:
        """The parameters as tensors of one shape."""
        like = next((value.dtype for value in values if isinstance(value, Tensor)), None)
        made = [
            v if isinstance(v, Tensor) else _creation.tensor(float(v), dtype=like) for v in values
        ]
        return tuple(overloads.broadcast_tensors(*made))

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        """The variance of each entry."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that pass no gradient."""
        return self.rsample(sample_shape).detach()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that pass gradients to the parameters.

        Raises:
            NotImplementedError: The distribution is discrete.
        """
        raise NotImplementedError(f"{type(self).__name__}: draws pass no gradient, use sample()")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability (density) of a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")
