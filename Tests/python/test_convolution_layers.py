"""Convolutions as modules, and networks with running statistics inside problems."""

import math

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from derivatives import RNG, check_derivatives, image


def convolved(x, layer):
    """The layer on an image that is padded already, window by window."""
    weight = layer.weight.detach().numpy()
    count, parts = weight.shape[0] // layer.groups, weight.shape[1]
    (kh, kw), (sh, sw), (dh, dw) = layer.kernel_size, layer.stride, layer.dilation
    height = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    width = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((x.shape[0], weight.shape[0], height, width))
    for k in range(weight.shape[0]):
        first = k // count * parts
        for i in range(height):
            for j in range(width):
                window = x[:, first : first + parts, i * sh :, j * sw :]
                window = window[:, :, : dh * (kh - 1) + 1 : dh, : dw * (kw - 1) + 1 : dw]
                y[:, k, i, j] = (window * weight[k]).sum((1, 2, 3))
    return y + layer.bias.detach().numpy()[:, None, None]


@pytest.mark.parametrize(
    ("layer", "pads", "mode"),
    [
        (nn.Conv2d(4, 6, 3, padding=1), ((1, 1), (1, 1)), "constant"),
        (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), groups=2), ((0, 0), (0, 0)), "constant"),
        (nn.Conv2d(4, 8, 3, dilation=2, padding=2, groups=4), ((2, 2), (2, 2)), "constant"),
        (nn.Conv2d(4, 2, 4, padding="same"), ((1, 2), (1, 2)), "constant"),
        (nn.Conv2d(4, 2, 1, padding="valid"), ((0, 0), (0, 0)), "constant"),
        (nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), ((1, 1), (1, 1)), "reflect"),
        (nn.Conv2d(4, 2, 3, padding=(2, 1), padding_mode="circular"), ((2, 2), (1, 1)), "wrap"),
    ],
)
def test_convolution_is_a_sum_over_windows(layer, pads, mode):
    layer = layer.double()
    x = image(2, 4, 6, 7)
    expected = convolved(np.pad(x, ((0, 0), (0, 0), *pads), mode), layer)
    np.testing.assert_allclose(layer(betty.from_numpy(x)).detach().numpy(), expected)
    np.testing.assert_allclose(layer(betty.from_numpy(x[1])).detach().numpy(), expected[1])
    check_derivatives(layer, x)


def test_a_transposed_convolution_is_the_gradient_of_one():
    forward = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False).double()
    back = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, bias=False).double()
    back.load_state_dict(forward.state_dict())
    x = betty.from_numpy(image(2, 4, 8, 7)).requires_grad_()
    y = forward(x)
    (gradient,) = betty.autograd.grad(y.pow(2).sum() / 2, [x])
    got = back(y.detach(), output_size=x.shape)
    np.testing.assert_allclose(got.detach().numpy(), gradient.numpy())
    with pytest.raises(ValueError, match="must be from 7 to 8"):
        back(y.detach(), output_size=(9, 7))


def test_sequences_are_images_of_one_row():
    layer = nn.Conv1d(3, 4, 3, stride=2, padding=1).double()
    x = RNG.randn(2, 3, 9)
    wide = F.conv2d(
        betty.from_numpy(x[:, :, None]), layer.weight[:, :, None], layer.bias, (1, 2), (0, 1)
    )
    np.testing.assert_allclose(
        layer(betty.from_numpy(x)).detach().numpy(), wide.detach().numpy()[:, :, 0]
    )


def test_initial_values_and_printing():
    betty.manual_seed(0)
    layer = nn.Conv2d(8, 16, 3, groups=2)
    bound = 1 / math.sqrt(4 * 9)
    for values in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.8 * bound
    assert [tuple(v.shape) for v in layer.state_dict().values()] == [(16, 4, 3, 3), (16,)]
    assert tuple(nn.ConvTranspose2d(8, 6, 3, groups=2).weight.shape) == (8, 3, 3, 3)
    text = (
        "Conv2d(4, 8, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "groups=2, bias=False)"
    )
    wide = nn.Conv2d(4, 8, (3, 5), stride=2, padding=1, dilation=2, groups=2, bias=False)
    assert repr(wide) == text
    assert repr(nn.Conv1d(2, 4, 3)) == "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.Conv2d(4, 6, 3, groups=3), "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "out_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "groups must be a positive integer"),
        (lambda: nn.Conv2d(4, 4, 3, stride=2, padding="same"), "not supported for strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding="x"), "Invalid padding string 'x'"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="x"), "padding_mode='x'"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), 'Only "zeros"'),
    ],
)
def test_wrong_arguments_are_refused(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert text in str(caught.value)


# ---- in problems -------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        out = self.bn(self.conv(x))
        out += x
        return self.head(F.relu(out).mean((2, 3)))


class Lower(ImplicitProblem):
    def training_step(self, batch):
        losses = F.cross_entropy(self.module(batch[0]), batch[1], reduction="none")
        return (losses * self.upper.module(losses.detach()[:, None])[:, 0].sigmoid()).mean()


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return F.cross_entropy(self.lower(batch[0]), batch[1])


def problems(replay):
    betty.manual_seed(1)
    random = np.random.RandomState(2)
    batches = [
        tuple(map(betty.from_numpy, (random.randn(8, 2, 5, 5).astype("float32"), labels)))
        for labels in random.randint(0, 3, (2, 8))
    ]
    net, weight = Block(), nn.Linear(1, 1)
    upper = Upper(
        "upper", Config(), weight, betty.optim.SGD(weight.parameters(), 0.1), None, batches[1:]
    )
    lower = Lower(
        "lower", Config(replay=replay), net, betty.optim.SGD(net.parameters(), 0.1), None,
        batches[:1],
    )  # fmt: skip
    config = EngineConfig(train_iters=4)
    engine = Engine([upper, lower], config, {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}})
    return engine, lower, net


@pytest.mark.parametrize("replay", [False, True])
def test_every_forward_pass_of_a_step_moves_running_statistics_once(replay):
    """The two steps' own passes count; those of a hypergradient do not."""
    engine, _, net = problems(replay)
    engine.run()
    assert net.bn.num_batches_tracked.item() == 8
    seen = net.bn.running_var.numpy().copy()
    assert (seen != 1).all()
    engine.run()
    assert net.bn.num_batches_tracked.item() == 16
    assert (net.bn.running_var.numpy() != seen).all()


def test_a_change_in_place_keeps_nothing():
    """Results of the step's program: loss, statistics, parameters; no activation."""
    engine, lower, _ = problems(replay=False)
    engine.run()
    results = [line for line in lower.dump().splitlines() if line.strip().startswith("return")]
    plain = 1 + 2 + 1 + 5  # loss, running statistics, count of batches, parameters
    assert len(results[-1].split(",")) <= plain


def test_the_first_step_is_compiled_like_the_others():
    engine, _, _ = problems(replay=False)
    engine.run()
    before = betty.counters()["compilations"]
    engine.run()
    assert betty.counters()["compilations"] == before
