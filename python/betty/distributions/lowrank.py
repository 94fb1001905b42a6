"""Normal vectors whose covariance is a diagonal and a little more, and their image in a simplex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._creation import randn
from betty._native import Tensor
from betty.distributions import constraints
from betty.distributions.distribution import Distribution
from betty.distributions.joint import TransformedDistribution
from betty.distributions.normal import Normal
from betty.distributions.transforms import StickBreakingTransform

__all__ = ["LogisticNormal", "LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors [..., D] with covariance W Wᵀ + diag(d), W [..., D, R] of low rank.

    Densities cost D R² instead of D³ (the identities of Woodbury and Sylvester).

    Example:
        >>> import betty
        >>> wide = betty.ones(3, 1)
        >>> d = betty.distributions.LowRankMultivariateNormal(betty.zeros(3), wide, betty.ones(3))
        >>> d.covariance_matrix
        tensor([[2., 1., 1.],
                [1., 2., 1.],
                [1., 1., 2.]])
    """

    has_rsample = True
    support = constraints.real_vector
    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.real,
        "cov_diag": constraints.positive,
    }

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.dim() < 1 or cov_factor.dim() < 2 or cov_diag.dim() < 1:
            raise ValueError(
                "LowRankMultivariateNormal: loc and cov_diag must be vectors and cov_factor a "
                f"matrix at least, got {tuple(loc.shape)}, {tuple(cov_diag.shape)} and "
                f"{tuple(cov_factor.shape)}"
            )
        size = loc.shape[-1]
        if cov_factor.shape[-2] != size or cov_diag.shape[-1] != size:
            raise ValueError(
                f"LowRankMultivariateNormal: cov_factor must be a batch of matrices {size} x m and "
                f"cov_diag of vectors {size}, got {tuple(cov_factor.shape)} and "
                f"{tuple(cov_diag.shape)}"
            )
        from betty._overloads import broadcast_shapes

        batch = broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand(*batch, size)
        self.cov_factor = cov_factor.expand(*batch, size, cov_factor.shape[-1])
        self.cov_diag = cov_diag.expand(*batch, size)
        super().__init__(batch, (size,), validate_args)

    def _capacitance(self) -> Tensor:
        """The Cholesky factor of 1 + Wᵀ D⁻¹ W."""
        narrow = self.cov_factor / self.cov_diag.unsqueeze(-1)
        rank = self.cov_factor.shape[-1]
        inner = ops.matmul(self.cov_factor.transpose(-2, -1), narrow)
        return ops.linalg_cholesky(inner + ops.eye(n=rank, m=rank, dtype=inner.dtype))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Tensor:
        """W Wᵀ + diag(d)."""
        product = ops.matmul(self.cov_factor, self.cov_factor.transpose(-2, -1))
        return product + ops.diag_embed(self.cov_diag)

    @property
    def scale_tril(self) -> Tensor:
        """The covariance's Cholesky factor."""
        return ops.linalg_cholesky(self.covariance_matrix)

    @property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        narrow = (self.cov_factor / self.cov_diag.unsqueeze(-1)).transpose(-2, -1)
        solved = ops.linalg_solve_triangular(self._capacitance(), narrow, False)
        product = ops.matmul(solved.transpose(-2, -1), solved)
        return ops.diag_embed(1 / self.cov_diag) - product

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1]
        few = randn(*shape[:-1], rank, 1, dtype=self.loc.dtype)
        wide = ops.matmul(self.cov_factor, few).squeeze(-1)
        return self.loc + wide + self.cov_diag.sqrt() * randn(*shape, dtype=self.loc.dtype)

    def distance(self, gap: Tensor) -> Tensor:
        """gapᵀ covariance⁻¹ gap."""
        factor = self._capacitance()
        inner = ops.matmul(self.cov_factor.transpose(-2, -1), (gap / self.cov_diag).unsqueeze(-1))
        shape = (*inner.shape[:-2], *factor.shape[-2:])
        solved = ops.linalg_solve_triangular(factor.expand(shape), inner, False)
        return (gap**2 / self.cov_diag).sum(-1) - (solved**2).sum((-2, -1))

    def log_det(self) -> Tensor:
        """The logarithm of the covariance's determinant."""
        inner = ops.diagonal(self._capacitance(), 0, -2, -1).log().sum(-1)
        return 2 * inner + self.cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + self.log_det() + self.distance(value - self.loc))

    def entropy(self) -> Tensor:
        return 0.5 * (self._event_shape[0] * (1 + math.log(2 * math.pi)) + self.log_det())


class LogisticNormal(TransformedDistribution):
    """Points of the simplex [..., D + 1], made by breaking a stick at normal logits [..., D]."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform())

    @property
    def loc(self) -> Tensor:
        """The means of the logits."""
        return self.base_dist.loc  # type: ignore[attr-defined]

    @property
    def scale(self) -> Tensor:
        """The deviations of the logits."""
        return self.base_dist.scale  # type: ignore[attr-defined]
