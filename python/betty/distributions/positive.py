"""Gamma, beta and Dirichlet distributions and their kin. Their draws pass no gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty import _native
from betty._creation import randint
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.distribution import Distribution

__all__ = ["Beta", "Chi2", "Dirichlet", "Gamma", "InverseGamma", "StudentT"]


def _numpy_draws(kind: str, *parameters: Tensor, size: tuple[int, ...], like: Tensor) -> Tensor:
    """Draws of NumPy's generator, seeded by ours. Evaluates."""
    import numpy

    generator = numpy.random.default_rng(randint(0, 2**31, (4,)).tolist())
    arrays = [x.detach().double().numpy() for x in parameters]
    drawn = getattr(generator, kind)(*arrays, size=size)
    return _native.from_buffer(numpy.ascontiguousarray(drawn, numpy.float64)).to(like.dtype)


class Gamma(Distribution):
    """rate^a x^(a - 1) exp(-rate x) / Γ(a), a the concentration."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = self._tensors(concentration, rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = _numpy_draws("standard_gamma", self.concentration, size=shape, like=self.rate)
        return (drawn / self.rate.detach()).clamp(min=1e-38 if drawn.itemsize > 2 else 6e-8)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return ops.xlogy(a, rate) + ops.xlogy(a - 1, value) - rate * value - ops.lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + ops.lgamma(a) + (1 - a) * ops.digamma(a)


class Chi2(Gamma):
    """The sum of ``df`` squares of normal numbers."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (self.df,) = self._tensors(df)
        super().__init__(0.5 * self.df, 0.5, validate_args)


class InverseGamma(Distribution):
    """1 / x of a gamma x."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = self._tensors(concentration, rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        found = self.rate / (self.concentration - 1)
        return ops.where(self.concentration > 1, found, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return ops.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return 1 / Gamma(self.concentration, self.rate).sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        log = value.log()
        return a * self.rate.log() - (a + 1) * log - self.rate / value - ops.lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + ops.lgamma(a) - (1 + a) * ops.digamma(a)


class Dirichlet(Distribution):
    """Points of the simplex: the product of x_i^(a_i - 1), over a constant."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.simplex

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0)
        # Where the density is unbounded at every corner, the first stands for all of them.
        first = ops.one_hot(less.argmax(-1), less.shape[-1]).to(less.dtype)
        is_hollow = (self.concentration < 1).all(-1, True)
        return ops.where(is_hollow, first, less / less.sum(-1, True))

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        a = self.concentration
        drawn = _numpy_draws("standard_gamma", a, size=shape, like=a).clamp(min=1e-37)
        return drawn / drawn.sum(-1, True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        constant = ops.lgamma(a.sum(-1)) - ops.lgamma(a).sum(-1)
        return ops.xlogy(a - 1, value).sum(-1) + constant

    def entropy(self) -> Tensor:
        a, count = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        constant = ops.lgamma(a).sum(-1) - ops.lgamma(total)
        digammas = ((a - 1) * ops.digamma(a)).sum(-1)
        return constant - (count - total) * ops.digamma(total) - digammas


class Beta(Distribution):
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b).

    Example:
        >>> import betty
        >>> mix = betty.distributions.Beta(2.0, 2.0)
        >>> mix.mean
        tensor(0.5000)
        >>> 0 < mix.sample().item() < 1
        True
    """

    arg_constraints = {
        "concentration1": constraints.positive, "concentration0": constraints.positive,
    }  # fmt: skip
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = self._tensors(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    def _both(self) -> Dirichlet:
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return Dirichlet(both, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._both().mode[..., 0]

    @property
    def variance(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return a * b / ((a + b) ** 2 * (a + b + 1))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._both().sample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._both().log_prob(ops.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._both().entropy()


class StudentT(Distribution):
    """loc + scale x / sqrt(y / df) of a normal x and a chi-squared y."""

    arg_constraints = {
        "df": constraints.positive, "loc": constraints.real, "scale": constraints.positive,
    }  # fmt: skip
    support = constraints.real

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = self._tensors(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        found = self.scale**2 * self.df / (self.df - 2)
        return ops.where(self.df > 2, found, ops.where(self.df > 1, math.inf, math.nan))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = _numpy_draws("standard_t", self.df, size=shape, like=self.df)
        return self.loc.detach() + drawn * self.scale.detach()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        z, df = (value - self.loc) / self.scale, self.df
        constant = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi)
        constant = constant + ops.lgamma(0.5 * df) - ops.lgamma(0.5 * (df + 1))
        return -0.5 * (df + 1) * (z**2 / df).log1p() - constant

    def entropy(self) -> Tensor:
        df = self.df
        beta = ops.lgamma(0.5 * df) + math.lgamma(0.5) - ops.lgamma(0.5 * (df + 1))
        change = ops.digamma(0.5 * (df + 1)) - ops.digamma(0.5 * df)
        return self.scale.log() + 0.5 * (df + 1) * change + 0.5 * df.log() + beta
