"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

from betty._creation import randn
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.distribution import Distribution

__all__ = ["Normal"]


class Normal(Distribution):
    """Mean ``loc``, standard deviation ``scale``.

    Example:
        >>> import betty
        >>> normal = betty.distributions.Normal(betty.zeros(3), 2.0)
        >>> normal.rsample((5,)).shape
        betty.Size([5, 3])
        >>> round(normal.log_prob(betty.zeros(3))[0].item(), 4)
        -1.6121
    """

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = self._tensors(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """``loc``."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """``scale``."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """``scale`` squared."""
        return self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.loc + randn(shape, dtype=self.loc.dtype) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        gap = (value - self.loc) / self.scale
        return -0.5 * gap * gap - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values below ``value``."""
        return 0.5 * (1 + ((value - self.loc) / (self.scale * math.sqrt(2))).erf())

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which lies this probability."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        """(1 + log 2π) / 2 + log scale."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
