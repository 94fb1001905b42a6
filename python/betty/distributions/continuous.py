"""The circle's normal distribution, and coins with values between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty import _native, _quadrature
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.distribution import Distribution
from betty.distributions.positive import numpy_generator
from betty.distributions.real import inner
from betty.nn import functional as F

__all__ = ["ContinuousBernoulli", "VonMises"]


class VonMises(Distribution):
    """Angles around ``loc``: exp(concentration cos(x - loc)). Draws pass no gradient.

    Example:
        >>> import betty
        >>> angles = betty.distributions.VonMises(betty.tensor(0.0), betty.tensor(2.0))
        >>> round(angles.log_prob(betty.tensor(0.0)).item(), 4)
        -0.6619
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = self._tensors(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """1 - the mean cosine of the angle to ``loc``."""
        k = self.concentration
        return 1 - _quadrature.i1e(k) / _quadrature.i0e(k)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        loc, k = (x.detach().double().numpy() for x in (self.loc, self.concentration))
        shape = self._extended_shape(sample_shape)
        drawn = numpy_generator().vonmises(loc, k, shape)
        drawn = (drawn + math.pi) % (2 * math.pi) - math.pi
        return _native.from_buffer(drawn.reshape(shape)).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k = self.concentration
        # log I0(k) is log of its scaled form plus k, so large k do not overflow.
        rise = k * ((value - self.loc).cos() - 1)
        return rise - math.log(2 * math.pi) - _quadrature.i0e(k).log()


class ContinuousBernoulli(Distribution):
    """probs^x (1 - probs)^(1 - x) over [0, 1], normalized (Loaiza-Ganem and Cunningham, 2019).

    Between ``lims``, where the constant is 0 over 0, a series around 1/2 is taken.
    """

    has_rsample = True
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        coin = Bernoulli(probs, logits, validate_args=validate_args)
        self.probs, self.logits, self._derived = coin.probs, coin.logits, coin._derived
        self._lims = lims
        eps = 1.1920928955078125e-07
        self.probs = self.probs.clamp(eps, 1 - eps)
        super().__init__(self.probs.shape, validate_args=validate_args)

    def _middle(self) -> tuple[Tensor, Tensor]:
        """Where the series is taken, and the probabilities with others in these places."""
        low, high = self._lims
        near = (self.probs > low).logical_and(self.probs <= high)
        return near, ops.where(near, low, self.probs)

    def _log_constant(self) -> Tensor:
        near, p = self._middle()
        log = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        x = self.probs - 0.5
        return ops.where(near, math.log(2) + (4 / 3 + 104 / 45 * x * x) * x * x, log)

    @property
    def mean(self) -> Tensor:
        near, p = self._middle()
        x = self.probs - 0.5
        found = p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())
        return ops.where(near, 0.5 + (1 / 3 + 16 / 45 * x * x) * x, found)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        near, p = self._middle()
        x = (self.probs - 0.5) ** 2
        found = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2
        return ops.where(near, 1 / 12 - (1 / 15 - 128 / 945 * x) * x, found)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(inner(self._extended_shape(sample_shape), self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = self._tensors(self.logits, value)
        losses = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return self._log_constant() - losses

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        near, p = self._middle()
        power = p.pow(value) * (1 - p).pow(1 - value)
        found = ops.where(near, value, (power + p - 1) / (2 * p - 1))
        return found.clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        near, p = self._middle()
        rise = (-p + value * (2 * p - 1)).log1p() - (-p).log1p()
        return ops.where(near, value, rise / (p.log() - (-p).log1p()))

    def entropy(self) -> Tensor:
        odds = self.probs.log() - (-self.probs).log1p()
        return -self.mean * odds - self._log_constant() - (-self.probs).log1p()
