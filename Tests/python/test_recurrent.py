"""Losses of margins, recurrent networks and transformers against values recorded from PyTorch.

Parameters and inputs come from one NumPy generator, in the order of the table; the second gradient
is compared with central differences of the first.
"""

import betty as T
import numpy as np
import pytest
from betty import nn

RNG = np.random.RandomState(7)


def t(*shape):
    return T.from_numpy(RNG.randn(*shape))


def filled(layer):
    layer = layer.double().eval()
    for value in layer.parameters():
        value.data.copy_(T.from_numpy(RNG.randn(*value.shape) * 0.5))
    return layer


X, Y, Z, SIDES = t(4, 6), t(4, 6), t(4, 6), T.tensor([1.0, -1.0, 1.0, -1.0]).double()
LABELS = T.tensor([0, 5, 2, 2])
LISTS = T.tensor(
    [[0, 5, -1, 2, 3, 1], [-1, 0, 0, 0, 0, 0], [1, 2, 3, -1, 0, 0], [5, 4, 3, 2, 1, 0]]
)
WIDE = t(5, 3, 8)

CASES = {
    "cosine_embedding": (nn.CosineEmbeddingLoss(0.1), X, Y, SIDES),
    "hinge_embedding": (nn.HingeEmbeddingLoss(0.4), X, T.sign(Y)),
    "soft_margin": (nn.SoftMarginLoss(), X, T.sign(Y)),
    "margin_ranking": (nn.MarginRankingLoss(0.2), X, Y, T.sign(Z)),
    "multi_margin": (nn.MultiMarginLoss(2, 0.5, T.arange(1, 7).double()), X, LABELS),
    "multilabel_margin": (nn.MultiLabelMarginLoss(), X, LISTS),
    "multilabel_soft_margin": (nn.MultiLabelSoftMarginLoss(), X, (Y > 0).double()),
    "triplet": (nn.TripletMarginLoss(3.0, p=3.0, swap=True), X, Y, Z),
    "triplet_distance": (
        nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(1.0)), X, Y, Z,
    ),
    "poisson": (nn.PoissonNLLLoss(full=True), X, Y.abs() * 3),
    "gaussian": (nn.GaussianNLLLoss(full=True), X, Y, Z.abs()),
    "cosine": (nn.CosineSimilarity(), X, Y),
    "rrelu": (nn.RReLU().eval(), X),
    "prelu": (nn.PReLU(6).double(), X),
    "glu": (nn.GLU(), X),
    "hardshrink": (nn.Hardshrink(), X),
    "softshrink": (nn.Softshrink(0.3), X),
    "threshold": (nn.Threshold(0.1, 2.0), X),
    "lstm": (filled(nn.LSTM(8, 6)), WIDE),
    "lstm_wide": (filled(nn.LSTM(8, 6, 2, bidirectional=True, proj_size=2)), WIDE),
    "gru": (filled(nn.GRU(8, 6, 2, batch_first=True, bidirectional=True)), WIDE),
    "rnn": (filled(nn.RNN(8, 6, nonlinearity="relu", bias=False)), WIDE),
    "rnn_unbatched": (filled(nn.RNN(8, 6)), WIDE[:, 0]),
    "lstm_cell": (filled(nn.LSTMCell(8, 6)), WIDE[0]),
    "gru_cell": (filled(nn.GRUCell(8, 6)), WIDE[0]),
    "encoder": (
        filled(nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"), 2, nn.LayerNorm(8),
        )), WIDE,
    ),
    "encoder_norm_first": (filled(nn.TransformerEncoderLayer(8, 2, 16, norm_first=True)), WIDE),
    "decoder": (filled(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)), WIDE, t(5, 4, 8)),
    "transformer": (filled(nn.Transformer(8, 2, 1, 1, 16)), WIDE, t(4, 3, 8)),
}  # fmt: skip


def outcome(layer, x, *others):
    """The sum of squares of the result, and of its gradient with respect to x."""
    x = x.clone().requires_grad_(True)
    result = layer(x, *others)
    result = result[0] if isinstance(result, tuple) else result
    (slope,) = T.autograd.grad((result**2).sum(), x, create_graph=True)
    return x, (result**2).sum(), (slope**2).sum()


# The two sums of each case, by PyTorch 2.13.
EXPECTED = {
    "cosine_embedding": (0.376117521, 0.0657166575),
    "hinge_embedding": (0.10984217, 0.0144930642),
    "soft_margin": (0.67271624, 0.0337730386),
    "margin_ranking": (0.642089929, 0.0535074941),
    "multi_margin": (3.44189356, 81.5130426),
    "multilabel_margin": (0.810040219, 0.416270668),
    "multilabel_soft_margin": (0.67271624, 0.0337730386),
    "triplet": (12.1739154, 12.4472765),
    "triplet_distance": (4.03898518, 24.2339111),
    "poisson": (13.4764408, 17.6823044),
    "gaussian": (28.2206245, 277.098515),
    "cosine": (0.18476704, 0.13574071),
    "rrelu": (12.4163045, 47.862251),
    "prelu": (12.5067317, 47.9038538),
    "glu": (4.22725857, 10.2708156),
    "hardshrink": (20.1937399, 80.7749594),
    "softshrink": (12.8021225, 51.2084902),
    "threshold": (63.9394975, 47.7579899),
    "lstm": (5.41290428, 3.10525665),
    "lstm_wide": (3.13806413, 0.0419048371),
    "gru": (38.7179714, 52.2533734),
    "rnn": (99.5093504, 2698.24589),
    "rnn_unbatched": (19.1302265, 30.0828772),
    "lstm_cell": (0.184550289, 0.0470887881),
    "gru_cell": (2.08736422, 0.320981943),
    "encoder": (83.6400204, 1.80040597),
    "encoder_norm_first": (551.569933, 10440.9704),
    "decoder": (40.5905915, 1.41999319),
    "transformer": (16.9632743, 0.024498309),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    layer, x, *others = CASES[name]
    x, square, slope = outcome(layer, x, *others)
    np.testing.assert_allclose((square.item(), slope.item()), EXPECTED[name], rtol=1e-7, atol=1e-9)
    (second,) = T.autograd.grad(slope, x)
    direction = np.random.RandomState(1).randn(*x.shape)
    moved = [
        outcome(layer, (x + step * T.from_numpy(direction)).detach(), *others)[2].item()
        for step in (1e-6, -1e-6)
    ]
    wanted = (moved[0] - moved[1]) / 2e-6
    assert np.isclose((second.numpy() * direction).sum(), wanted, rtol=1e-4, atol=1e-5)


def test_state_dict_keys_are_pytorchs():
    keys = list(nn.LSTM(3, 4, bidirectional=True, proj_size=2).state_dict())
    part = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"]
    assert keys == part + [name + "_reverse" for name in part]
    decoder = nn.TransformerDecoderLayer(8, 2).state_dict()
    assert next(iter(decoder)) == "self_attn.in_proj_weight" and "norm3.bias" in decoder
    assert len(decoder) == 18
    assert repr(nn.LSTM(3, 4, 2, dropout=0.1)) == "LSTM(3, 4, num_layers=2, dropout=0.1)"


def test_recurrent_states_go_on():
    layer = filled(nn.LSTM(8, 6, 2))
    whole, last = layer(WIDE)
    first, middle = layer(WIDE[:2])
    second, end = layer(WIDE[2:], middle)
    np.testing.assert_allclose(T.cat([first, second]).detach(), whole.detach(), atol=1e-12)
    np.testing.assert_allclose(end[1].detach(), last[1].detach(), atol=1e-12)


REFUSED = [
    (lambda: nn.LSTM(3, 4)(T.randn(2, 5)), RuntimeError, "Expected 3, got 5"),
    (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "smaller than hidden_size"),
    (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "Unknown nonlinearity 'x'"),
    (lambda: nn.GRU(3, 4)(T.randn(2, 5, 3), T.zeros(1, 2, 4)), RuntimeError, r"\(1, 5, 4\)"),
    (lambda: nn.TransformerEncoderLayer(8, 2, activation="x"), RuntimeError, "relu/gelu, not x"),
    (lambda: nn.MultiMarginLoss(3)(X, LABELS), ValueError, "got 3"),
    (lambda: nn.MarginRankingLoss()(X, X[0], X), RuntimeError, r"\(6,\)"),
    (lambda: nn.TripletMarginLoss(margin=-1.0)(X, Y, Z), ValueError, "-1.0"),
    (lambda: nn.CosineEmbeddingLoss(0.0, nothing=1), TypeError, "nothing"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_gumbel_softmax_follows_the_probabilities():
    T.manual_seed(2)
    logits = T.tensor([0.1, 0.2, 0.7]).log().expand(4000, 3).clone().requires_grad_(True)
    hard = nn.functional.gumbel_softmax(logits, 0.7, hard=True)
    assert (hard.sum(-1) - 1).abs().max().item() < 1e-6
    np.testing.assert_allclose(hard.mean(0).detach(), [0.1, 0.2, 0.7], atol=0.03)
    (hard * T.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert (logits.grad != 0).any()
