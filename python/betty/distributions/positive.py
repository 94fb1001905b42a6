"""Gamma, beta and Dirichlet distributions and their kin.

Gamma draws are NumPy's; how they change with their parameters follows from their place in the
distribution, which is kept (Figurnov et al., Implicit reparameterization gradients, 2018). The
others are made of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty import _native
from betty._creation import randint, randn
from betty._native import Tensor
from betty._quadrature import gammainc, gammaincc, log_gamma_slope
from betty.autograd import is_grad_enabled
from betty.distributions import constraints
from betty.distributions.distribution import Distribution

__all__ = ["Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT"]


def numpy_generator() -> Any:
    """NumPy's generator, seeded by ours. Evaluates."""
    import numpy

    return numpy.random.default_rng(randint(0, 2**31, (4,)).tolist())


def log_gamma_draws(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Logarithms of draws of shape `a` and rate 1, which do not underflow. Evaluates.

    As a function of `a` they are the parabola that has their value and both derivatives at its
    present value, so that gradients of gradients are right too.
    """
    import numpy

    generator = numpy_generator()
    now = numpy.broadcast_to(a.detach().double().numpy(), shape)
    larger = generator.standard_gamma(now + 1)
    uniform = 1 - generator.random(shape)  # in (0, 1]
    drawn = numpy.log(numpy.maximum(larger, 1e-300)) + numpy.log(uniform) / now
    log_z = _constant(drawn)
    if not (a.requires_grad and is_grad_enabled()):
        return log_z.to(a.dtype)

    def slopes(shift: Any, moved: Any) -> Any:
        return log_gamma_slope(_constant(now + shift), _constant(drawn + moved)).numpy()

    slope, step = slopes(0.0, 0.0), 1e-4 * now
    ends = [slopes(side * step, side * step * slope) for side in (1, -1)]
    bend = _constant((ends[0] - ends[1]) / (2 * step))
    change = a.double() - _constant(now)
    return (log_z + change * (_constant(slope) + 0.5 * bend * change)).to(a.dtype)


def _constant(array: Any) -> Tensor:
    import numpy

    return _native.from_buffer(numpy.array(array, numpy.float64, ndmin=0))


def tiny(x: Tensor) -> float:
    """The smallest positive number of a type, or nearly."""
    return 1e-38 if x.dtype.itemsize > 2 else 6e-8


class Gamma(Distribution):
    """rate^a x^(a - 1) exp(-rate x) / Γ(a), a the concentration."""

    has_rsample = True
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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = log_gamma_draws(self.concentration, self._extended_shape(sample_shape)).exp()
        return (drawn / self.rate).clamp(min=tiny(drawn))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return ops.xlogy(a, rate) + ops.xlogy(a - 1, value) - rate * value - ops.lgamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return gammainc(self.concentration, self.rate * value)

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

    has_rsample = True
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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return 1 / Gamma(self.concentration, self.rate, False).rsample(sample_shape)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return gammaincc(self.concentration, self.rate / value)

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

    has_rsample = True
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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        logs = log_gamma_draws(self.concentration, self._extended_shape(sample_shape))
        return ops.softmax(logs, -1).clamp(min=tiny(logs))

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
        >>> 0 < mix.rsample().item() < 1
        True
    """

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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._both().rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._both().log_prob(ops.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._both().entropy()


class StudentT(Distribution):
    """loc + scale x / sqrt(y / df) of a normal x and a chi-squared y."""

    has_rsample = True
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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = randn(self._extended_shape(sample_shape), dtype=self.df.dtype)
        widths = Chi2(self.df, False).rsample(sample_shape)
        return self.loc + self.scale * noise * ops.rsqrt(widths / self.df)

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


class FisherSnedecor(Distribution):
    """The quotient of two chi-squared numbers, each over its degrees of freedom."""

    has_rsample = True
    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = self._tensors(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * (self.df2 / (self.df2 + 2))
        return ops.where(self.df1 > 2, found, math.nan)

    @property
    def variance(self) -> Tensor:
        d1, d2 = self.df1, self.df2
        found = 2 * d2**2 * (d1 + d2 - 2) / (d1 * (d2 - 2) ** 2 * (d2 - 4))
        return ops.where(d2 > 4, found, math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        halves = [df * 0.5 for df in (self.df1, self.df2)]
        above, below = (Gamma(half, half, False).rsample(sample_shape) for half in halves)
        return above / below

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        one, two = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        constant = ops.lgamma(one + two) - ops.lgamma(one) - ops.lgamma(two)
        shape = one * ratio.log() + (one - 1) * value.log()
        return constant + shape - (one + two) * (ratio * value).log1p()
