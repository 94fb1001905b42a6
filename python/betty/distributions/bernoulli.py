"""The distribution of one coin."""

from __future__ import annotations

import math
from collections.abc import Sequence

from betty import _functions as ops
from betty._creation import arange
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.distribution import Distribution
from betty.nn import functional as F

__all__ = ["Bernoulli"]


class Bernoulli(Distribution):
    """1 with probability ``probs`` (or sigmoid of ``logits``), else 0.

    Example:
        >>> import betty
        >>> coin = betty.distributions.Bernoulli(betty.tensor([0.25, 0.5]))
        >>> coin.log_prob(betty.ones(2)).exp()
        tensor([0.2500, 0.5000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._derived = "logits" if logits is None else "probs"
        (given,) = self._tensors(logits if probs is None else probs)
        if probs is None:
            self.logits, self.probs = given, given.sigmoid()
            super().__init__(given.shape, validate_args=validate_args)
            return
        eps = {2: 0.0009765625, 4: 1.1920928955078125e-07, 8: 2.220446049250313e-16}
        bound = eps[given.dtype.itemsize]
        safe = given.clamp(bound, 1 - bound)
        self.probs, self.logits = given, safe.log() - (1 - safe).log()
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``probs``."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier of 0 and 1; NaN where both are alike."""
        likelier = (self.probs >= 0.5).to(self.probs.dtype)
        return ops.where(self.probs == 0.5, math.nan, likelier)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1, in a new first dimension."""
        both = arange(2, dtype=self.probs.dtype).reshape((2, *(1 for _ in self._batch_shape)))
        return both.expand(2, *self._batch_shape) if expand else both

    @property
    def variance(self) -> Tensor:
        """probs (1 - probs)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return ops.bernoulli(self.probs.detach().expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = self._tensors(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
