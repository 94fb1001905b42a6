"""Forward-mode tensors, linearized functions, hooks behind the gradient, functions of numbers."""

import math

import betty
import numpy as np
import pytest
from betty.autograd import forward_ad
from derivatives import check_derivatives

b = betty.from_numpy


def f64(*values):
    return betty.tensor(values, dtype=betty.float64)


# ---- forwards ----------------------------------------------------------------------------------


def test_dual_tensors():
    x, v, w = f64(1.0, 2.0), f64(1.0, -1.0), f64(3.0, 4.0)
    with forward_ad.dual_level():
        one, other = forward_ad.make_dual(x, v), forward_ad.make_dual(w, v * 2)
        primal, tangent = forward_ad.unpack_dual(one * other + one.sin())
        np.testing.assert_allclose(primal, x * w + x.sin())
        np.testing.assert_allclose(tangent, v * w + 2 * v * x + v * x.cos())
        assert not tangent.requires_grad and not primal.requires_grad
        assert forward_ad.unpack_dual(one).tangent is v
        assert forward_ad.unpack_dual(x).tangent is None
        assert forward_ad.unpack_dual(x.clone().requires_grad_() * 2).tangent is None
    assert forward_ad.unpack_dual(one * 2).tangent is None


def test_forwards_over_backwards():
    x, v = f64(0.5, 2.0).requires_grad_(), f64(1.0, 3.0)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, v)
        (slope,) = betty.autograd.grad((dual**3).sum(), [dual], create_graph=True)
        product = forward_ad.unpack_dual(slope).tangent
    np.testing.assert_allclose(product.detach(), (6 * x * v).detach())


def test_levels():
    with pytest.raises(RuntimeError, match="no level exists"):
        forward_ad.make_dual(f64(1.0), f64(1.0))
    with pytest.raises(RuntimeError, match="no level to exit"):
        forward_ad.exit_dual_level()
    with forward_ad.dual_level():
        with pytest.raises(RuntimeError, match="Nested"):
            forward_ad.enter_dual_level()
        with pytest.raises(RuntimeError, match="the tangent must be"):
            forward_ad.make_dual(f64(1.0), f64(1.0, 2.0))
        with pytest.raises(ValueError, match="floating point"):
            forward_ad.make_dual(betty.tensor([1]), betty.tensor([1]))


def test_linearize():
    calls = []

    def function(x, y):
        calls.append(1)
        return {"product": x * y, "sine": x.sin()}

    x, y = f64(1.0, 2.0), f64(3.0, 4.0)
    value, along = betty.func.linearize(function, x, y)
    np.testing.assert_allclose(value["product"], x * y)
    for v, w in ((x, y), (y, x)):
        change = along(v, w)
        np.testing.assert_allclose(change["product"], v * y + x * w)
        np.testing.assert_allclose(change["sine"], v * x.cos())
    assert len(calls) == 1
    with pytest.raises(RuntimeError, match="1 tangents for 2 primals"):
        along(x)


# ---- hooks behind the gradient -----------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
def test_hooks_behind_the_gradient(named):
    x, y = f64(1.0).requires_grad_(), f64(2.0).requires_grad_()
    seen = []
    x.register_hook(lambda grad: grad * 10)
    handle = x.register_post_accumulate_grad_hook(lambda x: seen.append(x.grad.item()))
    options = {"inputs": [x, y]} if named else {}
    (x * y).sum().backward(**options)
    (x * y).sum().backward(**options)
    assert seen == [20, 40] and y.grad.item() == 2
    handle.remove()
    (x * y).sum().backward(**options)
    assert seen == [20, 40] and x.grad.item() == 60


def test_steps_in_hooks():
    weights = [f64(1.0).requires_grad_() for _ in range(2)]

    def step(weight):
        weight.data = weight.data - 0.1 * weight.grad
        weight.grad = None

    for weight in weights:
        weight.register_post_accumulate_grad_hook(step)
    (weights[0] * 2 + weights[1] * 3).sum().backward()
    np.testing.assert_allclose([w.item() for w in weights], [0.8, 0.7])
    assert all(w.grad is None for w in weights)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (weights[0] * 2).register_post_accumulate_grad_hook(step)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        f64(1.0).register_post_accumulate_grad_hook(step)


# ---- functions ---------------------------------------------------------------------------------

NUMPY = {
    "hann": (betty.hann_window, np.hanning),
    "hamming": (betty.hamming_window, np.hamming),
    "blackman": (betty.blackman_window, np.blackman),
    "bartlett": (betty.bartlett_window, np.bartlett),
    "kaiser": (betty.kaiser_window, lambda n: np.kaiser(n, 12.0)),
}


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_windows(name, count):
    window, reference = NUMPY[name]
    got = window(count, False, dtype=betty.float64)
    np.testing.assert_allclose(got, reference(count), atol=1e-12)
    if count > 1:
        np.testing.assert_allclose(
            window(count, dtype=betty.float64), reference(count + 1)[:-1], atol=1e-12
        )
    assert window(count).dtype is betty.float32
    assert window(count, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="non-negative"):
        window(-1)
    with pytest.raises(RuntimeError, match="floating point dtypes"):
        window(2, dtype=betty.int64)


def test_numbers_beside_numbers():
    for dtype in (np.float32, np.float64):
        x, y = np.array([1.0, 0.0, -2.0, 5.0], dtype), np.array([2.0, -1.0, -3.0, 5.0], dtype)
        np.testing.assert_array_equal(betty.nextafter(b(x), b(y)), np.nextafter(x, y))
    with pytest.raises(NotImplementedError, match="one floating type"):
        betty.nextafter(betty.ones(1), f64(1.0))


def test_mantissas_and_exponents():
    x = np.array([8.0, 0.75, -3.0, 0.0, 1e-310, 1.7e308, np.inf])
    mantissa, exponent = betty.frexp(b(x))
    np.testing.assert_array_equal(mantissa, np.frexp(x)[0])
    np.testing.assert_array_equal(exponent[:-1], np.frexp(x)[1][:-1])
    assert exponent.dtype is betty.int32
    check_derivatives(lambda x: b(np.array([2.0, 1.0])) * x.frexp().mantissa, np.array([3.0, 0.7]))


def test_elements_by_strides():
    x = np.arange(12.0).reshape(3, 4)
    for size, steps, offset in (
        ((2, 3), (5, 2), 1),
        ((4,), (0,), 2),
        ((0, 3), (1, 1), 0),
        ((), (), 7),
    ):
        strides = [step * 8 for step in steps]
        wanted = np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], size, strides)
        np.testing.assert_array_equal(betty.as_strided(b(x), size, steps, offset), wanted)
    check_derivatives(lambda x: x.as_strided((3, 3), (1, 1)), np.arange(5.0))
    for size, steps, offset in (((13,), (1,), 0), ((2,), (-1,), 1), ((2, 2), (1,), 0)):
        with pytest.raises(RuntimeError, match="as_strided"):
            betty.as_strided(b(x), size, steps, offset)


def test_names_beside_special():
    x = f64(0.7, 3.0)
    np.testing.assert_array_equal(x.i0(), betty.special.i0(x))
    np.testing.assert_array_equal(betty.igamma(x, x), betty.special.gammainc(x, x))
    np.testing.assert_array_equal(x.igammac(x), betty.special.gammaincc(x, x))
    wanted = math.lgamma(3) + math.lgamma(2.5) + 0.5 * math.log(math.pi)
    assert betty.mvlgamma(f64(3.0), 2).item() == pytest.approx(wanted)


@pytest.mark.parametrize("given", [betty.float32, betty.bfloat16])
def test_vectors_of_another_float_type_are_converted(given):
    x = betty.ones(3, dtype=betty.float64, requires_grad=True)
    vector = betty.full((3,), 0.5, dtype=given)
    (gradient,) = betty.autograd.grad(x * x, x, grad_outputs=vector)
    assert gradient.dtype == betty.float64 and gradient.tolist() == [1, 1, 1]
    (x * x).backward(vector)
    assert x.grad.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="has to be f64"):
        (x * x).backward(betty.ones(3, dtype=betty.int64))
