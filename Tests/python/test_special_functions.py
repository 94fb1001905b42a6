"""Functions of betty.special that are integrals or long sums, against formulas of special cases."""

import math

import betty
import numpy as np
import pytest
from betty import special
from derivatives import check_derivatives

X = np.array([1e-3, 0.2, 1.0, 2.5, 9.0, 40.0])
b = betty.from_numpy


def by_trapezoid(order, x):
    """The modified Bessel function by its integral, over a whole period."""
    angles = np.linspace(0, np.pi, 2001)
    values = np.exp(x[:, None] * np.cos(angles)) * np.cos(order * angles)
    return np.trapezoid(values, angles) / np.pi


def test_bessel_functions():
    for order, plain, scaled in ((0, special.i0, special.i0e), (1, special.i1, special.i1e)):
        expected = by_trapezoid(order, X)
        np.testing.assert_allclose(plain(b(X)), expected, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(scaled(b(X)), expected * np.exp(-X), rtol=1e-10, atol=1e-14)
        sides = (plain(b(-X)) / plain(b(X))).numpy()
        np.testing.assert_allclose(sides, 1 - 2 * order)
    assert special.i0e(betty.tensor(1e6)).item() == pytest.approx(1 / math.sqrt(2e6 * math.pi))
    assert special.i0(betty.tensor([0, 1])).dtype is betty.float32


def test_incomplete_gamma_functions():
    for n in (1, 2, 7):
        above = sum(X**k / math.factorial(k) for k in range(n)) * np.exp(-X)
        np.testing.assert_allclose(special.gammaincc(b(np.full(6, 1.0 * n)), b(X)), above, 1e-12)
    below = [math.erf(math.sqrt(x)) for x in X]
    np.testing.assert_allclose(special.gammainc(b(np.full(6, 0.5)), b(X)), below, 1e-12)
    both = special.gammainc(b(X), b(X[::-1].copy())) + special.gammaincc(b(X), b(X[::-1].copy()))
    np.testing.assert_allclose(both, np.ones(6))
    inf, nan = math.inf, math.nan
    edges = [
        (0, 0, nan),
        (0, 1, 1),
        (1, 0, 0),
        (1, inf, 1),
        (inf, 1, 0),
        (-1, 1, nan),
        (1, -1, nan),
    ]
    shapes, places, wanted = (np.array(column, float) for column in zip(*edges, strict=True))
    np.testing.assert_array_equal(special.gammainc(b(shapes), b(places)), wanted)
    np.testing.assert_array_equal(special.gammaincc(b(shapes), b(places)), 1 - wanted)


def test_zeta():
    s, q = np.array([1.5, 2.0, 3.0, 10.0]), np.array([0.3, 1.0, 20.0, 2.0])
    ends = 200000
    sums = [np.sum((np.arange(ends) + v) ** -p) for p, v in zip(s, q, strict=True)]
    rest = (ends + q - 0.5) ** (1 - s) / (s - 1)
    np.testing.assert_allclose(special.zeta(b(s), b(q)), sums + rest, rtol=1e-9)
    assert special.zeta(betty.tensor([1.0, 2.0]), -1.0).tolist() == [math.inf, math.inf]
    assert math.isnan(special.zeta(betty.tensor(0.5), 1.0).item())


POINT = np.array([0.4, 1.7, 3.0])
SMOOTH = {
    "i0": special.i0,
    "i0e": special.i0e,
    "i1": special.i1,
    "i1e": special.i1e,
    "gammainc in its shape": lambda x: special.gammainc(x, b(np.array([2.0, 1.0, 3.5]))),
    "gammaincc in its place": lambda x: special.gammaincc(b(np.array([2.0, 0.3, 3.5])), x),
    "zeta in its place": lambda x: special.zeta(b(np.array([2.0, 1.5, 3.5])), x),
    "zeta in its power": lambda x: special.zeta(x + 1, b(np.array([2.0, 1.5, 3.5]))),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    check_derivatives(SMOOTH[name], POINT)
