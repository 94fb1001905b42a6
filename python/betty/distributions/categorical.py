"""The distribution of one of several classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from betty import _functions as ops
from betty._creation import arange, rand
from betty._native import Tensor
from betty._types import compute_type
from betty.distributions import constraints
from betty.distributions.distribution import Distribution

__all__ = ["Categorical"]


class Categorical(Distribution):
    """Class i of the last axis with probability proportional to ``probs`` (or exp ``logits``).

    Draws are recorded (the largest of logits plus Gumbel noise), so they repeat with the random
    state and may stand in a lower problem.

    Example:
        >>> import betty
        >>> die = betty.distributions.Categorical(betty.ones(6))
        >>> die.sample((4,)).shape
        betty.Size([4])
        >>> round(die.log_prob(betty.tensor(3)).exp().item(), 4)
        0.1667
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._derived = "logits" if logits is None else "probs"
        given = logits if probs is None else probs
        if given.dim() < 1:
            raise ValueError("Categorical: the parameter must be at least one-dimensional.")
        super().__init__(given.shape[:-1], validate_args=validate_args)
        self._num_events = given.shape[-1]
        if logits is not None:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self._check(
                constraints.real_vector.check(self.logits), "logits", "RealVector()", logits
            )
            self.probs = ops.softmax(logits, dim=-1)
            return
        self.probs = probs / probs.sum(-1, keepdim=True)
        self._check(constraints.simplex.check(self.probs), "probs", "Simplex()", probs)
        eps = 2.220446049250313e-16 if probs.dtype.itemsize == 8 else 1.1920928955078125e-07
        self.logits = self.probs.clamp(eps, 1 - eps).log()

    @property
    def support(self) -> constraints.Constraint:  # type: ignore[override]
        """Classes from 0 on."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: classes are no numbers."""
        return ops.full_like(self.probs.detach().sum(-1), math.nan)

    variance = mean

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return self.probs.argmax(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, in a new first dimension."""
        count = self._num_events
        values = arange(count).reshape((count, *(1 for _ in self._batch_shape)))
        return values.expand(count, *self._batch_shape) if expand else values

    @property
    def param_shape(self) -> Sequence[int]:
        """The shape of ``probs``."""
        return self.probs.shape

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = (*self._extended_shape(sample_shape), self._num_events)
        # Uniform on (0, 1]: the exponential of the largest is finite, and 0 noise is too.
        uniform = 1 - rand(shape, dtype=compute_type(self.logits.dtype))
        exponential = -uniform.clamp(min=1e-30).log()
        return (self.probs.detach() / exponential.clamp(min=1e-30)).argmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index = value.long().unsqueeze(-1)
        shape = tuple(max(a, b) for a, b in _aligned(index.shape[:-1], self._batch_shape))
        logits = self.logits.expand(*shape, self._num_events)
        return logits.gather(-1, index.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """-Σ p log p."""
        # A class of probability 0 adds nothing.
        lowest = -1.7976931348623157e308 if self.logits.dtype.itemsize == 8 else -3.4028235e38
        return -(self.probs * self.logits.clamp(min=lowest)).sum(-1)


def _aligned(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Two shapes, the shorter with leading ones."""
    rank = max(len(a), len(b))
    long = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (a, b)]
    return list(zip(*long, strict=True))
