"""Distributions of counts and of one-hot vectors, and relaxed ones whose draws pass gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._creation import arange, rand
from betty._native import Tensor
from betty._types import compute_type
from betty.distributions import constraints
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.distribution import Distribution
from betty.distributions.positive import Gamma
from betty.distributions.real import inner
from betty.nn import functional as F

__all__ = [
    "Binomial", "Geometric", "Multinomial", "NegativeBinomial", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical",
]  # fmt: skip


class Poisson(Distribution):
    """Counts of events that happen at a ``rate``."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = self._tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        from betty._derived import poisson

        return poisson(self.rate.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return ops.xlogy(value, self.rate) - self.rate - ops.lgamma(value + 1)


class _Coins(Distribution):
    """What has ``probs`` or ``logits`` of a coin."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        coin = Bernoulli(probs, logits, validate_args=validate_args)
        self.probs, self.logits, self._derived = coin.probs, coin.logits, coin._derived
        super().__init__(self.probs.shape, validate_args=validate_args)


class Geometric(_Coins):
    """Failures before the first success."""

    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        if self._validate and not bool((self.probs > 0).all()):
            raise ValueError("Geometric: expected probs to be positive")

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return ops.full_like(self.probs, 0.0)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.probs.dtype)
        return (u.log() / (-self.probs.detach()).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        probs = self.probs.clamp(max=1 - 1e-7)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return (
            F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
            / self.probs
        )


class Binomial(_Coins):
    """Successes among ``total_count`` throws of a coin."""

    arg_constraints = {"total_count": constraints.nonnegative_integer, **_Coins.arg_constraints}

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        self.total_count, self.probs = self._tensors(total_count, self.probs)
        self.logits = self.logits.expand(self.probs.shape)
        self._batch_shape = self.probs.shape
        if self._validate:
            self._check_arguments()

    @property
    def support(self) -> Any:  # type: ignore[override]
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 ... ``total_count``, which is one number, in a new first dimension."""
        most = int(self.total_count.amax().item())
        if bool((self.total_count < most).any()):
            raise NotImplementedError(
                "Inhomogeneous total count not supported by `enumerate_support`."
            )
        values = arange(most + 1, dtype=self.probs.dtype)
        values = values.reshape((most + 1, *(1 for _ in self._batch_shape)))
        return values.expand(most + 1, *self._batch_shape) if expand else values

    def entropy(self) -> Tensor:
        """-Σ p log p over all counts."""
        logs = self.log_prob(self.enumerate_support(False))
        return -(logs.exp() * logs).sum(0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        most = int(self.total_count.amax().item())
        draws = rand(most, *shape, dtype=compute_type(self.probs.dtype))
        throws = draws < self.probs.detach()
        counted = arange(most).reshape((most, *(1 for _ in shape))) < self.total_count
        return throws.logical_and(counted).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        choices = ops.lgamma(n + 1) - ops.lgamma(value + 1) - ops.lgamma(n - value + 1)
        # log(1 + exp(logits)), without overflow
        softplus = logits.clamp(min=0) + (-logits.abs()).exp().log1p()
        return choices + value * logits - n * softplus


class NegativeBinomial(_Coins):
    """Successes, of probability ``probs``, before ``total_count`` failures."""

    arg_constraints = {
        "total_count": constraints.nonnegative,
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args=None
    ) -> None:
        super().__init__(probs, logits, False)
        self.total_count, self.probs, self.logits = self._tensors(
            total_count, self.probs, self.logits
        )
        Distribution.__init__(self, self.probs.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        from betty._derived import poisson

        rates = Gamma(self.total_count, (-self.logits).exp(), False).sample(sample_shape)
        return poisson(rates)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        odds = n * F.logsigmoid(-logits) + value * F.logsigmoid(logits)
        ways = ops.lgamma(n + value) - ops.lgamma(value + 1) - ops.lgamma(n)
        return odds + ops.where(n + value == 0, 0.0, ways)


class _OfClasses(Distribution):
    """What has the parameters of a ``Categorical``, and vectors over its classes as values."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        self.probs, self.logits = self._categorical.probs, self._categorical.logits
        self._derived = self._categorical._derived
        shape = self.probs.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=False)
        self._validate = self._categorical._validate

    @property
    def param_shape(self) -> Sequence[int]:
        """The shape of ``probs``."""
        return self.probs.shape


class OneHotCategorical(_OfClasses):
    """One of several classes, as a vector of zeros with a one."""

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        classes = self.probs.shape[-1]
        return F.one_hot(self.probs.argmax(-1), classes).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        index = self._categorical.sample(sample_shape)
        return F.one_hot(index, self.probs.shape[-1]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self.probs.shape[-1]
        ones = ops.eye(n=count, m=count, dtype=self.probs.dtype)
        values = ones.reshape((count, *(1 for _ in self._batch_shape), count))
        return values.expand(count, *self._batch_shape, count) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot draws whose gradient is that of ``probs`` (Bengio et al., 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfClasses):
    """Counts of the classes among ``total_count`` draws."""

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        super().__init__(probs, logits, validate_args)
        self.total_count = total_count

    @property
    def support(self) -> Any:  # type: ignore[override]
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        index = self._categorical.sample((self.total_count, *sample_shape))
        return F.one_hot(index, self.probs.shape[-1]).to(self.probs.dtype).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        factorials = ops.lgamma(value.sum(-1) + 1) - ops.lgamma(value + 1).sum(-1)
        logits = ops.where((value == 0).logical_and(self.logits == -math.inf), 0.0, self.logits)
        return factorials + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """From the counts of each class, which are binomial."""
        n = float(self.total_count)
        each = Binomial(self.total_count, self.probs, validate_args=False)
        counts = each.enumerate_support(False)[1:]
        weights = each.log_prob(counts).exp()
        surplus = (weights * ops.lgamma(counts + 1)).sum((0, -1))
        return n * self._categorical.entropy() - math.lgamma(n + 1) + surplus


class RelaxedBernoulli(_Coins):
    """Numbers in (0, 1) that a ``temperature`` of 0 makes coins (Maddison et al., ICLR 2017)."""

    has_rsample = True
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args=None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        (self.temperature,) = self._tensors(temperature)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.logits.dtype).clamp(max=1 - 1e-7)
        return ((u.log() - (-u).log1p() + self.logits) / self.temperature).sigmoid()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        place = value.log() - (-value).log1p()
        gap = self.logits - place * self.temperature
        density = self.temperature.log() + gap - 2 * gap.exp().log1p()
        return density - value.log() - (-value).log1p()


class RelaxedOneHotCategorical(_OfClasses):
    """Points of the simplex that a ``temperature`` of 0 makes one-hot (Jang et al., ICLR 2017)."""

    has_rsample = True
    support = constraints.simplex

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args=None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        (self.temperature,) = self._tensors(temperature)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inner(self._extended_shape(sample_shape), self.logits.dtype)
        noise = -(-u.log()).clamp(min=1e-30).log()
        return ((self.logits + noise) / self.temperature).softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        count, log = self.probs.shape[-1], value.log()
        constant = math.lgamma(count) + (count - 1) * self.temperature.log()
        score = self.logits - log * self.temperature
        return (score - score.logsumexp(-1, True)).sum(-1) + constant - log.sum(-1)
