"""Layers, activations, losses and initial values against NumPy's formulas.

Gradients are compared with central differences of the same formulas in float64.
"""

import math

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn

RNG = np.random.RandomState(3)
X = RNG.randn(5, 7) * 2
TARGET = RNG.randn(5, 7)
PROBABILITY = RNG.uniform(0.1, 0.9, (5, 7))
LABELS = np.array([0, 3, 6, 3, 1])
WEIGHT = RNG.uniform(0.5, 2, 7)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_softmax(x, axis=1):
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (nn.SiLU(), lambda x: x * sigmoid(x)),
    (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.ELU(1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
    (nn.Hardtanh(-0.5, 0.75), lambda x: np.clip(x, -0.5, 0.75)),
    (nn.Sigmoid(), sigmoid),
    (nn.Tanh(), np.tanh),
    (nn.GELU(), gelu),
    (nn.GELU("tanh"), gelu_tanh),
    (nn.Softplus(2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    (nn.Softmax(1), lambda x: np.exp(log_softmax(x))),
    (nn.Softmax(0), lambda x: np.exp(log_softmax(x, 0))),
    (nn.LogSoftmax(-1), log_softmax),
    (
        nn.SELU(),
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    ),
    (nn.CELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5))),
    (nn.Mish(), lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    (nn.Hardswish(), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    (nn.Hardsigmoid(), lambda x: np.clip(x + 3, 0, 6) / 6),
    (nn.LogSigmoid(), lambda x: -np.log1p(np.exp(-x))),
    (nn.Softsign(), lambda x: x / (1 + np.abs(x))),
    (nn.Tanhshrink(), lambda x: x - np.tanh(x)),
    (nn.Softmin(1), lambda x: np.exp(log_softmax(-x))),
    (nn.Identity(3, any="thing"), lambda x: x),
    (nn.Flatten(0), lambda x: x.reshape(-1)),
    (nn.Dropout(0.5).eval(), lambda x: x),
]


def picked(x, weight=None, smoothing=0.0):
    """Cross-entropies by class, and their weights."""
    weight = np.ones(7) if weight is None else weight
    logs = log_softmax(x)
    rows = np.arange(len(LABELS))
    smooth = -(logs * weight).sum(1) / 7
    return (1 - smoothing) * -logs[rows, LABELS] * weight[LABELS] + smoothing * smooth, weight[
        LABELS
    ]


def bce(p):
    return -(PROBABILITY * np.log(p) + (1 - PROBABILITY) * np.log(1 - p))


def bce_logits(x, positive=1.0):
    return -(PROBABILITY * positive * np.log(sigmoid(x)) + (1 - PROBABILITY) * np.log(sigmoid(-x)))


def huber(x, delta):
    d = np.abs(x - TARGET)
    return np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def ratio(losses, weights):
    return losses.sum() / weights.sum()


def t(array):
    return betty.from_numpy(np.ascontiguousarray(array))


LOSSES = {
    "mse": (nn.MSELoss(), TARGET, lambda x: ((x - TARGET) ** 2).mean()),
    "mse_sum": (nn.MSELoss(reduction="sum"), TARGET, lambda x: ((x - TARGET) ** 2).sum()),
    "mse_none": (nn.MSELoss(reduction="none"), TARGET, lambda x: (x - TARGET) ** 2),
    "l1": (nn.L1Loss(), TARGET, lambda x: np.abs(x - TARGET).mean()),
    "smooth_l1": (nn.SmoothL1Loss(beta=0.5), TARGET, lambda x: huber(x, 0.5).mean() / 0.5),
    "huber": (nn.HuberLoss(delta=0.7), TARGET, lambda x: huber(x, 0.7).mean()),
    "cross_entropy": (nn.CrossEntropyLoss(), LABELS, lambda x: picked(x)[0].mean()),
    "cross_entropy_none": (nn.CrossEntropyLoss(reduction="none"), LABELS, lambda x: picked(x)[0]),
    "cross_entropy_weight": (
        nn.CrossEntropyLoss(t(WEIGHT)), LABELS, lambda x: ratio(*picked(x, WEIGHT)),
    ),
    "cross_entropy_smooth": (
        nn.CrossEntropyLoss(label_smoothing=0.2), LABELS, lambda x: picked(x, None, 0.2)[0].mean(),
    ),
    "cross_entropy_soft": (
        nn.CrossEntropyLoss(), PROBABILITY, lambda x: -(PROBABILITY * log_softmax(x)).sum(1).mean(),
    ),
    "cross_entropy_ignore": (
        nn.CrossEntropyLoss(ignore_index=3), LABELS, lambda x: picked(x)[0][LABELS != 3].mean(),
    ),
    "nll": (nn.NLLLoss(), LABELS, lambda x: -x[np.arange(5), LABELS].mean()),
    "nll_weight": (
        nn.NLLLoss(t(WEIGHT)), LABELS,
        lambda x: ratio(-x[np.arange(5), LABELS] * WEIGHT[LABELS], WEIGHT[LABELS]),
    ),
    "bce_logits": (nn.BCEWithLogitsLoss(), PROBABILITY, lambda x: bce_logits(x).mean()),
    "bce_logits_positive": (
        nn.BCEWithLogitsLoss(pos_weight=t(WEIGHT)), PROBABILITY,
        lambda x: bce_logits(x, WEIGHT).mean(),
    ),
    "bce_logits_weight": (
        nn.BCEWithLogitsLoss(t(WEIGHT)), PROBABILITY, lambda x: (bce_logits(x) * WEIGHT).mean(),
    ),
    "kl_batch": (
        nn.KLDivLoss(reduction="batchmean"), PROBABILITY,
        lambda x: (PROBABILITY * (np.log(PROBABILITY) - x)).sum() / 5,
    ),
    "kl_log": (
        nn.KLDivLoss(reduction="sum", log_target=True), np.log(PROBABILITY),
        lambda x: (PROBABILITY * (np.log(PROBABILITY) - x)).sum(),
    ),
}  # fmt: skip


def numeric_gradient(formula, x, cotangent, step=1e-6):
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = ((formula(up) - formula(down)) * cotangent).sum() / (2 * step)
    return gradient


def check(call, formula, x):
    inputs = t(x).requires_grad_()
    result = call(inputs)
    expected = np.asarray(formula(x))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-10, atol=1e-12)
    cotangent = np.random.RandomState(9).randn(*expected.shape)
    (result * t(np.asarray(cotangent))).sum().backward()
    np.testing.assert_allclose(
        inputs.grad.numpy(), numeric_gradient(formula, x, cotangent), rtol=1e-6, atol=1e-7
    )
    single = call(t(x.astype(np.float32)))
    assert single.dtype == betty.float32
    np.testing.assert_allclose(single.detach().numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("layer", "formula"), ACTIVATIONS, ids=lambda a: str(a)[:24])
def test_activation(layer, formula):
    check(layer, formula, X)


@pytest.mark.parametrize(
    "layer",
    [nn.ReLU(True), nn.ReLU6(True), nn.SiLU(True), nn.LeakyReLU(0.1, True), nn.ELU(1, True),
     nn.Hardtanh(-1, 1, True), nn.SELU(True), nn.CELU(1, True), nn.Mish(True), nn.Hardswish(True),
     nn.Hardsigmoid(True), nn.Dropout(1.0, True)],
    ids=str,
)  # fmt: skip
def test_in_place(layer):
    leaf = t(X).requires_grad_()
    x = leaf * 1.0
    y = layer(x)
    assert y is x
    layer.inplace = False
    other = t(X).requires_grad_()
    z = layer(other * 1.0)
    np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), other.grad.numpy())


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    loss, target, formula = LOSSES[name]

    def call(x):
        goal = t(target).to(x.dtype) if target.dtype.kind == "f" else t(target)
        return loss.to(x.dtype)(x, goal)

    loss.double()
    check(call, formula, X)


def test_bce_of_probabilities():
    p = RNG.uniform(0.05, 0.95, (5, 7))
    check(lambda x: nn.BCELoss()(x, t(PROBABILITY).to(x.dtype)), lambda x: bce(x).mean(), p)


def test_linear():
    layer = nn.Linear(7, 3).double()
    weight, bias = (p.detach().numpy().copy() for p in layer.parameters())
    check(lambda x: F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype)),
          lambda x: x @ weight.T + bias, X)  # fmt: skip
    layer.zero_grad()
    layer(t(X)).sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), np.tile(X.sum(0), (3, 1)), rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.numpy(), np.full(3, 5.0))
    assert nn.Linear(7, 3)(betty.zeros(2, 4, 7)).shape == (2, 4, 3)
    assert nn.Linear(7, 3, bias=False)(betty.zeros(7)).shape == (3,)
    assert nn.Linear(2, 2, dtype=betty.float64).weight.dtype == betty.float64
    with pytest.raises(RuntimeError, match=r"7.*6|6.*7"):
        nn.Linear(7, 3)(betty.zeros(2, 6))


def test_dropout():
    betty.manual_seed(0)
    x = betty.ones(200, 100)
    y = nn.Dropout(0.25)(x).numpy()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert nn.Dropout(1.0)(x).numpy().max() == 0
    assert np.array_equal(nn.Dropout(0.0)(x).numpy(), x.numpy())
    leaf = betty.ones(100).requires_grad_()
    z = nn.Dropout(0.5)(leaf)
    z.sum().backward()
    assert np.array_equal(leaf.grad.numpy(), z.detach().numpy())
    with pytest.raises(ValueError, match=r"1\.5"):
        nn.Dropout(1.5)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: nn.CrossEntropyLoss()(betty.zeros(2, 3), betty.tensor([0, 3])).item(),
         IndexError, "out of range"),
        (lambda: nn.CrossEntropyLoss()(betty.zeros(2, 3), betty.tensor([0])),
         (ValueError, RuntimeError), r"\[2, 3\]|batch"),
        (lambda: nn.MSELoss(reduction="most"), ValueError, "most is not a valid value"),
        (lambda: nn.Softmax(dim=4)(betty.zeros(2)), IndexError, "4"),
        (lambda: F.binary_cross_entropy_with_logits(betty.zeros(2), betty.zeros(3)),
         (ValueError, RuntimeError), "3"),
    ],
)  # fmt: skip
def test_mistakes_are_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


@pytest.mark.parametrize("shape", [(400, 300), (64, 32, 5, 5)])
@pytest.mark.parametrize(
    ("draw", "std", "bounded"),
    [
        (lambda w: nn.init.uniform_(w, -1, 3), lambda i, o: 4 / math.sqrt(12), True),
        (lambda w: nn.init.normal_(w, 1, 2), lambda i, o: 2, False),
        (lambda w: nn.init.xavier_uniform_(w, 2), lambda i, o: 2 * math.sqrt(2 / (i + o)), True),
        (nn.init.xavier_normal_, lambda i, o: math.sqrt(2 / (i + o)), False),
        (nn.init.kaiming_uniform_, lambda i, o: math.sqrt(2 / i), True),
        (lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"),
         lambda i, o: 5 / 3 / math.sqrt(o), False),
    ],
)  # fmt: skip
def test_initial_values(shape, draw, std, bounded):
    betty.manual_seed(1)
    weight = nn.Parameter(betty.zeros(*shape))
    assert draw(weight) is weight
    values = weight.detach().numpy()
    field = math.prod(shape[2:])
    expected = std(shape[1] * field, shape[0] * field)
    assert abs(values.std() / expected - 1) < 0.02
    if bounded:
        spread = np.abs(values - values.mean()).max() / (expected * math.sqrt(3))
        assert 0.99 < spread < 1.01
    else:
        assert np.abs(values - values.mean()).max() > 3 * expected


def test_initial_values_of_linear():
    layer = nn.Linear(100, 50)
    for p in layer.parameters():
        assert 0.09 < np.abs(p.detach().numpy()).max() <= 0.1


def test_plain_initial_values():
    w = nn.Parameter(betty.zeros(2, 3))
    assert nn.init.ones_(w).tolist() == [[1] * 3] * 2
    assert nn.init.constant_(w, 0.5).tolist() == [[0.5] * 3] * 2
    assert nn.init.eye_(w).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert nn.init.zeros_(w).tolist() == [[0] * 3] * 2
    cut = nn.init.trunc_normal_(betty.zeros(10000), 0, 1, -0.5, 0.5).numpy()
    assert np.abs(cut).max() <= 0.5
    assert (np.abs(cut) == 0.5).mean() < 0.01
    assert abs(cut.std() - 0.28) < 0.02
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.init.xavier_uniform_(betty.zeros(3))
    with pytest.raises(ValueError, match="unsupported"):
        nn.init.calculate_gain("what")
