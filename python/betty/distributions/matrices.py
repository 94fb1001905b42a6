"""Distributions of matrices: covariances, and factors of correlations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._creation import arange, as_tensor, randn, zeros
from betty._native import Tensor
from betty._overloads import broadcast_shapes
from betty._warnings import warn
from betty.autograd import no_grad
from betty.distributions import constraints
from betty.distributions.distribution import Distribution
from betty.distributions.joint import Factored
from betty.distributions.positive import Beta, Chi2, tiny
from betty.special import multigammaln

__all__ = ["LKJCholesky", "Wishart"]


def _slopes(a: Tensor, size: int) -> Tensor:
    """The derivative of the logarithm of the gamma function of ``size`` dimensions."""
    return ops.digamma(a.unsqueeze(-1) - arange(size, dtype=a.dtype) / 2).sum(-1)


class Wishart(Factored):
    """Symmetric matrices X Xᵀ, where X has ``df`` columns of normal vectors.

    Args:
        df: Degrees of freedom, above D - 1; of shape [...].
        covariance_matrix: The covariance of a column, [..., D, D]; or one of the next two.
        precision_matrix: Its inverse.
        scale_tril: Its lower triangular factor.
        validate_args: Check parameters when made and values in ``log_prob``; on by default.

    Raises:
        ValueError: Not one matrix is given, it has no two dimensions, or ``df`` is too small.

    Example:
        >>> import betty
        >>> wishart = betty.distributions.Wishart(5.0, covariance_matrix=betty.eye(2))
        >>> wishart.mean
        tensor([[5., 0.],
                [0., 5.]])
        >>> wishart.rsample((3,)).shape
        betty.Size([3, 2, 2])
    """

    has_rsample = True
    support = constraints.positive_definite
    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, given = self._keep(
            {
                "covariance_matrix": covariance_matrix,
                "precision_matrix": precision_matrix,
                "scale_tril": scale_tril,
            }
        )
        if given.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        degrees = df if isinstance(df, Tensor) else as_tensor(float(df), dtype=given.dtype)
        size = given.shape[-1]
        if bool((degrees <= size - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {size - 1}.")
        if bool((degrees < size).any()):
            warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 "
                "< df < ndim."
            )
        batch = broadcast_shapes(given.shape[:-2], degrees.shape)
        self.df = degrees.expand(batch)
        matrix = self.__dict__[name] = given.expand(*batch, size, size)
        super().__init__(batch, (size, size), validate_args)
        self._factor = self._lower(matrix)

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """Of few degrees of freedom there is none, which is NaN."""
        factor = self.df - self._event_shape[0] - 1
        return ops.where(factor > 0, factor, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        matrix = self.covariance_matrix
        scales = ops.diagonal(matrix, 0, -2, -1)
        products = scales.unsqueeze(-1) * scales.unsqueeze(-2)
        return self.df[..., None, None] * (matrix**2 + products)

    def rsample(
        self, sample_shape: Sequence[int] = (), max_try_correction: int | None = None
    ) -> Tensor:
        """Draws by Bartlett's decomposition; ``max_try_correction`` is accepted for migration.

        Returns:
            sample_shape + batch_shape + [D, D].
        """
        size = self._event_shape[0]
        degrees = self.df.unsqueeze(-1) - arange(size, dtype=self.df.dtype)
        scales = Chi2(degrees, validate_args=False).rsample(sample_shape).sqrt()
        noise = randn(*self._extended_shape(sample_shape), dtype=self._factor.dtype)
        root = ops.matmul(self._factor, ops.tril(noise, -1) + ops.diag_embed(scales))
        return ops.matmul(root, root.transpose(-2, -1))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        size, df = self._event_shape[0], self.df
        shape = broadcast_shapes(value.shape, self._factor.shape)
        factor = self._factor.expand(shape)
        half = ops.linalg_solve_triangular(factor, value.expand(shape), upper=False)
        both = ops.linalg_solve_triangular(factor, half.transpose(-2, -1), upper=False)
        constant = df * (size * math.log(2) / 2 + self._half_log_det()) + multigammaln(df / 2, size)
        log_det = ops.linalg_slogdet(value)[1]
        trace = ops.diagonal(both, 0, -2, -1).sum(-1)
        return (df - size - 1) / 2 * log_det - trace / 2 - constant

    def entropy(self) -> Tensor:
        size, df = self._event_shape[0], self.df
        return (
            (size + 1) * (size * math.log(2) / 2 + self._half_log_det())
            + multigammaln(df / 2, size)
            - (df - size - 1) / 2 * _slopes(df / 2, size)
            + df * size / 2
        )


class LKJCholesky(Distribution):
    """Lower triangular factors L of correlation matrices L Lᵀ, of a density proportional to
    det(L Lᵀ)^(concentration - 1) (Lewandowski, Kurowicka and Joe, 2009).

    Args:
        dim: D, the width of the matrices, at least 2.
        concentration: Above 0, of shape [...]; 1 for all correlations alike, more for weaker ones.
        validate_args: Check parameters when made and values in ``log_prob``; on by default.

    Raises:
        ValueError: ``dim`` is below 2, or a concentration not above 0.

    Example:
        >>> import betty
        >>> draw = betty.distributions.LKJCholesky(3, 0.5).sample((4,))
        >>> correlations = draw @ draw.transpose(-2, -1)
        >>> draw.shape, bool((correlations.diagonal(0, -2, -1) - 1 < 1e-6).all())
        (betty.Size([4, 3, 3]), True)
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = self._tensors(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws row by row: a direction, and how much of the row's unit length it has (the onion
        method of Ghosh and Henderson, 2003).

        Returns:
            sample_shape + batch_shape + [D, D].
        """
        with no_grad():
            a = self.concentration.unsqueeze(-1)
            rows = arange(self.dim - 1, dtype=a.dtype)
            below = Beta(rows / 2 + 0.5, a + (self.dim - 2 - rows) / 2, validate_args=False)
            share = below.sample(sample_shape)
            noise = ops.tril(randn(*self._extended_shape(sample_shape), dtype=a.dtype), -1)
            noise = noise[..., 1:, :]
            way = noise / ops.norm(noise, dim=-1, keepdim=True)
            part = way * share.sqrt().unsqueeze(-1)
            first = zeros(*part.shape[:-2], 1, self.dim, dtype=a.dtype)
            lower = ops.cat([first, part], -2)
            # The first row has all its length on the diagonal.
            rest = ops.cat([zeros(*share.shape[:-1], 1, dtype=a.dtype), share], -1)
            return lower + ops.diag_embed((1 - rest).clamp(min=tiny(rest)).sqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, rows = self.concentration, self.dim - 1
        scales = ops.diagonal(value, 0, -2, -1)[..., 1:]
        powers = 2 * (a - 1).unsqueeze(-1) + (rows - 1 - arange(rows, dtype=a.dtype))
        peak = a + rows / 2
        constant = rows * math.log(math.pi) / 2 + multigammaln(peak - 0.5, rows)
        return (powers * scales.log()).sum(-1) - constant + rows * ops.lgamma(peak)
