"""Convolutions as functions: values against NumPy, gradients, arguments, errors."""

import betty
import betty.nn.functional as F
import numpy as np
import pytest


def reference(x, w, stride, low, high, dilation, groups):
    """Channels first, two spatial axes."""
    x = np.pad(x, ((0, 0), (0, 0), (low[0], high[0]), (low[1], high[1])))
    k, per, kh, kw = w.shape
    rows = (x.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (x.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((x.shape[0], k, rows, columns))
    for f in range(k):
        start = f // (k // groups) * per
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride[0], j * stride[1]
                window = x[:, start : start + per, top:, left:]
                window = window[:, :, : dilation[0] * kh : dilation[0]]
                window = window[:, :, :kh, : dilation[1] * kw : dilation[1]][:, :, :, :kw]
                y[:, f, i, j] = (window * w[f]).sum((1, 2, 3))
    return y


CASES = [
    ((2, 3, 7, 6), (4, 3, 3, 3), {}),
    ((2, 4, 7, 6), (6, 2, 3, 2), {"stride": 2, "padding": (1, 2), "groups": 2}),
    ((1, 4, 9, 8), (4, 1, 3, 3), {"padding": 2, "dilation": 2, "groups": 4}),
    ((2, 3, 5, 5), (2, 3, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ((2, 3, 5, 5), (2, 3, 4, 3), {"padding": "valid"}),
    ((0, 3, 5, 5), (2, 3, 3, 3), {}),
]


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


@pytest.mark.parametrize("kind", [betty.float32, betty.float64], ids=str)
@pytest.mark.parametrize(("x", "w", "options"), CASES)
def test_conv2d(x, w, options, kind):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x), rng.standard_normal(w)
    bias = rng.standard_normal(w.shape[0])
    stride, dilation = (pair(options.get(name, 1)) for name in ("stride", "dilation"))
    padding = options.get("padding", 0)
    low = high = (0, 0) if padding == "valid" else padding
    if padding == "same":
        total = [d * (n - 1) for d, n in zip(dilation, w.shape[2:], strict=True)]
        low, high = [t // 2 for t in total], [t - t // 2 for t in total]
    want = reference(x, w, stride, pair(low), pair(high), dilation, options.get("groups", 1))
    want += bias[:, None, None]
    found = F.conv2d(*(betty.tensor(v, dtype=kind) for v in (x, w, bias)), **options)
    assert found.dtype is kind
    np.testing.assert_allclose(found.numpy(), want, atol=2e-5 if kind is betty.float32 else 1e-12)


def test_conv1d_and_inputs_without_a_batch():
    x = betty.arange(6.0).reshape(1, 6)
    w = betty.tensor([[[1.0, 0.0, -1.0]]])
    assert F.conv1d(x, w, stride=2).tolist() == [[-2, -2]]
    assert F.conv1d(x[None], w, padding=1).tolist() == [[[-1, -2, -2, -2, -2, 4]]]
    assert F.conv2d(x[None], w[None, :, 0:1].reshape(1, 1, 1, 3)).shape == (1, 1, 4)


def test_transposed_convolution_is_the_gradient():
    rng = np.random.default_rng(1)
    g = betty.tensor(rng.standard_normal((2, 6, 4, 3)))
    w = betty.tensor(rng.standard_normal((6, 2, 3, 2)))
    options = {"stride": (2, 3), "padding": (1, 0), "groups": 2}
    y = F.conv_transpose2d(g, w, **options, output_padding=(1, 2))
    assert y.shape == (2, 4, 8, 10)
    x = betty.zeros(2, 4, 8, 10, dtype=betty.float64, requires_grad=True)
    F.conv2d(x, w, **options).backward(g)
    np.testing.assert_allclose(y.numpy(), x.grad.numpy(), atol=1e-12)


def test_transposed_convolution_values():
    # Numbers of PyTorch.
    x = betty.tensor([[[1.0, 2.0, 3.0]]])
    w = betty.tensor([[[1.0, 10.0, 100.0]]])
    b = betty.tensor([0.5])
    assert F.conv_transpose1d(x, w, b).tolist() == [[[1.5, 12.5, 123.5, 230.5, 300.5]]]
    found = F.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1)
    assert found.tolist() == [[[10, 102, 20, 203, 30, 300]]]
    found = F.conv_transpose1d(x, w, dilation=3, output_padding=2)
    assert found.tolist() == [[[1, 2, 3, 10, 20, 30, 100, 200, 300, 0, 0]]]
    assert F.conv_transpose1d(x[0], w, padding=2).tolist() == [[123]]


def test_second_derivatives():
    rng = np.random.default_rng(2)
    x = betty.tensor(rng.standard_normal((2, 2, 5, 4)), requires_grad=True)
    w = betty.tensor(rng.standard_normal((3, 2, 3, 3)), requires_grad=True)

    def gradient(w):
        loss = F.conv2d(x, w, padding=1, stride=2).pow(3).sum()
        return betty.autograd.grad(loss, [x], create_graph=True)[0]

    direction = betty.tensor(rng.standard_normal(x.shape))
    product = betty.autograd.grad((gradient(w) * direction).sum(), [w])[0]
    step = betty.tensor(rng.standard_normal(w.shape))
    slope = ((gradient(w + 1e-5 * step) - gradient(w - 1e-5 * step)) * direction).sum() / 2e-5
    assert (product * step).sum().item() == pytest.approx(slope.item(), rel=1e-6)


def test_half_precision():
    x, w = betty.randn(1, 3, 6, 6), betty.randn(4, 3, 3, 3)
    for kind in (betty.bfloat16, betty.float16):
        y = F.conv2d(x.to(kind), w.to(kind), betty.zeros(4, dtype=kind), padding=1)
        assert y.dtype is kind
        np.testing.assert_allclose(
            y.float().numpy(), F.conv2d(x, w, padding=1).numpy(), atol=0.2, rtol=0.05
        )


def test_errors():
    x, w = betty.zeros(1, 2, 5, 5), betty.zeros(4, 3, 3, 3)
    with pytest.raises(RuntimeError, match=r"conv2d: .* expects input with 3 channels, got 2"):
        F.conv2d(x, w)
    with pytest.raises(RuntimeError, match="the kernel cannot be greater than the input"):
        F.conv2d(betty.zeros(1, 3, 2, 2), w)
    with pytest.raises(RuntimeError, match="padding='same' is not supported with stride"):
        F.conv2d(betty.zeros(1, 3, 5, 5), w, stride=2, padding="same")
    with pytest.raises(RuntimeError, match="element types differ"):
        F.conv2d(betty.zeros(1, 3, 5, 5, dtype=betty.float64), w)


def test_output_padding_takes_back_what_padding_cuts():
    x, weight = betty.tensor([[[2.0]]]), betty.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    found = F.conv_transpose1d(x, weight, padding=1, output_padding=1, dilation=2)
    assert found.tolist() == [[[0, 4, 0, 6, 0, 8]]]
    rng = np.random.default_rng(0)
    image, filters = (betty.tensor(rng.standard_normal(s)) for s in ((2, 3, 4, 5), (3, 2, 3, 2)))
    steps = {"stride": (1, 2), "dilation": (3, 4)}
    whole = F.conv_transpose2d(image, filters, **steps)
    for low, more in [((1, 3), (2, 3)), ((2, 1), (2, 3)), ((0, 0), (2, 2))]:
        found = F.conv_transpose2d(image, filters, padding=low, output_padding=more, **steps)
        ends = [n - cut + add for n, cut, add in zip(whole.shape[2:], low, more, strict=True)]
        beyond = F.pad(whole, (0, 4, 0, 4))
        want = beyond[:, :, low[0] : ends[0], low[1] : ends[1]]
        np.testing.assert_allclose(found.numpy(), want.numpy(), atol=1e-12)
