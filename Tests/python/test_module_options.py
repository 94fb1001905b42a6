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


REFUSED = [
    (lambda: nn.Hardtanh(2, 1), AssertionError, "min_val must be below max_val, got 2 and 1"),
    (lambda: nn.TripletMarginLoss(margin=0), ValueError, "margin must be positive, got 0"),
    (lambda: nn.TripletMarginWithDistanceLoss(margin=-1), ValueError, "margin must be positive"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_makes_no_sense_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
