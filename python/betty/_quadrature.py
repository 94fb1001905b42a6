"""Special functions that are integrals, as recorded sums over the nodes of a quadrature.

Each integrand falls from its largest value at one end, so a range as far as it matters and 64 nodes
(Gauss and Legendre) give all digits of float64; everything is differentiable to every order in
every argument. Computed in float64, whatever the arguments are.

Invariant: what a function does not take (a negative shape) is NaN, as its derivatives are.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from betty import _functions as F
from betty import _native, _types
from betty._native import Tensor

_FAR = 40.0  # exp(-40) is beyond the digits


@functools.cache
def _rule() -> tuple[Any, Any]:
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(64)
    return (nodes + 1) / 2, weights / 2


def _nodes(reach: Tensor) -> tuple[Tensor, Tensor]:
    """Places [..., 64] in 0 ... reach, and the weights that their values are added with."""
    places, weights = (_native.from_buffer(part) for part in _rule())
    end = reach.detach().unsqueeze(-1)
    return end * places, end * weights


def _pair(a: Any, b: Any) -> tuple[Tensor, Tensor, Any]:
    """Both arguments in float64 and one shape, and the type of the result."""
    from betty import _creation, _overloads

    given = [x if isinstance(x, Tensor) else _creation.tensor(float(x)) for x in (a, b)]
    kinds = [x.dtype for x in (a, b) if isinstance(x, Tensor) and x.is_floating_point()]
    kind = functools.reduce(_types.promote_types, kinds or [_types.get_default_dtype()])
    first, second = _overloads.broadcast_tensors(*(x.double() for x in given))
    return first, second, kind


# ---- the incomplete gamma function -------------------------------------------------------------


class _Tail:
    """The smaller tail of the gamma distribution of shape ``a`` at x > 0.

    With t = x exp(±s), its density is that at x times exp(±b s - x (exp(±s) - 1)), which falls with
    s. Above ``max(a, 1)`` it is the upper tail; below it the lower one of shape b, which is a, or
    a + 1 where a < 1 (one step of the recurrence gives a's).
    """

    def __init__(self, a: Tensor, x: Tensor) -> None:
        self.is_upper = x > F.clamp(a, min=1.0)
        self.is_raised = self.is_upper.logical_not().logical_and(a < 1)
        self.b = F.where(self.is_raised, a + 1, a)
        turn = F.where(self.is_upper, 1.0, -1.0).unsqueeze(-1).double()
        far = _FAR / F.where(self.is_upper, x, self.b)
        wide = far + F.sqrt(2 * far)
        wide = F.where(self.is_upper, F.log1p(wide), wide)
        steep = _FAR / F.clamp(F.abs(x - self.b), min=1e-300)
        places, weights = _nodes(F.minimum(wide, steep))
        self.steps = turn * places
        b, x = self.b.unsqueeze(-1), x.unsqueeze(-1)
        self.masses = F.exp(b * self.steps - x * F.expm1(self.steps)) * weights

    def mass(self) -> Tensor:
        """The tail, over x times the density of shape b at x."""
        return F.sum(self.masses, -1)


def _incomplete(a: Any, x: Any, upper: bool) -> Tensor:
    a, x, kind = _pair(a, x)
    is_inside = (a > 0).logical_and(x > 0).logical_and(F.isfinite(a)).logical_and(F.isfinite(x))
    shape, place = F.where(is_inside, a, 1.0), F.where(is_inside, x, 1.0)
    tail, log = _Tail(shape, place), F.log(place)
    mass = F.exp(tail.b * log - place - F.lgamma(tail.b)) * tail.mass()
    step = F.exp(shape * log - place - F.lgamma(shape + 1))
    mass = mass + F.where(tail.is_raised, step, 0.0)
    found = F.where(tail.is_upper, mass if upper else 1 - mass, 1 - mass if upper else mass)
    # Outside: all mass is at 0 for a = 0, and beyond every x for an infinite a.
    below = (a == 0).logical_or(F.isinf(x)).logical_and((a < math.inf).logical_or(x < math.inf))
    edge = F.where(below.logical_and((a > 0).logical_or(x > 0)), 1.0 - upper, math.nan)
    above = (a > 0).logical_and((x == 0).logical_or(F.isinf(a))).logical_and(x < math.inf)
    edge = F.where(above, float(upper), edge)
    edge = F.where((a < 0).logical_or(x < 0).logical_or(F.isnan(a + x)), math.nan, edge)
    return F.where(is_inside, found, edge.double()).to(kind)


def gammainc(input: Any, other: Any) -> Tensor:
    """The lower incomplete gamma function of shape ``input`` at ``other``, regularized: 0 ... 1.

    Example:
        >>> import betty
        >>> betty.special.gammainc(betty.tensor(1.0), betty.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6321])
    """
    return _incomplete(input, other, upper=False)


def gammaincc(input: Any, other: Any) -> Tensor:
    """The upper incomplete gamma function: 1 - ``gammainc``, to all digits."""
    return _incomplete(input, other, upper=True)


def log_gamma_slope(a: Tensor, log_z: Tensor) -> Tensor:
    """How the logarithm of a gamma draw changes with its shape, its place in the distribution kept.

    Implicit reparameterisation (Figurnov et al., 2018): with F(z; a) constant, dz/da is -(dF/da)
    over the density; dF/da is the integral of the density times log t - digamma(a) up to z, or
    minus that beyond z.
    """
    z = F.exp(log_z)
    tail = _Tail(a, F.clamp(z, min=1e-300))
    change = log_z - F.digamma(tail.b)
    moment = F.sum(tail.masses * (tail.steps + change.unsqueeze(-1)), -1)
    raised = -(z * moment + change) / a
    return F.where(tail.is_raised, raised, F.where(tail.is_upper, moment, -moment))


# ---- Bessel functions --------------------------------------------------------------------------


def _bessel(input: Tensor, order: int, scaled: bool) -> Tensor:
    kind = input.dtype if input.is_floating_point() else _types.get_default_dtype()
    x = input.double()
    size = F.abs(x)
    near = F.clamp(_FAR / 2 / F.clamp(size, min=1e-300), max=1.0)
    angles, weights = _nodes(2 * F.asin(F.sqrt(near.detach())))
    half = F.sin(angles / 2)
    masses = F.exp(-2 * size.unsqueeze(-1) * half * half) * weights
    if order == 1:
        masses = masses * F.sin(angles) ** 2
    found = F.sum(masses, -1) / math.pi
    found = found if scaled else found * F.exp(size)
    return (found * x if order == 1 else found).to(kind)


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of order 0."""
    return _bessel(input, 0, scaled=False)


def i0e(input: Tensor) -> Tensor:
    """``i0`` times exp(-|x|)."""
    return _bessel(input, 0, scaled=True)


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of order 1."""
    return _bessel(input, 1, scaled=False)


def i1e(input: Tensor) -> Tensor:
    """``i1`` times exp(-|x|)."""
    return _bessel(input, 1, scaled=True)
