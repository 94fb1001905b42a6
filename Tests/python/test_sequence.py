"""Layers of sequence models against NumPy's formulas, and their gradients to second order."""

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn

RNG = np.random.RandomState(5)


def t(*shape):
    return betty.from_numpy(RNG.randn(*shape))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def check_second_order(function, *inputs):
    """Directional derivatives of sum(f³) and of its gradient against central differences."""

    def gradients(values):
        leaves = [betty.from_numpy(v).requires_grad_(True) for v in values]
        loss = (function(*leaves) ** 3).sum()
        grads = betty.autograd.grad(loss, leaves, create_graph=True)
        second = betty.autograd.grad(sum((g * g).sum() for g in grads), leaves)
        return loss.item(), [g.detach().numpy() for g in grads], [g.numpy() for g in second]

    values = [np.array(x.numpy()) for x in inputs]
    _, first, second = gradients(values)
    for position, value in enumerate(values):
        direction = RNG.randn(*value.shape)
        moved = []
        for step in (1e-5, -1e-5):
            others = list(values)
            others[position] = value + step * direction
            loss, grads, _ = gradients(others)
            moved.append((loss, sum((g * g).sum() for g in grads)))
        slope = [(up - down) / 2e-5 for up, down in zip(*moved, strict=True)]
        assert np.isclose((first[position] * direction).sum(), slope[0], rtol=1e-6, atol=1e-6)
        assert np.isclose((second[position] * direction).sum(), slope[1], rtol=1e-5, atol=1e-5)


def reference_attention(q, k, v, mask=None, scale=None):
    scores = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores) @ v


@pytest.mark.parametrize("kind", ["plain", "causal", "bool", "added", "shared"])
def test_attention(kind):
    q, k, v = t(2, 4, 5, 8), t(2, 4, 5, 8), t(2, 4, 5, 3)
    options, mask, added = {}, None, 0
    if kind == "causal":
        options, mask = {"is_causal": True, "scale": 0.4}, np.tril(np.ones((5, 5), bool))
    elif kind == "bool":
        mask = RNG.rand(2, 1, 5, 5) > 0.4
        mask[..., 0] = True
        options = {"attn_mask": betty.from_numpy(mask)}
    elif kind == "added":
        options = {"attn_mask": t(4, 5, 5)}
        added = options["attn_mask"].numpy()
    elif kind == "shared":
        k, v = k[:, :2], v[:, :2]
        options = {"enable_gqa": True}
    heads = [x.numpy().repeat(4 // x.shape[1], 1) for x in (q, k, v)]
    if kind == "added":
        wanted = softmax(heads[0] @ heads[1].swapaxes(-1, -2) / np.sqrt(8) + added) @ heads[2]
    else:
        wanted = reference_attention(*heads, mask, options.get("scale"))
    result = F.scaled_dot_product_attention(q, k, v, **options)
    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-10, atol=1e-12)
    check_second_order(lambda *x: F.scaled_dot_product_attention(*x, **options), q, k, v)


def test_attention_row_without_keys_is_zero():
    mask = betty.tensor([[True, True], [False, False]])
    q = t(1, 2, 3).requires_grad_(True)
    result = F.scaled_dot_product_attention(q, t(1, 2, 3), t(1, 2, 3), attn_mask=mask)
    assert (result[0, 1] == 0).all() and not result.isnan().any()
    result.sum().backward()
    assert not q.grad.isnan().any()


def test_attention_dropout_keeps_the_mean():
    betty.manual_seed(3)
    q, v = betty.zeros(1, 400, 4), betty.ones(1, 300, 1)
    result = F.scaled_dot_product_attention(q, betty.zeros(1, 300, 4), v, dropout_p=0.5)
    assert abs(result.mean().item() - 1) < 0.02 and result.std().item() > 0.03


@pytest.mark.parametrize("options", [{}, {"kdim": 3, "vdim": 5}, {"add_zero_attn": True}])
def test_multihead_attention(options):
    layer = nn.MultiheadAttention(8, 2, **options).double()
    assert (layer.in_proj_bias == 0).all() and (layer.out_proj.bias == 0).all()
    q, k, v = t(5, 3, 8), t(6, 3, layer.kdim), t(6, 3, layer.vdim)
    output, weights = layer(q, k, v)
    bare, none = layer(q, k, v, need_weights=False)
    assert none is None and weights.shape == (3, 5, 6 + layer.add_zero_attn)
    np.testing.assert_allclose(bare.detach().numpy(), output.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(weights.sum(-1).detach().numpy(), 1, atol=1e-12)
    padding = betty.zeros(3, 6).bool()
    padding[1, 2] = True
    _, masked = layer(q, k, v, key_padding_mask=padding, average_attn_weights=False)
    assert (masked[1, :, :, 2] == 0).all() and (masked[0, :, :, 2] != 0).all()


def test_multihead_attention_projections_of_one_source():
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = t(3, 5, 8)
    output, _ = layer(x, x, x)
    heads = x.numpy() @ layer.in_proj_weight.detach().numpy().T
    q, k, v = (h.reshape(3, 5, 2, 4).swapaxes(1, 2) for h in np.split(heads, 3, -1))
    joined = reference_attention(q, k, v).swapaxes(1, 2).reshape(3, 5, 8)
    wanted = joined @ layer.out_proj.weight.detach().numpy().T
    np.testing.assert_allclose(output.detach().numpy(), wanted, atol=1e-12)


NORMS = [
    (lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-3), 3),
    (lambda x, w: F.layer_norm(x, (8,), w), 2),
    (lambda x: F.layer_norm(x, (3, 8)), 1),
    (lambda x, w: F.rms_norm(x, (8,), w, 1e-3), 2),
    (lambda x: F.rms_norm(x, (8,)), 1),
]


@pytest.mark.parametrize(("function", "count"), NORMS)
def test_norms_to_second_order(function, count):
    check_second_order(function, *[t(5, 3, 8), t(8), t(8)][:count])


def test_layer_norm_values():
    layer = nn.LayerNorm(8).double()
    layer.weight.data.copy_(t(8))
    layer.bias.data.copy_(t(8))
    x = t(5, 3, 8).numpy()
    wanted = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    wanted = wanted * layer.weight.detach().numpy() + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(t(0, 8)).detach().numpy().shape, (0, 8))
    result = layer(betty.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(result, wanted, rtol=1e-10, atol=1e-12)
    assert repr(layer) == "LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)"


def test_embedding_padding_gets_no_gradient():
    table = nn.Embedding(5, 3, padding_idx=-2)
    assert repr(table) == "Embedding(5, 3, padding_idx=3)" and (table.weight[3] == 0).all()
    (table(betty.tensor([[3, 1], [1, 2]])) + 1).sum().backward()
    assert table.weight.grad.numpy()[:, 0].tolist() == [0, 2, 1, 0, 0]


@pytest.mark.parametrize("norm", [1.0, 2.0])
def test_embedding_shortens_the_rows_it_reads(norm):
    table, named = t(4, 3).float(), betty.tensor([[0, 2], [2, 0]])
    before = table.numpy().copy()
    layer = nn.Embedding(4, 3, max_norm=0.5, norm_type=norm, _weight=table.clone())
    weight = layer.weight
    found = layer(named)
    lengths = np.linalg.norm(before, norm, axis=1, keepdims=True)
    wanted = np.where(lengths > 0.5, before * (0.5 / (lengths + 1e-7)), before)
    wanted[[1, 3]] = before[[1, 3]]
    assert layer.weight is weight
    np.testing.assert_allclose(weight.detach().numpy(), wanted, rtol=1e-6)
    np.testing.assert_allclose(found.detach().numpy(), wanted[named.numpy()], rtol=1e-6)
    found.sum().backward()
    assert weight.grad.numpy()[:, 0].tolist() == [2, 0, 2, 0]
    bags = nn.EmbeddingBag(4, 3, max_norm=0.5, norm_type=norm, mode="sum", _weight=table.clone())
    np.testing.assert_allclose(bags(named).detach().numpy()[0], wanted[[0, 2]].sum(0), rtol=1e-5)
    assert ("norm_type" in repr(layer)) == (norm != 2)


def test_embedding_divides_gradients_by_frequency():
    table, named = t(4, 3), betty.tensor([[1, 2, 1], [3, 1, 2]])
    layer = nn.Embedding(4, 3, padding_idx=2, scale_grad_by_freq=True, _weight=table)
    found = layer(named)
    assert (found == table[named]).all()
    (found * betty.tensor([1.0, 2.0, 3.0]).reshape(3, 1)).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [0, 2, 0, 1]
    bags = nn.EmbeddingBag(4, 3, mode="sum", scale_grad_by_freq=True, _weight=table.detach())
    bags(named).sum().backward()
    assert bags.weight.grad[:, 0].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("name", ["uniform", "eye", "kaiming_normal", "orthogonal", "sparse"])
def test_old_names_of_initializers(name):
    with pytest.warns(FutureWarning, match=f"nn.init.{name} is now nn.init.{name}_"):
        old = getattr(nn.init, name)
    assert old is getattr(nn.init, f"{name}_")
    assert nn.init._calculate_correct_fan(betty.zeros(2, 3, 4), "FAN_OUT") == 8
    assert nn.init._no_grad_uniform_ is nn.init.uniform_


REFUSED = [
    (lambda: nn.init.uniform_(t(2), 3, 1), RuntimeError, "from 3 to 1"),
    (lambda: nn.init.trunc_normal_(t(2), 0, 1, 2, -2), RuntimeError, "from 2 to -2"),
    (
        lambda: nn.EmbeddingBag(4, 3, mode="max", scale_grad_by_freq=True)(betty.tensor([[1]])),
        ValueError,
        "mode='max' does not take scale_grad_by_freq",
    ),
    (lambda: nn.Embedding(4, 3, padding_idx=5), AssertionError, "5"),
    (lambda: nn.Embedding(4, 3)(betty.tensor([4])).sum().item(), IndexError, "out of range"),
    (lambda: nn.MultiheadAttention(7, 2), AssertionError, "7 and 2"),
    (lambda: F.layer_norm(t(2, 8), (4,)), RuntimeError, r"\[4\]"),
    (lambda: F.dropout(t(2), 1.5), ValueError, "1.5"),
    (
        lambda: F.scaled_dot_product_attention(t(2, 8), t(3, 4), t(3, 4)),
        RuntimeError,
        r"f64\[2, 8\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("layer", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_dropout_of_channels(layer):
    betty.manual_seed(1)
    axes = int(layer.__name__[-2])
    x = betty.ones(20, 50, *[2] * axes)
    rows = layer(0.25)(x).numpy().reshape(1000, -1)
    assert (rows == rows[:, :1]).all() and set(np.unique(rows)) == {0, np.float32(1 / 0.75)}
    assert abs((rows[:, 0] > 0).mean() - 0.75) < 0.05
    assert (layer(0.25).eval()(x) == x).all()


@pytest.mark.parametrize("layer", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_moments(layer):
    betty.manual_seed(1)
    result = layer(0.2)(betty.randn(300, 300))
    assert abs(result.mean().item()) < 0.02 and abs(result.std().item() - 1) < 0.02


def test_labels_of_ctc_loss_behind_the_end_of_a_target_are_not_looked_at():
    steps = t(5, 2, 3).log_softmax(-1)
    plain = F.ctc_loss(steps, betty.tensor([[1, 2], [1, 0]]), [5, 5], [2, 1])
    for behind in (-1, 7):
        padded = F.ctc_loss(steps, betty.tensor([[1, 2], [1, behind]]), [5, 5], [2, 1])
        assert padded.item() == plain.item()
    with pytest.raises(RuntimeError, match=r"ctc_loss: a target is not in \[0, 2\]"):
        F.ctc_loss(steps, betty.tensor([[1, 9], [1, 0]]), [5, 5], [2, 1])
