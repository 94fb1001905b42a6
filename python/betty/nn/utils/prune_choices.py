"""Ways to choose what of a parameter is held at zero: at random, by size, by a mask."""

from __future__ import annotations

import numbers
from typing import Any

from betty import _functions as F
from betty._creation import ones_like, rand
from betty._native import Tensor
from betty.nn.utils.prune_methods import BasePruningMethod

__all__ = [
    "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "RandomStructured",
    "RandomUnstructured",
]  # fmt: skip


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative "
            "integer"
        )


def _count(amount: Any, size: int) -> int:
    """How many of ``size`` an amount is."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return int(amount)


def _least_at_zero(mask: Tensor, scores: Tensor, count: int) -> Tensor:
    """A mask without the elements of the least scores."""
    flat = mask.clone().reshape(-1)
    flat[F.topk(scores.reshape(-1), count, largest=False)[1]] = 0
    return flat.reshape(mask.shape)


class _Sliced(BasePruningMethod):
    """Slices along a dimension, by a score for each."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        dim = self.dim
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {tuple(t.shape)} with {t.ndim} dims"
            )
        if not -t.ndim <= dim < t.ndim:
            raise IndexError(f"Invalid index {dim} for tensor of size {tuple(t.shape)}")
        count = _count(self.amount, t.shape[dim])
        if not count:
            return default_mask
        scores = self._scores(t)
        kept = _least_at_zero(ones_like(scores), scores, count)
        shape = [1] * t.ndim
        shape[dim] = t.shape[dim]
        return default_mask * kept.reshape(shape).to(default_mask.dtype)


class _Single(BasePruningMethod):
    """Single elements, by a score for each."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        return _least_at_zero(default_mask, self._scores(t), count) if count else default_mask


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the module what a pruned one is.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.Identity().compute_mask(betty.zeros(2), betty.ones(2))
        tensor([1., 1.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(_Single):
    """Elements drawn at random; ``amount`` is a share (float) or a number (int) of those left.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: It is out of range.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.RandomUnstructured(0.5).prune(betty.ones(2, 3)).sum()
        tensor(3.)
    """

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.numel())


class L1Unstructured(_Single):
    """The elements nearest to 0; ``amount`` is a share (float) or a number (int) of those left.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: It is out of range.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.L1Unstructured(1).prune(betty.tensor([1.0, 0.1, 2.0]))
        tensor([1., 0., 2.])
    """

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()


class RandomStructured(_Sliced):
    """Slices along ``dim`` drawn at random; ``amount`` is a share or a number of those left.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: It is out of range.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.RandomStructured(1, dim=0).prune(betty.ones(2, 3)).sum()
        tensor(3.)
    """

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.shape[self.dim])


class LnStructured(_Sliced):
    """The slices along ``dim`` of the least ``n``-norms; ``amount`` is a share or a number of those
    left.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: It is out of range.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.LnStructured(1, n=2, dim=0).prune(betty.tensor([[3.0, 4.0], [1.0, 1.0]]))
        tensor([[3., 4.],
                [0., 0.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        others = [axis for axis in range(t.ndim) if axis != self.dim % t.ndim]
        return F.norm(t, p=self.n, dim=others)


class CustomFromMask(BasePruningMethod):
    """What a mask of the parameter's shape says.

    Raises:
        ValueError: When it is used, if it is of another shape.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> prune.CustomFromMask(betty.tensor([1, 0])).prune(betty.ones(2))
        tensor([1., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if tuple(self.mask.shape) != tuple(default_mask.shape):
            raise ValueError(
                f"the mask has shape {tuple(self.mask.shape)}, the parameter "
                f"{tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)
