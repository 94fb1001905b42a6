"""Distributions of powers of uniform and of exponential numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.distribution import Distribution
from betty.distributions.real import EULER, inner

__all__ = ["Kumaraswamy", "Pareto", "Weibull"]


class Weibull(Distribution):
    """Waiting times whose rate grows with the power ``concentration`` - 1."""

    has_rsample = True
    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = self._tensors(scale, concentration)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * (1 + 1 / self.concentration).lgamma().exp()

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return ops.where(k > 1, self.scale * ((k - 1).clamp(min=0) / k).pow(1 / k), 0.0)

    @property
    def variance(self) -> Tensor:
        second = (1 + 2 / self.concentration).lgamma().exp()
        return self.scale**2 * (second - (2 * (1 + 1 / self.concentration).lgamma()).exp())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.scale.dtype)
        return self.scale * (-u.log()).pow(1 / self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        log = (value / self.scale).log()
        k = self.concentration
        return k.log() - self.scale.log() + (k - 1) * log - (k * log).exp()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(-((value / self.scale).pow(self.concentration))).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p()).pow(1 / self.concentration)

    def entropy(self) -> Tensor:
        k = self.concentration
        return EULER * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(Distribution):
    """alpha scale^alpha / x^(alpha + 1) above ``scale``."""

    has_rsample = True
    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = self._tensors(scale, alpha)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha
        return ops.where(a > 1, a * self.scale / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha
        return ops.where(a > 2, self.scale**2 * a / ((a - 1) ** 2 * (a - 2)), math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.scale.dtype)
        return self.scale * (-u.log() / self.alpha).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.alpha
        return a.log() + a * self.scale.log() - (a + 1) * value.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(self.alpha * (self.scale / value).log()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p() / self.alpha).exp()

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class Kumaraswamy(Distribution):
    """a b x^(a - 1) (1 - x^a)^(b - 1) within (0, 1), much like a beta distribution."""

    has_rsample = True
    arg_constraints = {
        "concentration1": constraints.positive, "concentration0": constraints.positive,
    }  # fmt: skip
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = self._tensors(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    def _moment(self, n: int) -> Tensor:
        """The mean of x^n: b B(1 + n / a, b)."""
        b, first = self.concentration0, 1 + n / self.concentration1
        return (ops.lgamma(first) + ops.lgamma(b + 1) - ops.lgamma(first + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        found = ((a - 1).clamp(min=0) / (a * b - 1)).pow(1 / a)
        return ops.where((a < 1).logical_or(b < 1).logical_or(a * b == 1), math.nan, found)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.concentration1.dtype)
        return self.icdf(u).clamp(1e-38 if u.dtype.itemsize > 2 else 6e-8, 1 - 1e-7)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        power = (-(value.pow(a))).log1p()
        return a.log() + b.log() + ops.xlogy(a - 1, value) + (b - 1) * power

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        power = (-(value.pow(self.concentration1))).log1p()
        return -(self.concentration0 * power).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        rest = -((-value).log1p() / self.concentration0).expm1()
        return rest.pow(1 / self.concentration1)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = ops.digamma(b + 1) + EULER
        return 1 - 1 / b + (1 - 1 / a) * harmonic - a.log() - b.log()
