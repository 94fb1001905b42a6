"""betty.autocast: mixed precision for what is recorded outside problems, as PyTorch has it."""

import threading

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn

BF16, F16, F32 = betty.bfloat16, betty.float16, betty.float32


@pytest.fixture(autouse=True)
def off_again():
    yield
    assert not betty.is_autocast_enabled("cpu")


def test_types_are_those_of_the_policy():
    x, w = betty.randn(4, 8), betty.randn(6, 8)
    picture, filters = betty.randn(2, 3, 8, 8), betty.randn(4, 3, 3, 3)
    with betty.autocast(device_type="cpu", dtype=BF16):
        product = F.linear(x, w, betty.zeros(6))
        low = [
            product, x @ w.T, betty.einsum("ij,kj->ik", x, w), F.relu(product), product.reshape(-1),
            F.conv2d(picture, filters), product + 1, product * product, betty.tanh(product),
            F.scaled_dot_product_attention(x[None], x[None], x[None]),
            F.max_pool2d(F.conv2d(picture, filters), 2),
            F.avg_pool2d(F.conv2d(picture, filters), 2),
            F.dropout(product, 0.5), betty.bmm(x[None], w.T[None]), product.max(),
        ]  # fmt: skip
        full = [
            product.sum(), product.exp(), product.log_softmax(1), product.softmax(1),
            F.cross_entropy(product, betty.zeros(4, dtype=betty.int64)), product.log1p(),
            F.mse_loss(product, x[:, :6]), F.layer_norm(product, [6], betty.ones(6)),
            product + x[:, :6], betty.cat([product, x[:, :6]]), x + x, product.norm(),
        ]  # fmt: skip
    assert [t.dtype for t in low] == [BF16] * len(low)
    assert [t.dtype for t in full] == [F32] * len(full)
    assert (x @ w.T).dtype == F32


def test_numbers_are_those_of_rounded_operands():
    x, w = betty.randn(16, 32), betty.randn(32, 8)
    with betty.autocast("cpu", dtype=BF16):
        made = x @ w
    expected = (x.bfloat16() @ w.bfloat16()).float().numpy()
    assert (made.float().numpy() == expected).all()
    assert np.allclose(expected, (x @ w).numpy(), atol=0.15)


def test_nesting_and_state():
    x = betty.ones(2, 2)
    assert betty.get_autocast_dtype("cpu") == BF16
    with betty.autocast("cpu"):
        assert betty.is_autocast_enabled("cpu") and (x @ x).dtype == BF16
        with betty.amp.autocast("cpu", enabled=False):
            assert not betty.is_autocast_enabled() and (x @ x).dtype == F32
            with betty.autocast("cpu", dtype=F16):
                assert betty.get_autocast_dtype("cpu") == F16 and (x @ x).dtype == F16
            assert (x @ x).dtype == F32
        assert (x @ x).dtype == BF16
    with pytest.raises(RuntimeError, match="matmul"), betty.autocast("cpu"):
        x @ betty.ones(3, 3)
    assert (x @ x).dtype == F32


def test_decorator_and_threads():
    @betty.autocast(device_type="cpu", dtype=BF16)
    def product(x):
        """Doc."""
        return x @ x

    assert product(betty.ones(2, 2)).dtype == BF16 and product.__doc__ == "Doc."
    seen = []
    with betty.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(betty.is_autocast_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_gradients_flow_through_the_casts():
    betty.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    head = nn.Linear(4 * 36, 5)
    x, labels = betty.randn(8, 1, 8, 8), betty.arange(8) % 5
    parameters = [*model.parameters(), *head.parameters()]

    def gradients(dtype):
        for parameter in parameters:
            parameter.grad = None
        with betty.autocast("cpu", dtype=dtype or BF16, enabled=dtype is not None):
            loss = F.cross_entropy(head(model(x)), labels)
        assert loss.dtype == F32
        loss.backward()
        assert all(p.grad.dtype == F32 for p in parameters)
        return np.concatenate([p.grad.numpy().ravel() for p in parameters])

    exact = gradients(None)
    for dtype in (BF16, F16):
        rounded = gradients(dtype)
        cosine = exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded)
        assert cosine > 0.995


def test_layers_of_every_kind_run():
    x = betty.randn(3, 5, 16)
    with betty.autocast("cpu"):
        out, _ = nn.LSTM(16, 8, batch_first=True)(x)
        made = [
            nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)(x), out,
            nn.GroupNorm(4, 16)(x.transpose(1, 2)), nn.Embedding(4, 4)(betty.arange(4)),
            betty.cdist(x, x), betty.linalg.inv(betty.eye(3)),
        ]  # fmt: skip
    assert all(np.isfinite(t.float().detach().numpy()).all() for t in made)


def test_bad_input():
    with pytest.raises(RuntimeError, match="unsupported device_type 'tpu'"):
        betty.autocast("tpu")
    with pytest.raises(ValueError, match="device_type must be a string, got int"):
        betty.autocast(1)
    with pytest.warns(UserWarning, match="float32, disabled"):
        context = betty.autocast("cpu", dtype=F32)
    with context:
        assert not betty.is_autocast_enabled()
    with pytest.warns(UserWarning, match="'cuda' is not available"), betty.autocast("cuda"):
        assert not betty.is_autocast_enabled()
