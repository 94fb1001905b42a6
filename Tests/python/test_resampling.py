"""Padding, interpolation, patches and dropout of channels against plain NumPy."""

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn
from derivatives import RNG, check_derivatives, image

NUMPY_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_padding(mode):
    x = image(2, 3, 5, 6)
    pairs = [(0, 0), (0, 0), (3, 1), (1, 2)]
    got = F.pad(betty.from_numpy(x), (1, 2, 3, 1), mode).numpy()
    np.testing.assert_array_equal(got, np.pad(x, pairs, NUMPY_MODES[mode]))
    check_derivatives(lambda x: F.pad(x, (1, 2, 3, 1), mode), x)


def linear_positions(n, m, align):
    if align:
        return np.linspace(0, n - 1, m) if m > 1 else np.zeros(1)
    return np.maximum((np.arange(m) + 0.5) * n / m - 0.5, 0)


@pytest.mark.parametrize("align", [False, True])
def test_bilinear_interpolation_is_linear_along_each_axis(align):
    x = image(2, 3, 4, 6)
    expected = x
    for axis, m in ((2, 7), (3, 11)):
        positions = linear_positions(x.shape[axis], m, align)
        lines = np.moveaxis(expected, axis, -1)
        grid = np.arange(lines.shape[-1])
        flat = [np.interp(positions, grid, line) for line in lines.reshape(-1, lines.shape[-1])]
        expected = np.moveaxis(np.array(flat).reshape(*lines.shape[:-1], m), -1, axis)
    options = {"size": (7, 11), "mode": "bilinear", "align_corners": align}
    got = F.interpolate(betty.from_numpy(x), **options).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-12)
    check_derivatives(lambda x: F.interpolate(x, **options), x)


def test_nearest_interpolation():
    x = image(1, 2, 4, 6)
    given = betty.from_numpy(x)
    got = F.interpolate(given, scale_factor=2).numpy()
    np.testing.assert_array_equal(got, x.repeat(2, 2).repeat(2, 3))
    got = F.interpolate(given, size=(3, 4), mode="nearest-exact").numpy()
    np.testing.assert_array_equal(got, x[:, :, [0, 2, 3]][:, :, :, [0, 2, 3, 5]])
    check_derivatives(lambda x: F.interpolate(x, scale_factor=(0.5, 1.5)), x)


def test_unfold_and_fold_are_transposes():
    x = image(2, 3, 6, 7)
    columns = F.unfold(betty.from_numpy(x), (2, 3), (2, 1), 1, 2)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    block = padded[:, :, 2:5:2, 4:7].reshape(2, 18)
    np.testing.assert_array_equal(columns.numpy()[:, :, 1 * 4 + 2], block)
    other = RNG.randn(*columns.shape)
    back = F.fold(betty.from_numpy(other), (6, 7), (2, 3), (2, 1), 1, 2).numpy()
    assert (back * x).sum() == pytest.approx((columns.numpy() * other).sum())


def test_pixel_shuffles():
    x = image(2, 8, 3, 4)
    y = nn.PixelShuffle(2)(betty.from_numpy(x))
    expected = x.reshape(2, 2, 2, 2, 3, 4).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 6, 8)
    np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(nn.PixelUnshuffle(2)(y).numpy(), x)
    dealt = nn.ChannelShuffle(4)(betty.from_numpy(x)).numpy()
    np.testing.assert_array_equal(dealt[:, 1], x[:, 2])


def test_dropout_of_channels():
    betty.manual_seed(0)
    y = nn.Dropout2d(0.5)(betty.ones(8, 16, 3, 3)).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :, :1, :1]).all()
    assert nn.Dropout2d(0.5).eval()(betty.ones(1, 2, 1, 1)).tolist() == [[[[1]], [[1]]]]
