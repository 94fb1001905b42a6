"""The Kullback-Leibler divergence, by pairs of classes; a program registers pairs of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from betty import _functions as ops
from betty._native import Tensor
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.counts import Geometric, OneHotCategorical, Poisson
from betty.distributions.distribution import Distribution
from betty.distributions.joint import Independent, MultivariateNormal
from betty.distributions.normal import Normal
from betty.distributions.positive import Beta, Dirichlet, Gamma
from betty.distributions.real import Exponential, Laplace, LogNormal, Uniform

__all__ = ["kl_divergence", "register_kl"]

_registered: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[..., Any]:
    """Decorates the function that gives the divergence of two classes of distributions."""
    for given in (type_p, type_q):
        if not isinstance(given, type) or not issubclass(given, Distribution):
            raise TypeError(f"Expected a subclass of Distribution, got {given!r}")

    def keep(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        _registered[type_p, type_q] = function
        return function

    return keep


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E_p[log p - log q] of each entry.

    Raises:
        NotImplementedError: No formula for these two classes is registered.

    Example:
        >>> import betty
        >>> D = betty.distributions
        >>> D.kl_divergence(D.Normal(betty.tensor(1.0), 1.0), D.Normal(betty.tensor(0.0), 1.0))
        tensor(0.5000)
    """
    for left in type(p).__mro__:
        for right in type(q).__mro__:
            if (left, right) in _registered:
                return _registered[left, right](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    gap = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + gap - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
def _log_normal(p: LogNormal, q: LogNormal) -> Tensor:
    return _normal(Normal(p.loc, p.scale), Normal(q.loc, q.scale))


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def softplus(x: Tensor) -> Tensor:
        return x.clamp(min=0) + (-x.abs()).exp().log1p()

    yes = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    return yes + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    parts = p.probs * (p.logits - q.logits)
    parts = ops.where(q.probs == 0, math.inf, parts)
    return ops.where(p.probs == 0, 0.0, parts).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    scale = b * (p.rate / q.rate).log() + ops.lgamma(b) - ops.lgamma(a)
    return scale + (a - b) * ops.digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    constant = ops.lgamma(total) - ops.lgamma(b.sum(-1)) - (ops.lgamma(a) - ops.lgamma(b)).sum(-1)
    return constant + ((a - b) * (ops.digamma(a) - ops.digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._both(), q._both())


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + gap / q.scale + ratio * (-gap / p.scale).exp() - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return ops.where((q.low > p.low).logical_or(q.high < p.high), math.inf, found)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: the two have events of different ranks")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be "
            "computed"
        )
    from betty._overloads import broadcast_shapes

    batch = broadcast_shapes(p.batch_shape, q.batch_shape)
    size = p.event_shape[0]
    factor = q._factor.expand(*batch, size, size)
    ratio = ops.linalg_solve_triangular(factor, p._factor.expand(*batch, size, size), False)
    gap = (q.loc - p.loc).expand(*batch, size).unsqueeze(-1)
    solved = ops.linalg_solve_triangular(factor, gap, False)
    traces = (ratio**2).sum((-2, -1)) + (solved**2).sum((-2, -1))
    return q._half_log_det() - p._half_log_det() + 0.5 * (traces - size)
