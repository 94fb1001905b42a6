"""Interpolation of every mode and rank, reading at places, and windows that cover an image, against
plain NumPy."""

import itertools
import math

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn
from derivatives import RNG, check_derivatives, image

SIZES = {3: (7,), 4: (5, 7), 5: (3, 4, 5)}
TARGETS = {3: (10,), 4: (8, 4), 5: (5, 3, 7)}


def keys(distance, a):
    d = np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def matrix(mode, n, m, align, smooth=False):
    """Weights [m, n] of a line of n elements for m results."""
    step = n / m if not align else (n - 1) / max(m - 1, 1)
    rows = np.zeros((m, n))
    for o in range(m):
        place = o * step if align else (o + 0.5) * step - 0.5
        if smooth:
            gaps = np.abs(np.arange(n) + 0.5 - (o + 0.5) * step) / max(step, 1)
            weights = np.maximum(1 - gaps, 0) if mode == "linear" else keys(gaps, -0.5)
            rows[o] = weights / weights.sum()
        elif mode == "area":
            low, high = o * n // m, -(-(o + 1) * n // m)
            rows[o, low:high] = 1 / (high - low)
        elif mode.startswith("nearest"):
            rows[o, math.floor((o + 0.5 * (mode == "nearest-exact")) * step)] = 1
        else:
            place = max(place, 0) if mode == "linear" else place
            low = math.floor(place)
            for k in range(low - 1, low + 3):
                gap = place - k
                weight = max(1 - abs(gap), 0) if mode == "linear" else keys(gap, -0.75)
                rows[o, min(max(k, 0), n - 1)] += weight
    return rows


def resized(x, mode, target, align, smooth=False):
    line = {"bilinear": "linear", "trilinear": "linear"}.get(mode, mode)
    for axis, m in enumerate(target, 2):
        weights = matrix(line, x.shape[axis], m, align, smooth)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


PLAIN = [(rank, mode, None) for rank in SIZES for mode in ("nearest", "nearest-exact", "area")]
SMOOTH = [(3, "linear"), (4, "bilinear"), (4, "bicubic"), (5, "trilinear")]
MODES = PLAIN + [(*case, align) for case in SMOOTH for align in (False, True)]


@pytest.mark.parametrize(("rank", "mode", "align"), MODES)
def test_interpolation(rank, mode, align):
    x, target = image(2, 2, *SIZES[rank]), TARGETS[rank]
    options = {"size": target, "mode": mode, "align_corners": align}
    expected = resized(x, mode, target, bool(align))
    got = F.interpolate(betty.from_numpy(x), **options)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)
    np.testing.assert_array_equal(nn.Upsample(**options)(betty.from_numpy(x)), got)
    check_derivatives(lambda x: F.interpolate(x, **options), x[:1])


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiasing(mode, align):
    x = image(1, 2, 9, 6)
    options = {"size": (4, 8), "mode": mode, "align_corners": align, "antialias": True}
    expected = resized(x, {"bilinear": "linear"}.get(mode, mode), (4, 8), align, smooth=True)
    np.testing.assert_allclose(F.interpolate(betty.from_numpy(x), **options), expected, atol=1e-12)
    check_derivatives(lambda x: F.interpolate(x, **options), x)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_a_scale_places_the_results_unless_it_is_recomputed(mode):
    x = image(1, 1, 5, 5)
    kept = F.interpolate(betty.from_numpy(x), scale_factor=1.5, mode=mode)
    again = F.interpolate(
        betty.from_numpy(x), scale_factor=1.5, mode=mode, recompute_scale_factor=True
    )
    assert kept.shape == again.shape == (1, 1, 7, 7)
    np.testing.assert_allclose(again, resized(x, mode, (7, 7), False), atol=1e-12)
    assert not np.allclose(kept, again)


REFUSED = [
    (lambda x: F.interpolate(x, 2, mode="bilinear"), NotImplementedError, "needs 4D input"),
    (lambda x: F.interpolate(x, 2, mode="sharp"), NotImplementedError, "one of nearest"),
    (lambda x: F.interpolate(x, 2, align_corners=True), ValueError, "interpolating modes"),
    (lambda x: F.interpolate(x, 2, antialias=True), ValueError, "antialias is for"),
    (lambda x: F.interpolate(x, 2, recompute_scale_factor=True), ValueError, "explicit size"),
    (lambda x: F.interpolate(x[0], 2), NotImplementedError, "3D, 4D or 5D"),
    (lambda x: F.interpolate(x, (2, 2)), ValueError, "got 2 sizes"),
    (lambda x: F.interpolate(x, 0), RuntimeError, "at least 1"),
    (
        lambda x: F.grid_sample(
            x[:, :, None, None], betty.zeros(1, 1, 1, 1, 3), "bicubic", align_corners=False
        ),
        RuntimeError,
        "for 4D input",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(betty.ones(1, 2, 3))


def read(x, places, weights_of):
    """The sum over neighbours of one sample [C, ...] at one place, zeros outside."""
    lines = [weights_of(place) for place in places]
    total = np.zeros(x.shape[0])
    for chosen in itertools.product(*lines):
        index = [k for k, _ in chosen]
        if all(0 <= k < n for k, n in zip(index, x.shape[1:], strict=True)):
            total += x[(slice(None), *index)] * math.prod(weight for _, weight in chosen)
    return total


def linear(place):
    low = math.floor(place)
    return [(low, low + 1 - place), (low + 1, place - low)]


def cubic(place):
    low = math.floor(place)
    return [(k, float(keys(place - k, -0.75))) for k in range(low - 1, low + 3)]


READS = [(rank, mode) for rank in (2, 3) for mode in ("bilinear", "nearest")] + [(2, "bicubic")]


@pytest.mark.parametrize(("rank", "mode"), READS)
def test_reading_at_places(rank, mode):
    sizes = (4, 5, 3)[:rank]
    x, grid = image(1, 2, *sizes) / 10, RNG.rand(1, *(2,) * rank, rank) * 2.4 - 1.2
    given = betty.from_numpy(x), betty.from_numpy(grid)
    got = F.grid_sample(*given, mode, align_corners=False).numpy()[0]
    kernel = {"bilinear": linear, "bicubic": cubic, "nearest": lambda p: [(round(p), 1.0)]}[mode]
    for place in np.ndindex(*grid.shape[1:-1]):
        spots = [((u + 1) * n - 1) / 2 for u, n in zip(grid[0][place][::-1], sizes, strict=True)]
        expected = read(x[0], spots, kernel)
        np.testing.assert_allclose(got[(slice(None), *place)], expected, atol=1e-12)
    check_derivatives(lambda x: F.grid_sample(x, given[1], mode, align_corners=True), x)
    if mode != "nearest":
        check_derivatives(lambda grid: F.grid_sample(given[0], grid, mode, "border", True), grid)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((2, 3, 7), (3,)), ((1, 2, 5, 7), (2, 3)), ((2, 4, 6), (4, 3)), ((1, 2, 4, 5, 3), (3, 2, 2))],
)
def test_largest_of_windows_that_cover_the_input(shape, sizes):
    x = image(*shape)
    dims = len(sizes)
    pool = getattr(F, f"adaptive_max_pool{dims}d")
    value, place = pool(betty.from_numpy(x), sizes, return_indices=True)
    np.testing.assert_array_equal(value, pool(betty.from_numpy(x), sizes))
    flat = x.reshape(*shape[:-dims], -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, place.numpy().reshape(*shape[:-dims], -1), -1).reshape(
            value.shape
        ),
        value,
    )
    for out in np.ndindex(*sizes):
        bounds = zip(out, shape[-dims:], sizes, strict=True)
        window = tuple(slice(o * n // m, -(-(o + 1) * n // m)) for o, n, m in bounds)
        expected = x[(..., *window)].max(axis=tuple(range(-dims, 0)))
        np.testing.assert_array_equal(value.numpy()[(..., *out)], expected)
    check_derivatives(lambda x: pool(x, sizes, return_indices=True)[0], x)


def test_of_equal_elements_the_first_is_named():
    place = F.adaptive_max_pool2d(betty.ones(1, 3, 5), (2, 2), return_indices=True)[1]
    assert place.tolist() == [[[0, 2], [5, 7]]]


@pytest.mark.parametrize("output", [(0, 2), (2, 0), (0, 0), (3, 0)])
def test_adaptive_pools_of_no_outputs(output):
    x = betty.randn(2, 1, 5, 5, requires_grad=True)
    for pool in (F.adaptive_max_pool2d, F.adaptive_avg_pool2d):
        y = pool(x, output)
        assert y.shape == (2, 1, *output)
        (gradient,) = betty.autograd.grad(y.sum(), x)
        assert gradient.shape == x.shape and not gradient.any()
