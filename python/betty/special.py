"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

import math
from typing import Any

from betty import _derived
from betty import _functions as F
from betty._functions import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    log1p,
    logit,
    logsumexp,
    sinc,
    xlogy,
)  # fmt: skip
from betty._native import Tensor

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln",
    "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

expit, gammaln, psi = F.sigmoid, F.lgamma, F.digamma
polygamma, round = _derived.polygamma, _derived.round


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) over its sum along a dimension."""
    return F.softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of softmax."""
    return F.log_softmax(input, dim, dtype)


def entr(input: Tensor) -> Tensor:
    """-x log x; 0 at 0, minus infinity below."""
    return F.where(input < 0, -math.inf, -F.xlogy(input, input))


def xlog1py(input: Any, other: Any) -> Tensor:
    """x log(1 + y), 0 where x is 0 and y is not NaN."""
    log = F.log1p(other) if isinstance(other, Tensor) else math.log1p(other)
    if not isinstance(input, Tensor):
        return log * input if input else F.where(F.isnan(other), math.nan, log * 0.0)
    product = F.where(input == 0, 0.0, input * log)
    return F.where(F.isnan(other), math.nan, product) if isinstance(other, Tensor) else product


def ndtr(input: Tensor) -> Tensor:
    """The area under the normal curve up to x."""
    return 0.5 * F.erfc(input * -math.sqrt(0.5))


def ndtri(input: Tensor) -> Tensor:
    """Up to where the area under the normal curve is x."""
    return math.sqrt(2) * F.erfinv(2 * input - 1)


def erfcx(input: Tensor) -> Tensor:
    """exp(x²) erfc(x); a continued fraction where erfc vanishes."""
    large = input > 5
    near = F.where(large, 1.0, input)
    usual = F.exp(near * near) * F.erfc(near)
    far = F.where(large, input, 6.0)
    tail = far
    for step in range(40, 0, -1):
        tail = far + step / 2 / tail
    return F.where(large, 1 / (math.sqrt(math.pi) * tail), usual)


def log_ndtr(input: Tensor) -> Tensor:
    """The logarithm of ``ndtr``, also far below 0."""
    low = input < -1
    below = F.where(low, input, -1.0) * -math.sqrt(0.5)
    tail = F.log(erfcx(below) / 2) - below * below
    return F.where(low, tail, F.log1p(-0.5 * F.erfc(F.where(low, 0.0, input) * math.sqrt(0.5))))


def multigammaln(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if bool((input.detach() <= (p - 1) / 2).any()):
        raise RuntimeError("All elements must be greater than (p-1)/2")
    total = p * (p - 1) / 4 * math.log(math.pi)
    for place in range(p):
        total = total + F.lgamma(input - place / 2)
    return total
