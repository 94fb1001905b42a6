"""Options of modules: old names, signatures, what is printed, and what is refused."""

import inspect

import betty
import numpy as np
import pytest
from betty import nn
from betty.nn import functional as F


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.huber_loss])
def test_weights_of_elements(loss):
    x, y, weight = betty.tensor([1.0, -2.0, 3.0]), betty.zeros(3), betty.tensor([1.0, 0.5, 2.0])
    plain = loss(x, y, reduction="none").numpy()
    expected = plain * weight.numpy()
    np.testing.assert_allclose(loss(x, y, weight=weight, reduction="none").numpy(), expected)
    assert loss(x, y, weight=weight, reduction="sum").item() == pytest.approx(expected.sum())
    assert loss(x, y, weight=weight).item() == pytest.approx(expected.sum() / 3.5)
    with pytest.raises(ValueError, match=r"must have the same shape, got \[2\] and \[3\]"):
        loss(x, y, weight=betty.ones(2))


def test_old_names():
    x = betty.tensor([1.0, 2.0])
    with pytest.warns(UserWarning, match="is now 'mean'"):
        assert nn.L1Loss(reduction="elementwise_mean").reduction == "mean"
    with pytest.warns(UserWarning, match="is now 'mean'"):
        assert F.mse_loss(x, x * 0, reduction="elementwise_mean").item() == 2.5
    with pytest.warns(FutureWarning, match="now min_val and max_val"):
        assert nn.Hardtanh(min_value=0, max_value=1.5)(x).tolist() == [1, 1.5]
    assert nn.NLLLoss2d()(betty.zeros(1, 2, 3, 3), betty.zeros(1, 3, 3).long()).item() == 0
    assert issubclass(nn.GRUCell, nn.RNNCellBase)
    images = betty.rand(1, 4, 2, 2)
    assert (nn.CrossMapLRN2d(3)(images) == nn.LocalResponseNorm(3)(images)).all()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (nn.SoftMarginLoss, "size_average reduce reduction"),
        (nn.MultiMarginLoss, "p margin weight size_average reduce reduction"),
        (nn.TripletMarginLoss, "margin p eps swap size_average reduce reduction"),
        (nn.PoissonNLLLoss, "log_input full size_average eps reduce reduction"),
        (nn.GaussianNLLLoss, "full eps reduction"),
    ],
)
def test_signatures_of_losses(kind, names):
    assert list(inspect.signature(kind).parameters) == names.split()
    with pytest.raises(TypeError, match=f"{kind.__name__}: .*other"):
        kind(other=1)


def test_options_by_position():
    loss = nn.PoissonNLLLoss(False, True, None, 0.25)
    assert (loss.log_input, loss.full, loss.eps) == (False, True, 0.25)
    with pytest.raises(TypeError, match="GaussianNLLLoss: too many positional"):
        nn.GaussianNLLLoss(True)

    class Own(nn.TripletMarginLoss):
        def __init__(self, scale):
            super().__init__(margin=scale)

    assert Own(3.0).margin == 3


def test_dicts_of_parameters():
    first = nn.ParameterDict({"a": betty.ones(1)})
    first |= {"b": betty.zeros(1)}
    assert list(first) == ["a", "b"]
    assert list({"z": betty.ones(1)} | first) == ["z", "a", "b"]
    assert first.popitem()[0] == "b"
    assert list(first.fromkeys(["q"])) == ["q"]
    first.clear()
    with pytest.raises(KeyError, match="empty"):
        first.popitem()


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.RNNCell(1, 2, nonlinearity="relu"), "RNNCell(1, 2, nonlinearity=relu)"),
        (nn.RNNCell(1, 2, False), "RNNCell(1, 2, bias=False)"),
        (
            nn.TripletMarginWithDistanceLoss(),
            "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)",
        ),
    ],
)
def test_printing(module, text):
    assert repr(module) == text


def attend(**options):
    x = betty.rand(2, 1, 4)
    return nn.MultiheadAttention(4, 2)(x, x, x, **options)


class Early(nn.Module):
    def __init__(self):
        self.register_buffer("table", betty.ones(1))


x = betty.rand(2, 1, 4)
REFUSED = [
    (Early, AttributeError, r"cannot assign 'table' before Module.__init__\(\) call"),
    (lambda: nn.Linear(-1, 4), RuntimeError, "Linear: in_features must not be negative, got -1"),
    (lambda: nn.Linear(3.5, 4), TypeError, "Linear: in_features must be an integer, got float"),
    (lambda: nn.Conv2d(3, 4, -1), RuntimeError, "Conv2d: kernel_size must not be negative"),
    (lambda: nn.Conv2d(3, 4, (1, 3.5)), TypeError, "Conv2d: kernel_size must be an integer"),
    (lambda: nn.Embedding(-1, 2), RuntimeError, "Embedding: num_embeddings must not be negative"),
    (lambda: nn.BatchNorm2d(-3), RuntimeError, "BatchNorm2d: num_features must not be negative"),
    (lambda: nn.BatchNorm1d(3, eps=-1)(betty.rand(2, 3)), ValueError, "eps must be positive"),
    (lambda: nn.GroupNorm(4, 4)(betty.rand(1, 4)), ValueError, "more than 1 value"),
    (lambda: nn.LSTM(0, 3), ValueError, "must be positive, got 0, 3 and 1"),
    (
        lambda: nn.GRUCell(2, 3)(betty.rand(4, 2), betty.rand(5, 3)),
        RuntimeError,
        r"GRUCell: the state of inputs \[4, 2\] must be \[4, 3\], got \[5, 3\]",
    ),
    (
        lambda: nn.LSTMCell(2, 3)(betty.rand(4, 2), (betty.rand(4, 3), betty.rand(5, 3))),
        RuntimeError,
        "LSTMCell: the state of inputs",
    ),
    (lambda: nn.Softshrink(-1)(x), RuntimeError, "lambd must not be negative, got -1"),
    (lambda: nn.Unflatten(1, (2.0, 2)), TypeError, "must be integers, got float"),
    (lambda: nn.LocalResponseNorm(0)(x), RuntimeError, "size must be at least 1, got 0"),
    (lambda: nn.Sequential(nn.ReLU()).insert(5, nn.ReLU()), IndexError, "index 5 is out of range"),
    (lambda: attend(attn_mask=betty.zeros(2, 2).long()), AssertionError, "attn_mask must be of"),
    (lambda: attend(is_causal=True), RuntimeError, "is_causal=True needs attn_mask"),
    (
        lambda: nn.TransformerEncoderLayer(4, 2)(x, is_causal=True),
        RuntimeError,
        "is_causal=True says what the mask is like",
    ),
    (
        lambda: nn.Transformer(4, 2)(x, x, tgt_is_causal=True),
        RuntimeError,
        "tgt_is_causal=True says what the mask is like",
    ),
    (
        lambda: nn.MultiMarginLoss(weight=betty.ones(2))(betty.rand(2, 3), betty.tensor([0, 1])),
        RuntimeError,
        r"weight must have 3 numbers, one a class, got shape \(2,\)",
    ),
    (lambda: nn.Hardtanh(2, 1), AssertionError, "min_val must be below max_val, got 2 and 1"),
    (lambda: nn.TripletMarginLoss(margin=0), ValueError, "margin must be positive, got 0"),
    (lambda: nn.TripletMarginWithDistanceLoss(margin=-1), ValueError, "margin must be positive"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_makes_no_sense_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
