"""Normalisations and pools against plain NumPy, what modules print, and errors."""

import itertools
import math

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn
from derivatives import RNG, check_derivatives, image

# ---- normalisations ----------------------------------------------------------------------------


def standard(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.BatchNorm1d, (6, 3)),
        (nn.BatchNorm1d, (4, 3, 5)),
        (nn.BatchNorm2d, (4, 3, 5, 2)),
        (nn.BatchNorm3d, (2, 3, 2, 3, 2)),
    ],
)
def test_batch_norm_and_its_running_statistics(kind, shape):
    layer = kind(3, momentum=0.3).double()
    weight, bias = RNG.uniform(0.5, 2, 3), RNG.randn(3)
    layer.weight.data.copy_(betty.from_numpy(weight))
    layer.bias.data.copy_(betty.from_numpy(bias))
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    channel = (3,) + (1,) * (len(shape) - 2)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = image(*shape) * 2 + 1
        expected = standard(x, axes) * weight.reshape(channel) + bias.reshape(channel)
        np.testing.assert_allclose(layer(betty.from_numpy(x)).detach().numpy(), expected)
        mean = 0.7 * mean + 0.3 * x.mean(axes)
        var = 0.7 * var + 0.3 * x.var(axes, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean)
    np.testing.assert_allclose(layer.running_var.numpy(), var)
    assert layer.num_batches_tracked.item() == 3
    x = image(*shape)
    layer.eval()
    scale = weight / np.sqrt(var + 1e-5)
    expected = (x - mean.reshape(channel)) * scale.reshape(channel) + bias.reshape(channel)
    np.testing.assert_allclose(layer(betty.from_numpy(x)).detach().numpy(), expected)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean)
    assert not layer.running_mean.requires_grad


def test_no_momentum_is_the_average_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None).double()
    batches = [RNG.randn(5, 2) for _ in range(4)]
    for x in batches:
        layer(betty.from_numpy(x))
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([x.mean(0) for x in batches], 0))
    variances = [x.var(0, ddof=1) for x in batches]
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean(variances, 0))


def test_variants_of_batch_norm():
    x = image(4, 3, 2, 2)
    plain = nn.BatchNorm2d(3, affine=False, track_running_stats=False).double()
    assert list(plain.state_dict()) == []
    for layer in (plain.train(), plain.eval()):
        np.testing.assert_allclose(layer(betty.from_numpy(x)).numpy(), standard(x, (0, 2, 3)))
    keys = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(nn.BatchNorm2d(3).state_dict()) == keys
    assert nn.BatchNorm2d(3, bias=False).bias is None
    other = nn.BatchNorm2d(3).double()
    layer = nn.BatchNorm2d(3).double()
    layer(betty.from_numpy(x))
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other.running_var.numpy(), layer.running_var.numpy())
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1, 1, 1]
    assert layer.num_batches_tracked.item() == 0
    assert other.num_batches_tracked.item() == 1


def test_a_large_mean_costs_no_digits():
    x = (RNG.randn(64, 4, 8, 8) + 1000).astype("float32")
    got = nn.BatchNorm2d(4)(betty.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(got, standard(x.astype("float64"), (0, 2, 3)), atol=2e-3)


def test_group_and_instance_norm():
    x = image(2, 4, 3, 2)
    got = F.group_norm(betty.from_numpy(x), 2).numpy()
    np.testing.assert_allclose(got, standard(x.reshape(2, 2, 12), 2).reshape(x.shape))
    layer = nn.InstanceNorm2d(4, affine=True, track_running_stats=True).double()
    np.testing.assert_allclose(
        layer(betty.from_numpy(x)).detach().numpy(), standard(x, (2, 3)), atol=1e-12
    )
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * x.mean((0, 2, 3)))
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * x.var((2, 3), ddof=1).mean(0))
    single = nn.InstanceNorm2d(4).double()(betty.from_numpy(x[0]))
    np.testing.assert_allclose(single.numpy(), standard(x[0], (1, 2)))


def test_statistics_are_untouched_by_a_second_derivative():
    layer = nn.BatchNorm1d(3).double()
    x = betty.from_numpy(RNG.randn(5, 3)).requires_grad_()
    loss = (layer(x) ** 3).sum()
    kept = layer.running_mean.numpy().copy()
    (slope,) = betty.autograd.grad(loss, [x], create_graph=True)
    slope.pow(2).sum().backward()
    np.testing.assert_array_equal(layer.running_mean.numpy(), kept)
    assert layer.num_batches_tracked.item() == 1


# ---- pools -------------------------------------------------------------------------------------


def sizes(length, kernel, stride, padding, dilation, ceil):
    room = length + 2 * padding - dilation * (kernel - 1) - 1
    count = (math.ceil if ceil else math.floor)(room / stride) + 1
    if ceil and (count - 1) * stride >= length + padding:
        count -= 1
    return count


def pooled(x, kernel, stride, padding, dilation, ceil, reduce):
    """reduce(values inside, places inside, elements of the padded window) for every window."""
    count = [
        sizes(n, *a, ceil)
        for n, *a in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    y = np.zeros((*x.shape[:2], *count))
    for spot in itertools.product(*map(range, count)):
        axes = []
        padded = 1
        for n, o, k, s, p, d in zip(
            x.shape[2:], spot, kernel, stride, padding, dilation, strict=True
        ):
            places = [o * s - p + t * d for t in range(k)]
            padded *= min(o * s - p + k, n + p) - (o * s - p)
            axes.append([q for q in places if 0 <= q < n])
        for n, c in itertools.product(*map(range, x.shape[:2])):
            y[(n, c, *spot)] = reduce(x[n, c][np.ix_(*axes)], padded)
    return y


POOLS = [
    ((2, 2), (2, 2), (0, 0), (1, 1), False),
    ((3, 3), (2, 2), (1, 1), (1, 1), False),
    ((3, 2), (2, 1), (1, 0), (1, 1), True),
    ((3, 3), (3, 3), (0, 0), (1, 1), True),
    ((3, 3), (1, 1), (1, 1), (1, 1), False),
    ((2, 3), (1, 2), (0, 1), (2, 1), False),
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil"), POOLS)
def test_pools_of_images(kernel, stride, padding, dilation, ceil):
    x = image(2, 3, 7, 8)
    given = betty.from_numpy(x)
    got, places = F.max_pool2d(given, kernel, stride, padding, dilation, ceil, return_indices=True)
    expected = pooled(x, kernel, stride, padding, dilation, ceil, lambda v, _: v.max())
    np.testing.assert_array_equal(got.numpy(), expected)
    flat = np.take_along_axis(x.reshape(2, 3, -1), places.numpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(flat.reshape(expected.shape), expected)
    check_derivatives(lambda x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil), x)
    if dilation != (1, 1):
        return
    for options, mean in [
        ({}, lambda v, n: v.sum() / n),
        ({"count_include_pad": False}, lambda v, _: v.mean()),
        ({"divisor_override": 7}, lambda v, _: v.sum() / 7),
    ]:
        got = F.avg_pool2d(given, kernel, stride, padding, ceil, **options).numpy()
        expected = pooled(x, kernel, stride, padding, dilation, ceil, mean)
        np.testing.assert_allclose(got, expected, atol=1e-12)
    check_derivatives(lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil), x)


def test_pools_of_sequences():
    x = image(2, 3, 9)
    for kernel, stride, padding in [(2, None, 0), (3, 2, 1), (4, 1, 2)]:
        arguments = ((kernel,), (stride or kernel,), (padding,), (1,), False)
        got = F.max_pool1d(betty.from_numpy(x), kernel, stride, padding).numpy()
        np.testing.assert_array_equal(got, pooled(x, *arguments, lambda v, _: v.max()))
        got = F.avg_pool1d(betty.from_numpy(x[0]), kernel, stride, padding).numpy()
        np.testing.assert_allclose(got, pooled(x, *arguments, lambda v, n: v.sum() / n)[0])


def test_pools_see_nan_and_equal_elements_as_pytorch_does():
    x = betty.tensor([[[1.0, 1.0, float("nan"), 0.0, -math.inf, -math.inf]]], requires_grad=True)
    y = F.max_pool1d(x, 2)
    assert y[0, 0, 0] == 1
    assert math.isnan(y[0, 0, 1].item())
    assert y[0, 0, 2] == -math.inf
    y.sum().backward()
    assert x.grad.tolist() == [[[1, 0, 1, 0, 1, 0]]]


@pytest.mark.parametrize("output", [1, 2, 3, (2, None), (5, 3), (7, 8)])
def test_adaptive_pools(output):
    x = image(2, 3, 7, 8)
    wanted = (output, output) if isinstance(output, int) else output
    count = [n if o is None else o for n, o in zip(x.shape[2:], wanted, strict=True)]
    mean, largest = np.zeros((2, 3, *count)), np.zeros((2, 3, *count))
    for i, j in itertools.product(*map(range, count)):
        rows, columns = (
            slice(k * n // c, -(-(k + 1) * n // c))
            for k, n, c in zip((i, j), x.shape[2:], count, strict=True)
        )
        mean[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
        largest[:, :, i, j] = x[:, :, rows, columns].max((2, 3))
    given = betty.from_numpy(x)
    np.testing.assert_allclose(F.adaptive_avg_pool2d(given, output).numpy(), mean, atol=1e-12)
    np.testing.assert_array_equal(F.adaptive_max_pool2d(given, output).numpy(), largest)
    check_derivatives(lambda x: F.adaptive_avg_pool2d(x, output), x)
    check_derivatives(lambda x: F.adaptive_max_pool2d(x, output), x)


def test_lp_pool():
    x = np.abs(image(1, 2, 4, 4)) + 0.1
    expected = pooled(
        x, (2, 2), (2, 2), (0, 0), (1, 1), False, lambda v, _: (v**3).sum() ** (1 / 3)
    )
    np.testing.assert_allclose(nn.LPPool2d(3, 2)(betty.from_numpy(x)).numpy(), expected)


# ---- printing and errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            nn.BatchNorm1d(3, affine=False, momentum=None),
            "BatchNorm1d(3, eps=1e-05, momentum=None, affine=False, bias=False, "
            "track_running_stats=True)",
        ),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        (
            nn.MaxPool2d(3, stride=2, padding=1),
            "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
        ),
        (nn.AvgPool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
        (nn.AdaptiveAvgPool2d((2, None)), "AdaptiveAvgPool2d(output_size=(2, None))"),
        (nn.Upsample(scale_factor=2), "Upsample(scale_factor=2.0, mode='nearest')"),
        (nn.ReflectionPad2d((1, 2, 3, 4)), "ReflectionPad2d((1, 2, 3, 4))"),
        (nn.ConstantPad2d(1, 3.5), "ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)"),
        (nn.Unfold(3), "Unfold(kernel_size=3, dilation=1, padding=0, stride=1)"),
    ],
)
def test_printing(layer, text):
    assert repr(layer) == text


X = betty.ones(2, 4, 5, 5)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: nn.BatchNorm2d(3)(X), RuntimeError, "should contain 4 elements"),
        (lambda: nn.BatchNorm2d(4)(X[0]), ValueError, "expected 4D input (got 3D input)"),
        (lambda: nn.BatchNorm1d(4)(betty.ones(1, 4)), ValueError, "more than 1 value per channel"),
        (lambda: F.batch_norm(X, None, None), RuntimeError, "evaluation mode"),
        (lambda: nn.GroupNorm(3, 4), ValueError, "must be divisible by num_groups (3)"),
        (lambda: F.group_norm(X, 3), RuntimeError, "divisible by num_groups"),
        (lambda: nn.InstanceNorm2d(3, affine=True)(X), ValueError, "num_features (3), but got: 4"),
        (lambda: F.max_pool2d(X, 3, padding=2), RuntimeError, "at most half"),
        (lambda: F.max_pool2d(X, 9), RuntimeError, "output size is too small"),
        (lambda: F.max_pool2d(X, 0), RuntimeError, "kernel_size should be at least 1"),
        (lambda: F.avg_pool2d(X, 2, divisor_override=0), RuntimeError, "divisor"),
        (lambda: F.max_pool2d(X[0, 0], 2), RuntimeError, "expected 3D or 4D input"),
        (lambda: F.pad(X[0], (5, 5), "reflect"), RuntimeError, "reflect padding 5, 5 exceeds"),
        (lambda: F.pad(X, (1, 1), "mirror"), NotImplementedError, "got 'mirror'"),
        (lambda: F.interpolate(X), ValueError, "either size or scale_factor"),
        (lambda: F.interpolate(X, 3, 2), ValueError, "only one of size"),
        (lambda: F.interpolate(X, 3, mode="linear"), NotImplementedError, "needs 3D input"),
        (lambda: F.interpolate(X, 3, mode="foo"), NotImplementedError, "got 'foo'"),
        (lambda: F.interpolate(X, 3, align_corners=True), ValueError, "align_corners"),
        (lambda: F.pixel_shuffle(X, 3), RuntimeError, "divisible by the square"),
        (lambda: F.unfold(X, 9), RuntimeError, "blocks of an image [5, 5]"),
        (lambda: F.fold(betty.ones(1, 5, 4), 3, 2), RuntimeError, "expected [N, C * 4, 4]"),
    ],
)
def test_errors_say_what_is_wrong(call, kind, text):
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
