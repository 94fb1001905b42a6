"""Functions whose kernels work on vectors, against NumPy: odd lengths, strides, edges of types."""

import betty
import numpy as np
import pytest

LENGTHS = [0, 1, 7, 16, 65, 1001]
EDGES = [0.0, -0.0, 0.5, -3.99, 255.0, 256.5, 2147483647.0, -2147483648.0, 3e9, -3e9, 1e19, -1e30]
FLOATS = [betty.float64, betty.float32, betty.bfloat16, betty.float16]


def numbers(length, seed=0):
    return np.random.default_rng(seed).normal(size=length) * 100


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_become_integers(dtype, length):
    x = betty.tensor(numbers(length)).to(dtype)
    want = np.trunc(x.to(betty.float64).numpy())
    for view in (x, x[::2], x.flip(0)):
        whole = np.trunc(view.to(betty.float64).numpy())
        assert np.array_equal(view.long().numpy(), whole.astype(np.int64))
        assert np.array_equal(view.to(betty.int32).numpy(), whole.astype(np.int32))
    low = want.astype(np.int64).astype(np.uint8)
    assert np.array_equal(x.to(betty.uint8).numpy(), low)


def test_what_integers_do_not_hold():
    x = betty.tensor([*EDGES, float("nan"), float("inf"), -float("inf")] * 3, dtype=betty.float64)
    small = np.iinfo(np.int64).min
    with np.errstate(invalid="ignore"):
        fits = np.abs(x.numpy()) < 2.0**63
        want = np.where(fits, np.where(fits, x.numpy(), 0).astype(np.int64), small)
    assert np.array_equal(x.long().numpy(), want)
    assert np.array_equal(x.to(betty.uint8).numpy(), want.astype(np.uint8))
    inside = (x.numpy() >= -(2.0**31)) & (x.numpy() < 2.0**31)
    want = np.where(inside, want, np.iinfo(np.int32).min).astype(np.int32)
    assert np.array_equal(x.to(betty.int32).numpy(), want)


@pytest.mark.parametrize("length", LENGTHS)
def test_logic(length):
    a, b = numbers(length) > 0, numbers(length, 1) > 0
    x, y = betty.tensor(a), betty.tensor(b)
    assert np.array_equal((~x).numpy(), ~a)
    assert np.array_equal((x & y).numpy(), a & b)
    assert np.array_equal((x | y).numpy(), a | b)
    assert np.array_equal((x ^ y).numpy(), a ^ b)
    assert np.array_equal((x[::3] & y[::3]).numpy(), (a & b)[::3])
    assert np.array_equal(betty.where(x, y, ~y).numpy(), np.where(a, b, ~b))
    assert ((x & y) | ~x).sum().item() == int(((a & b) | ~a).sum())


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers_compare_and_choose(dtype):
    a = (np.abs(numbers(1001)) % 7).astype(dtype)
    b = (np.abs(numbers(1001, 1)) % 7).astype(dtype)
    x, y = betty.tensor(a), betty.tensor(b)
    for mine, want in ((x == y, a == b), (x != y, a != b), (x < y, a < b), (x >= y, a >= b)):
        assert np.array_equal(mine.numpy(), want)
    assert np.array_equal(betty.where(x > y, x, y).numpy(), np.where(a > b, a, b))
    assert np.array_equal(betty.maximum(x, y).numpy(), np.maximum(a, b))
    assert np.array_equal(betty.minimum(x, y).numpy(), np.minimum(a, b))


@pytest.mark.parametrize("rows, columns", [(0, 3), (1, 1), (3, 0), (5, 17), (300, 41), (64, 2000)])
def test_matrices_made_of_positions(rows, columns):
    assert np.array_equal(betty.eye(rows, columns).numpy(), np.eye(rows, columns))
    a = np.arange(1, rows * columns + 1, dtype=np.float32).reshape(rows, columns)
    x = betty.tensor(a)
    for offset in (0, 1, -1, 3, -2, 10**6, -(10**6)):
        bound = int(np.clip(offset, -rows - 1, columns + 1))
        assert np.array_equal(x.tril(offset).numpy(), np.tril(a, bound))
        assert np.array_equal(x.triu(offset).numpy(), np.triu(a, bound))
    both = betty.stack([x, x + 1]).tril()
    assert np.array_equal(both.numpy(), np.tril(np.stack([a, a + 1])))


def test_triangles_pass_gradients():
    x = betty.ones(3, 5, requires_grad=True)
    (x.tril(1) * 2).sum().backward()
    assert np.array_equal(x.grad.numpy(), 2 * np.tril(np.ones((3, 5)), 1))


@pytest.mark.parametrize("length", [*LENGTHS, 100_003])
def test_ranges(length):
    assert np.array_equal(betty.arange(length).numpy(), np.arange(length))
    for dtype in (betty.float32, betty.float64, betty.int32):
        assert np.array_equal(betty.arange(length, dtype=dtype).numpy(), np.arange(length))
    assert np.array_equal(betty.arange(5, 5 + 3 * length, 3).numpy(), np.arange(length) * 3 + 5)
    close = np.linspace(-1, 2, length)
    assert np.allclose(betty.linspace(-1, 2, length).numpy(), close, atol=1e-6)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("kind", ["distinct", "equal", "nan"])
def test_largest_few(kind, dim):
    for rows, columns in ((3, 40), (70, 9), (1, 3000), (300, 30)):
        a = numbers(rows * columns).reshape(rows, columns).astype(np.float32)
        if kind == "equal":
            a = np.round(a / 50)
        if kind == "nan":
            a[a > 120] = np.nan
        order = np.argsort(-np.where(np.isnan(a), np.inf, a), axis=dim, kind="stable")
        for k in {0, 1, min(2, a.shape[dim]), a.shape[dim]}:
            wanted = np.take(order, np.arange(k), axis=dim)
            values, indices = betty.tensor(a).topk(k, dim=dim)
            assert np.array_equal(indices.numpy(), wanted)
            found = np.take_along_axis(a, wanted, dim)
            assert np.array_equal(values.numpy(), found, equal_nan=True)
        least = betty.tensor(a).topk(1, dim=dim, largest=False).values.numpy()
        kept = np.where(np.isnan(a), np.inf, a).min(axis=dim, keepdims=True)
        kept = np.where(np.isinf(kept), np.nan, kept)
        assert np.array_equal(least, kept, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32, np.uint8])
def test_where_extremes_are(dtype):
    for shape in ((3, 1000), (1000, 3), (50, 70), (2, 130), (17, 1)):
        a = np.abs(numbers(shape[0] * shape[1])).reshape(shape).astype(dtype)
        x = betty.tensor(a)
        for dim in (0, 1):
            assert np.array_equal(x.argmax(dim).numpy(), a.argmax(dim))
            assert np.array_equal(x.argmin(dim).numpy(), a.argmin(dim))
            assert np.array_equal(x.max(dim).values.numpy(), a.max(dim))
        assert x.argmax().item() == a.argmax()


def test_batched_positions():
    x = betty.tensor(numbers(60).reshape(3, 4, 5))
    tri = betty.vmap(lambda m: m.tril())(x)
    assert np.array_equal(tri.numpy(), np.tril(x.numpy()))
    few = betty.vmap(lambda m: m.topk(2, dim=1).values)(x)
    assert np.array_equal(few.numpy(), -np.sort(-x.numpy(), axis=2)[:, :, :2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_angles_powers_and_remainders(dtype):
    near = 2e-6 if dtype == np.float32 else 1e-14
    a, b = numbers(1001).astype(dtype), numbers(1001, 1).astype(dtype)
    x, y = betty.tensor(a), betty.tensor(b)
    unit = a / np.abs(a).max()
    u = betty.tensor(unit)
    pairs = [
        (betty.atan2(x, y), np.arctan2(a, b)),
        (x.atan(), np.arctan(a)),
        (u.asin(), np.arcsin(unit)),
        (u.acos(), np.arccos(unit)),
        (x.abs() ** 1.7, np.abs(a) ** dtype(1.7)),
        (x % y, np.mod(a, b)),
        (betty.fmod(x, y), np.fmod(a, b)),
        (betty.floor_divide(x, y), np.floor_divide(a, b)),
        (x[::3] % 7, np.mod(a[::3], 7)),
        (x.sin(), np.sin(a)),
        (x.cos(), np.cos(a)),
        (betty.hypot(x, y), np.hypot(a, b)),
    ]
    for mine, want in pairs:
        assert np.allclose(mine.numpy(), want, rtol=near, atol=near)
    assert np.allclose(betty.erf(u.erfinv()).numpy(), unit, atol=near * 10)
