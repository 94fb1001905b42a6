"""The distribution of one coin."""

from __future__ import annotations

from collections.abc import Sequence

from betty import _functions as ops
from betty._native import Tensor
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

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        (given,) = self._tensors(logits if probs is None else probs)
        super().__init__(given.shape, validate_args)
        if probs is None:
            self.logits, self.probs = given, given.sigmoid()
            return
        inside = (given >= 0).logical_and(given <= 1)
        self._check(inside, "probs", "Interval(lower_bound=0.0, upper_bound=1.0)", given)
        eps = {2: 0.0009765625, 4: 1.1920928955078125e-07, 8: 2.220446049250313e-16}
        bound = eps[given.dtype.itemsize]
        safe = given.clamp(bound, 1 - bound)
        self.probs, self.logits = given, safe.log() - (1 - safe).log()

    @property
    def mean(self) -> Tensor:
        """``probs``."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """probs (1 - probs)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return ops.bernoulli(self.probs.detach().expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        inside = (value == 0).logical_or(value == 1)
        self._check(inside, "value", "Boolean()", value)
        logits, value = self._tensors(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def __repr__(self) -> str:
        if self.probs.numel() == 1:
            return f"Bernoulli(probs: {self.probs.item()}, logits: {self.logits.item()})"
        return f"Bernoulli(probs: {self.probs.shape}, logits: {self.logits.shape})"
