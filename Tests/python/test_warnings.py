"""What PyTorch warns of: each once a call, of its class, at the program's line."""

import warnings

import betty
import betty.distributions as D
import betty.nn.functional as F
import numpy as np
import pytest
from betty import linalg, nn

ONE, PLANE = betty.ones(1), betty.ones(1, 1, 4, 4)
BYTES = betty.tensor([1, 0], dtype=betty.uint8)
LOGS, SHARES = betty.zeros(2), betty.ones(2)


def schedule(steps_first):
    weight = nn.Parameter(betty.ones(1))
    optimizer = betty.optim.SGD([weight], 0.1)
    scheduler = betty.optim.lr_scheduler.StepLR(optimizer, 1)
    weight.grad = betty.ones(1)
    if steps_first:
        optimizer.step()
    scheduler.step()


def idle_schedule():
    optimizer = betty.optim.SGD([nn.Parameter(betty.ones(1))], 0.1)
    scheduler = betty.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()


def inner_gradient():
    y = betty.ones(2, requires_grad=True) * 2
    return y.grad


def backward(**options):
    x = betty.ones(2, requires_grad=True)
    (x * x).sum().backward(**options)


def read_only():
    array = np.ones(3)
    array.setflags(write=False)
    return betty.from_numpy(array)


def attend(mask):
    layer, x = nn.MultiheadAttention(4, 2), betty.ones(3, 2, 4)
    layer(x, x, x, key_padding_mask=betty.zeros(2, 3).bool(), attn_mask=mask)


def encoder(**options):
    enable = options.pop("enable", True)
    heads = options.pop("heads", 2)
    layer = nn.TransformerEncoderLayer(6, heads, 8, **{"batch_first": True, **options})
    nn.TransformerEncoder(layer, 1, enable_nested_tensor=enable)


def scatter(source):
    betty.zeros(3).scatter_(0, betty.tensor([0, 1]), source, reduce="add")


WARNED = {
    "variance of one": (lambda: ONE.var(), "var(): degrees of freedom"),
    "deviation of one": (lambda: betty.std(betty.ones(2, 1), 1), "std(): degrees of freedom"),
    "var_mean": (lambda: betty.var_mean(ONE), "var_mean(): degrees of freedom"),
    "std_mean": (lambda: betty.std_mean(ONE), "std_mean(): degrees of freedom"),
    "correction": (lambda: betty.var(betty.ones(3), correction=3), "degrees of freedom"),
    "kl_div": (lambda: F.kl_div(LOGS, SHARES), "'batchmean' divides only"),
    "KLDivLoss": (lambda: nn.KLDivLoss()(LOGS, SHARES), "'batchmean' divides only"),
    "size_average": (lambda: F.mse_loss(ONE, ONE, size_average=False), "use reduction='sum'"),
    "reduce": (lambda: F.l1_loss(ONE, ONE, reduce=False), "use reduction='none'"),
    "a loss's size_average": (lambda: nn.MSELoss(size_average=True), "use reduction='mean'"),
    "dropout of one layer": (lambda: nn.LSTM(2, 2, dropout=0.5), "num_layers greater than 1"),
    "mask types": (lambda: attend(betty.zeros(3, 3)), "mismatched key_padding_mask"),
    "lengths first": (lambda: encoder(batch_first=False), "batch_first was not True"),
    "norm first": (lambda: encoder(norm_first=True), "norm_first was True"),
    "no bias": (lambda: encoder(bias=False), "bias=False"),
    "odd heads": (lambda: encoder(heads=3), "num_heads is odd"),
    "activation": (lambda: encoder(activation=betty.tanh), "activation_relu_or_gelu"),
    "scheduler first": (lambda: schedule(False), "before `optimizer.step()`"),
    "gradient of no leaf": (inner_gradient, "not a leaf Tensor"),
    "create_graph": (lambda: backward(create_graph=True), "reference cycle"),
    "dropout2d": (lambda: F.dropout2d(betty.ones(2, 3, 4)), "Received a 3D input"),
    "channels": (lambda: nn.InstanceNorm1d(5)(betty.ones(2, 3, 4)), "does not match num_features"),
    "no inputs": (lambda: nn.Linear(0, 2), "zero-element tensors"),
    "no outputs": (lambda: nn.Conv2d(1, 0, 1), "zero-element tensors"),
    "even kernel": (
        lambda: F.conv2d(PLANE, betty.ones(1, 1, 2, 2), padding="same"), "even kernel lengths",
    ),
    "even layer": (lambda: nn.Conv2d(1, 1, 2, padding="same")(PLANE), "even kernel lengths"),
    "even volume": (
        lambda: F.conv3d(PLANE[None], betty.ones(1, 1, 2, 2, 2), padding="same"),
        "even kernel lengths",
    ),
    "meshgrid": (lambda: betty.meshgrid(ONE, ONE), "indexing argument"),
    "T of three": (lambda: betty.ones(2, 2, 2).T, "other than 2"),
    "T of none": (lambda: betty.tensor(1.0).T, "other than 2"),
    "cross": (lambda: betty.cross(betty.ones(3, 3), betty.ones(3, 3)), "the dim arg"),
    "bytes read": (lambda: betty.ones(2)[BYTES], "dtype bool instead"),
    "bytes chosen": (lambda: betty.where(BYTES, LOGS, SHARES), "boolean condition"),
    "out": (lambda: betty.add(betty.ones(3), 1, out=betty.zeros(2)), "was resized"),
    "read-only array": (read_only, "not writable"),
    "list of arrays": (lambda: betty.tensor([np.ones(2), np.ones(2)]), "extremely slow"),
    "scatter": (lambda: scatter(betty.ones(2)), "Use scatter_reduce"),
    "chain_matmul": (lambda: betty.chain_matmul(betty.eye(2)), "multi_dot"),
    "triangular_solve": (
        lambda: betty.triangular_solve(betty.ones(2, 1), betty.eye(2)), "solve_triangular",
    ),
    "lu": (lambda: betty.lu(betty.eye(2)), "lu_factor"),
    "range": (lambda: betty.range(0, 3), "arange"),
}  # fmt: skip


def caught(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return found


@pytest.mark.parametrize("name", WARNED)
def test_warned_of(name):
    call, words = WARNED[name]
    found = caught(call)
    assert [warning.category for warning in found] == [UserWarning]
    assert words in str(found[0].message)
    assert found[0].filename == __file__


def test_an_old_name_of_the_future():
    (found,) = caught(lambda: D.Normal(0.0, 1.0).sample_n(2))
    assert found.category is FutureWarning and found.filename == __file__


SILENT = {
    "variance": lambda: (betty.ones(2).var(), ONE.var(unbiased=False)),
    "kl_div": lambda: F.kl_div(LOGS, SHARES, reduction="batchmean"),
    "layers": lambda: nn.LSTM(2, 2, 2, dropout=0.5),
    "mask types": lambda: attend(betty.zeros(3, 3).bool()),
    "encoder": lambda: (encoder(), encoder(norm_first=True, enable=False)),
    "scheduler": lambda: schedule(True),
    "scheduler without gradients": idle_schedule,
    "backward": backward,
    "dropout": lambda: (F.dropout1d(betty.ones(2, 3, 4)), F.dropout2d(PLANE)),
    "channels": lambda: nn.InstanceNorm1d(3)(betty.ones(2, 3, 4)),
    "odd kernel": lambda: F.conv2d(PLANE, betty.ones(1, 1, 3, 3), padding="same"),
    "meshgrid": lambda: betty.meshgrid(ONE, ONE, indexing="ij"),
    "T": lambda: (betty.ones(2, 2).T, betty.ones(2).T),
    "cross": lambda: linalg.cross(betty.ones(3), betty.ones(3)),
    "out": lambda: betty.add(betty.ones(3), 1, out=betty.zeros(0)),
    "list": lambda: betty.tensor([[1.0], [2.0]]),
    "scatter": lambda: scatter(1.0),
    "multi_dot": lambda: linalg.multi_dot([betty.eye(2), betty.eye(2)]),
}


@pytest.mark.parametrize("name", SILENT)
def test_silent(name):
    assert caught(SILENT[name]) == []
