"""Distributions of vectors, of independent parts, of mixtures and of transformed values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._creation import randn
from betty._native import Tensor
from betty.autograd import no_grad
from betty.distributions import constraints
from betty.distributions.categorical import Categorical
from betty.distributions.distribution import Distribution
from betty.distributions.transforms import ComposeTransform, Transform

__all__ = ["Independent", "MixtureSameFamily", "MultivariateNormal", "TransformedDistribution"]


class Independent(Distribution):
    """A distribution whose last batch dimensions are one event.

    Example:
        >>> import betty
        >>> D = betty.distributions
        >>> D.Independent(D.Normal(betty.zeros(5, 3), 1.0), 1).log_prob(betty.zeros(5, 3)).shape
        betty.Size([5])
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(shape)}"
            )
        cut = len(shape) - reinterpreted_batch_ndims
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        events = (*shape[cut:], *base_distribution.event_shape)
        super().__init__(shape[:cut], events, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:  # type: ignore[override]
        count = self.reinterpreted_batch_ndims
        return (
            constraints.independent(self.base_dist.support, count)
            if count
            else (self.base_dist.support)
        )

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def _summed(self, value: Tensor) -> Tensor:
        count = self.reinterpreted_batch_ndims
        return value.sum(tuple(range(-count, 0))) if count else value

    def log_prob(self, value: Tensor) -> Tensor:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._summed(self.base_dist.entropy())

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class Factored(Distribution):
    """What has a covariance by one of three matrices: the others follow from its factor."""

    _factor: Tensor

    def _keep(self, matrices: dict[str, Tensor | None]) -> tuple[str, Tensor]:
        """The one matrix that was given, and its name."""
        given = [(name, value) for name, value in matrices.items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        return given[0]

    def _lower(self, matrix: Tensor) -> Tensor:
        """L with covariance L Lᵀ."""
        if "scale_tril" in self.__dict__:
            return matrix
        if "covariance_matrix" in self.__dict__:
            return ops.linalg_cholesky(matrix)
        # From the precision, turned in both directions: its factor's inverse is lower again.
        turned = ops.linalg_cholesky(matrix.flip(-2, -1)).flip(-2, -1).transpose(-2, -1)
        size = matrix.shape[-1]
        unit = ops.eye(n=size, m=size, dtype=matrix.dtype).expand(matrix.shape)
        return ops.linalg_solve_triangular(turned, unit, False)

    def __getattr__(self, name: str) -> Any:
        if "_factor" in self.__dict__:
            factor = self.__dict__["_factor"]
            if name == "scale_tril":
                return factor
            if name == "covariance_matrix":
                return ops.matmul(factor, factor.transpose(-2, -1))
            if name == "precision_matrix":
                return ops.linalg_inv(ops.matmul(factor, factor.transpose(-2, -1)))
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _half_log_det(self) -> Tensor:
        return ops.diagonal(self._factor, 0, -2, -1).log().sum(-1)


class MultivariateNormal(Factored):
    """Normal vectors [..., D], of a mean and one of three matrices [..., D, D]."""

    has_rsample = True
    support = constraints.real_vector
    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, given = self._keep(
            {
                "covariance_matrix": covariance_matrix,
                "precision_matrix": precision_matrix,
                "scale_tril": scale_tril,
            }
        )
        if given.dim() < 2:
            raise ValueError("the matrix must be at least two-dimensional")
        from betty._overloads import broadcast_shapes

        batch = broadcast_shapes(given.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand(*batch, loc.shape[-1])
        matrix = self.__dict__[name] = given.expand(*batch, *given.shape[-2:])
        super().__init__(batch, loc.shape[-1:], validate_args)
        self._factor = self._lower(matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self._factor**2).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = randn(*self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + ops.matmul(self._factor, noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        gap = (value - self.loc).unsqueeze(-1)
        shape = (*gap.shape[:-2], *self._factor.shape[-2:])
        solved = ops.linalg_solve_triangular(self._factor.expand(shape), gap, False)
        distance = (solved**2).sum((-2, -1))
        size = self._event_shape[0]
        return -0.5 * (size * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        size = self._event_shape[0]
        return 0.5 * size * (1 + math.log(2 * math.pi)) + self._half_log_det()


class MixtureSameFamily(Distribution):
    """One of the components along the last batch dimension, chosen by a ``Categorical``."""

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of distributions.Categorical"
            )
        shape = component_distribution.batch_shape
        if mixture_distribution.probs.shape[-1] != shape[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({mixture_distribution.probs.shape[-1]}) does "
                f"not equal `component_distribution.batch_shape[-1]` ({shape[-1]})"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        super().__init__(shape[:-1], component_distribution.event_shape, validate_args=False)

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1 for _ in self._event_shape)))

    def _components_axis(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self.component_distribution.mean).sum(self._components_axis())

    @property
    def variance(self) -> Tensor:
        axis, weights = self._components_axis(), self._weights()
        within = (weights * self.component_distribution.variance).sum(axis)
        gaps = self.component_distribution.mean - self.mean.unsqueeze(axis)
        return within + (weights * gaps**2).sum(axis)

    def log_prob(self, value: Tensor) -> Tensor:
        spread = value.unsqueeze(self._components_axis())
        parts = self.component_distribution.log_prob(spread)
        return (parts + self.mixture_distribution.logits).logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        spread = value.unsqueeze(self._components_axis())
        parts = self.component_distribution.cdf(spread)
        return (parts * self.mixture_distribution.probs).sum(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        chosen = self.mixture_distribution.sample(sample_shape)
        drawn = self.component_distribution.sample(sample_shape)
        axis = drawn.ndim - 1 - len(self._event_shape)
        index = chosen.reshape((*chosen.shape, 1, *(1 for _ in self._event_shape)))
        index = index.expand(*drawn.shape[:axis], 1, *drawn.shape[axis + 1 :])
        return ops.gather(drawn, axis, index).squeeze(axis)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
        )


class TransformedDistribution(Distribution):
    """What transforms make of the values of a distribution."""

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        given = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in given):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        self.base_dist, self.transforms = base_distribution, given
        events = len(base_distribution.event_shape)
        for transform in given:
            events = max(events, transform.event_dim)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        shape = ComposeTransform(given).forward_shape(shape)
        cut = len(shape) - events
        super().__init__(shape[:cut], shape[cut:], validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:  # type: ignore[override]
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1]
        extra = len(self._event_shape) - last.codomain.event_dim
        return constraints.independent(last.codomain, extra) if extra > 0 else last.codomain

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape)).detach()

    def log_prob(self, value: Tensor) -> Tensor:
        total, y, events = None, value, len(self._event_shape)
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            change = _last(transform.log_abs_det_jacobian(x, y), events - transform.event_dim)
            total, y = (change if total is None else total + change), x
        base = _last(self.base_dist.log_prob(y), events - len(self.base_dist.event_shape))
        return base if total is None else base - total

    def cdf(self, value: Tensor) -> Tensor:
        sign = 1
        for transform in reversed(self.transforms):
            value, sign = transform.inv(value), sign * transform.sign
        return _from_the_end(self.base_dist.cdf(value), sign)

    def icdf(self, value: Tensor) -> Tensor:
        sign = math.prod(transform.sign for transform in self.transforms)
        return ComposeTransform(self.transforms)(self.base_dist.icdf(_from_the_end(value, sign)))

    def __repr__(self) -> str:
        return f"TransformedDistribution({self.base_dist}, {self.transforms})"


def _from_the_end(probability: Tensor, sign: Any) -> Tensor:
    """As it is where a map rises, 1 - it where the map falls."""
    if isinstance(sign, Tensor):
        return sign * (probability - 0.5) + 0.5
    return probability if sign == 1 else 1 - probability


def _last(value: Tensor, count: int) -> Tensor:
    """Summed over the last dimensions that belong to the event."""
    return value.sum(tuple(range(-count, 0))) if count > 0 else value
