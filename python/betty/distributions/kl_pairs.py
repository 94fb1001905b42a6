"""Divergences of pairs of classes, beyond those of one family that `kl` has."""

from __future__ import annotations

import math

from betty import _functions as ops
from betty._native import Tensor
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.continuous import ContinuousBernoulli
from betty.distributions.counts import Binomial, Poisson
from betty.distributions.distribution import Distribution
from betty.distributions.joint import MultivariateNormal, TransformedDistribution
from betty.distributions.kl import kl_divergence, register_kl
from betty.distributions.lowrank import LowRankMultivariateNormal
from betty.distributions.normal import Normal
from betty.distributions.positive import Beta, Gamma
from betty.distributions.powers import Pareto
from betty.distributions.real import (
    EULER,
    Cauchy,
    Exponential,
    Gumbel,
    HalfNormal,
    Laplace,
    Uniform,
)

_LOG_2PI = math.log(2 * math.pi)


# ---- one family --------------------------------------------------------------------------------


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count has no closed form"
        )
    odds = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return ops.where(p.total_count > q.total_count, math.inf, p.total_count * odds)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(Normal(0.0, p.scale, False), Normal(0.0, q.scale, False))


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    near, far = q.loc / q.scale, p.loc / q.scale
    surplus = (near + (1 + ratio).lgamma() - far).exp()
    return -ratio.log() - near + far + ratio * EULER + surplus - (1 + EULER)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    spread = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return spread.log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    gap, ratio = p.scale.log() - q.scale.log(), q.alpha / p.alpha
    found = q.alpha * gap - ratio.log() + ratio - 1
    return ops.where(p.scale < q.scale, math.inf, found)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    odds = p.mean * (p.logits - q.logits)
    rest = (-p.probs).log1p() - (-q.probs).log1p()
    return odds + rest + p._log_constant() - q._log_constant()


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    same = [repr(t) for t in p.transforms] == [repr(t) for t in q.transforms]
    if not same or p.event_shape != q.event_shape:
        raise NotImplementedError("kl_divergence: the two have different transforms")
    found = kl_divergence(p.base_dist, q.base_dist)
    extra = len(p.event_shape) - len(p.base_dist.event_shape)
    return found.sum(tuple(range(-extra, 0))) if extra > 0 else found


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    return _traces(p, q) + 0.5 * (q.log_det() + q.distance(q.loc - p.loc) - p.log_det())


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _onto_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    gap = q.log_det() + q.distance(q.loc - p.loc)
    return _traces(p, q) + 0.5 * gap - p._half_log_det()


def _traces(p: MultivariateNormal | LowRankMultivariateNormal, q: LowRankMultivariateNormal):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes "
            "cannot be computed"
        )
    both = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    return 0.5 * (both - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _from_low_rank(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    return kl_divergence(MultivariateNormal(p.loc, p.covariance_matrix, validate_args=False), q)


# ---- onto a normal distribution ----------------------------------------------------------------


def _onto_normal(p: Distribution, q: Normal) -> Tensor:
    """From the moments and the entropy alone."""
    spread = (p.variance + (p.mean - q.loc) ** 2) / q.scale**2
    return 0.5 * (spread + _LOG_2PI) + q.scale.log() - p.entropy()


for _kind in (Laplace, Gumbel, Exponential, Gamma, Beta, Uniform, Pareto, ContinuousBernoulli):
    register_kl(_kind, Normal)(_onto_normal)


# ---- other pairs -------------------------------------------------------------------------------


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    gap = p.loc - q.loc
    z = gap / p.scale
    inside = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z * z).exp()
    distance = inside + gap * (z * math.sqrt(0.5)).erf()
    return (2 * q.scale).log() + distance / q.scale - p.entropy()


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    mean, half = p.loc / q.scale, 0.5 * (p.scale / q.scale) ** 2
    surplus = (q.loc / q.scale - mean + half).exp()
    return mean - q.loc / q.scale + surplus + q.scale.log() - p.entropy()


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return kl_divergence(Gamma(ops.ones_like(p.rate), p.rate, False), q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    return ops.where(p.alpha > 1, -p.entropy() - q.rate.log() + q.rate * p.mean, math.inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    log = p.scale.log() + 1 / p.alpha
    constant = ops.lgamma(q.concentration) - q.concentration * q.rate.log()
    found = -p.entropy() + constant + (1 - q.concentration) * log + q.rate * p.mean
    return ops.where(p.alpha > 1, found, math.inf)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    width = q.scale / (p.high - p.low)
    low, high = ((end - q.loc) / q.scale for end in (p.low, p.high))
    middle = (low + high) / 2
    return width.log() + middle + width * ((-low).exp() - (-high).exp())


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    found = q.rate * p.mean - p.entropy() - q.rate.log()
    return ops.where(p.low < 0, math.inf, found)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    logs = ops.xlogy(p.high, p.high) - ops.xlogy(p.low, p.low)
    mean_log = logs / (p.high - p.low) - 1
    constant = ops.lgamma(q.concentration) - q.concentration * q.rate.log()
    found = -p.entropy() + constant + (1 - q.concentration) * mean_log + q.rate * p.mean
    return ops.where(p.low < 0, math.inf, found)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b, width = q.concentration1, q.concentration0, p.high - p.low

    def mean_log(low: Tensor, high: Tensor) -> Tensor:
        return (ops.xlogy(high, high) - ops.xlogy(low, low)) / width - 1

    constant = ops.lgamma(a) + ops.lgamma(b) - ops.lgamma(a + b)
    first = (a - 1) * mean_log(p.low, p.high)
    second = (b - 1) * mean_log(1 - p.high, 1 - p.low)
    outside = (p.high > 1).logical_or(p.low < 0)
    return ops.where(outside, math.inf, constant - p.entropy() - first - second)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    steep = p.rate * q.scale
    shift = q.loc / q.scale
    surplus = shift.exp() * steep / (steep + 1)
    return steep.log() - 1 - shift + surplus + 1 / steep


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    steep = p.rate * q.scale
    shift = q.loc / q.scale
    surplus = (shift - p.concentration * (1 / steep).log1p()).exp()
    return -p.entropy() + q.scale.log() - shift + p.mean / q.scale + surplus


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Beta, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    a, b = p.concentration1, p.concentration0
    mean_log = ops.digamma(a) - ops.digamma(a + b)
    constant = ops.lgamma(q.concentration) - q.concentration * q.rate.log()
    return -p.entropy() + constant - (q.concentration - 1) * mean_log + q.rate * p.mean


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: ContinuousBernoulli, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


def _onto_continuous_bernoulli(p: Distribution, q: ContinuousBernoulli) -> Tensor:
    log = p.mean * q.logits + (-q.probs).log1p() + q._log_constant()
    return -p.entropy() - log


register_kl(Beta, ContinuousBernoulli)(_onto_continuous_bernoulli)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    outside = (p.high > 1).logical_or(p.low < 0)
    return ops.where(outside, math.inf, _onto_continuous_bernoulli(p, q))


def _unit_onto_uniform(p: Beta | ContinuousBernoulli, q: Uniform) -> Tensor:
    outside = (q.low > 0).logical_or(q.high < 1)
    return ops.where(outside, math.inf, (q.high - q.low).log() - p.entropy())


for _kind in (Beta, ContinuousBernoulli):
    register_kl(_kind, Uniform)(_unit_onto_uniform)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    mean_log = (ops.xlogy(p.high, p.high) - ops.xlogy(p.low, p.low)) / (p.high - p.low) - 1
    log = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * mean_log
    return ops.where(p.low < q.scale, math.inf, -p.entropy() - log)


def _beyond(p: Distribution, q: Distribution) -> Tensor:
    """Infinite: p has values that q cannot have."""
    return ops.full_like(p.mean + q.mean, math.inf)


for _wide in (Normal, Laplace, Gumbel, Cauchy):
    for _narrow in (Beta, Exponential, Gamma, Pareto, Uniform, ContinuousBernoulli):
        register_kl(_wide, _narrow)(_beyond)
for _wide, _narrow in (
    (Poisson, Bernoulli), (Poisson, Binomial), (Beta, Pareto), (Exponential, Beta),
    (Exponential, Pareto), (Exponential, Uniform), (Gamma, Beta), (Gamma, Pareto),
    (Gamma, Uniform), (Pareto, Beta), (Pareto, Uniform), (ContinuousBernoulli, Pareto),
    (Exponential, ContinuousBernoulli), (Gamma, ContinuousBernoulli),
    (Pareto, ContinuousBernoulli),
):  # fmt: skip
    register_kl(_wide, _narrow)(_beyond)
