"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

import math
from typing import Any

from betty import _derived, _types
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
from betty._quadrature import gammainc, gammaincc, i0, i0e, i1, i1e

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc",
    "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax",
    "xlog1py", "xlogy", "zeta",
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
    # 0 times a finite logarithm is left to the product, whose slope in x is the logarithm.
    if not isinstance(log, Tensor):
        return input * log if math.isfinite(log) else F.where(input == 0, 0.0, input * log)
    lost = (input == 0).logical_and(F.logical_not(F.isfinite(log)))
    product = input * F.where(lost, 0.0, log)
    return F.where(F.isnan(other), math.nan, product)


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


# Bernoulli numbers B2, B4, ... over (2k)!.
_TAIL = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000,
)  # fmt: skip


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz' zeta function, the sum of (k + other) ** -input over k = 0, 1, ...

    Sixteen terms, and the rest by Euler and Maclaurin's formula; of input above 1, infinite at 1
    and NaN below. A negative whole ``other`` has an infinite term; a negative one that is not whole
    is taken where input is whole.

    Example:
        >>> import betty
        >>> betty.special.zeta(betty.tensor(2.0), 1.0)
        tensor(1.6449)
    """
    given = [v if isinstance(v, Tensor) else F.full(v, size=()) for v in (input, other)]
    floats = [v.dtype for v in (input, other) if isinstance(v, Tensor) and v.is_floating_point()]
    kind = max(floats, key=lambda d: d.itemsize) if floats else _types.get_default_dtype()
    x, q = (v.double() for v in given)
    fits = (x > 1).logical_and((q > 0).logical_or((q != F.floor(q)).logical_and(x == F.floor(x))))
    x, q = F.where(fits, x, 2.0), F.where(fits, q, 1.0)
    total = sum(((q + k) ** -x for k in range(1, 16)), q**-x)
    end = q + 16
    factor = end**-x
    total = total + end * factor / (x - 1) + factor / 2
    rise, step = x, factor / end
    for place, share in enumerate(_TAIL):
        total = total + share * rise * step
        rise = rise * (x + 2 * place + 1) * (x + 2 * place + 2)
        step = step / end / end
    x, q = (v.double() for v in given)
    pole = (x == 1).logical_or((x > 1).logical_and(q <= 0).logical_and(q == F.floor(q)))
    return F.where(fits, total, F.where(pole, math.inf, math.nan)).to(kind)


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
