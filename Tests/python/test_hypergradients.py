"""Hypergradient methods in whole programs: the numbers of the original for sama and multitask."""

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


def tensor(values):
    return betty.tensor(np.asarray(values, dtype=np.float64))


class Net(nn.Module):
    def __init__(self, rs):
        super().__init__()
        self.a = nn.Parameter(tensor(rs.randn(4, 5) * 0.5))
        self.b = nn.Parameter(tensor(rs.randn(3, 4) * 0.5))

    def forward(self, x):
        return betty.tanh(x @ self.a.t()) @ self.b.t()


class Logits(nn.Module):
    def __init__(self, rs):
        super().__init__()
        self.values = nn.Parameter(tensor((rs.randn(20) * 0.1)[:10]))

    def forward(self):
        return self.values


class Upper(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return ((self.low(x) - y) ** 2).mean()


class Lower(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return (betty.sigmoid(self.up()) * ((self.module(x) - y) ** 2).sum(1)).mean()


def build(optimizer, replay=False, iterations=12, **options):
    """A network whose examples are weighed; options are the lower problem's."""
    rs = np.random.RandomState(0)
    x, y, xv, yv = rs.randn(20, 5), rs.randn(20, 3), rs.randn(10, 5), rs.randn(10, 3)
    net, logits = Net(rs), Logits(rs)
    rate = optim.SGD(logits.parameters(), lr=1.0)
    valid = [(tensor(xv), tensor(yv))]
    train = [(tensor(x[:10]), tensor(y[:10])), (tensor(x[10:]), tensor(y[10:]))]
    config = {"type": "sama", "unroll_steps": 2, "replay": replay} | options
    up = Upper("up", Config(replay=replay), logits, rate, train_data_loader=valid)
    low = Lower("low", Config(**config), net, optimizer(net.parameters()), train_data_loader=train)
    engine = Engine(
        [up, low], EngineConfig(train_iters=iterations), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    return engine, [logits.values, net.a, net.b]


def run(optimizer, **options):
    engine, parameters = build(optimizer, **options)
    engine.run()
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


ADAM = {"lr": 0.02}
CASES = {
    "sgd": (optim.SGD, {"lr": 0.1}, {}),
    "sgdm": (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {}),
    "adam": (optim.Adam, ADAM, {}),
    "adamw": (optim.AdamW, ADAM | {"weight_decay": 0.1}, {}),
    "adamwd": (optim.Adam, ADAM | {"weight_decay": 0.1, "betas": (0.8, 0.95)}, {}),
    "adamb0": (optim.Adam, ADAM | {"betas": (0.0, 0.95)}, {"sama_adam_alpha": 0.1}),
    "adamclip": (optim.Adam, ADAM, {"gradient_clipping": 0.1, "unroll_steps": 1}),
    "multitask": (optim.Adam, ADAM, {"sama_multitask": True, "sama_adam_alpha": 0.01}),
    "acc": (optim.Adam, ADAM, {"gradient_accumulation": 2, "gradient_clipping": 0.1}),
    "nadam": (optim.NAdam, ADAM, {}),
    "dartsmt": (optim.SGD, {"lr": 0.1}, {"type": "darts", "darts_multitask": True}),
}

# Parameters of the upper problem, then of the lower one, as the original leaves them.
PLACES = [0, 3, 7, 9, 10, 15, 31, -1]
RECORDED = {
    "sgd": [
        0.2504092966,
        -0.0276417317,
        0.2575431438,
        -0.1001572643,
        -0.0458993179,
        -0.8441853113,
        -0.3133094238,
        -1.0250363409,
    ],
    "sgdm": [
        0.366557008,
        0.032995091,
        0.1907292318,
        -0.103031955,
        0.2365008112,
        -0.8685036582,
        -0.43503636,
        -0.0019521187,
    ],
    "adam": [
        0.1947960807,
        0.0207609436,
        0.2070079428,
        0.0835288169,
        -0.1375580391,
        -0.8783123522,
        -0.2780024265,
        -1.1582053381,
    ],
    "adamw": [
        0.1948765692,
        0.0187006459,
        0.2073278008,
        0.0840120539,
        -0.1330225783,
        -0.8616156628,
        -0.2743566971,
        -1.1286356742,
    ],
    "adamwd": [
        0.1954623984,
        -0.0270621045,
        0.2099508399,
        0.0996205141,
        -0.1374148051,
        -0.6213700136,
        -0.2684540327,
        -1.1584302793,
    ],
    "adamb0": [
        0.1976017852,
        0.0411538752,
        0.2077696089,
        0.069876823,
        -0.1762024033,
        -0.8922718928,
        -0.2781724277,
        -1.1820904676,
    ],
    "adamclip": [
        0.1692419526,
        0.9050297365,
        0.0929467491,
        -0.1327313001,
        -0.1368501846,
        -0.8893066974,
        -0.2800495372,
        -1.1566996459,
    ],
    "multitask": [
        0.1948065248,
        0.0226017823,
        0.2094867752,
        0.0836227668,
        -0.136719232,
        -0.8858765393,
        -0.2770974615,
        -1.1582545059,
    ],
    "acc": [
        0.2149455971,
        0.5683396732,
        0.4030433812,
        -0.0233689409,
        -0.1985576768,
        -0.7790067756,
        -0.3739181382,
        -1.2665496953,
    ],
    "nadam": [
        0.1960268011,
        0.0084844225,
        0.2082657291,
        0.0901393609,
        -0.1867895116,
        -0.866965805,
        -0.2728635835,
        -1.2084365725,
    ],
    "dartsmt": [
        0.2416636676,
        -0.0297983262,
        0.2595267679,
        -0.1097357693,
        -0.0432248142,
        -0.8514043227,
        -0.3097129935,
        -1.024953302,
    ],
}


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_gives_the_numbers_of_the_original(name, replay):
    optimizer, hyper, options = CASES[name]
    found = run(lambda parameters: optimizer(parameters, **hyper), replay=replay, **options)
    np.testing.assert_allclose(found[PLACES], RECORDED[name], rtol=0, atol=1e-9)


def test_names_both_problems_when_the_upper_loss_does_not_reach_the_lower():
    engine, _ = build(lambda parameters: optim.SGD(parameters, lr=0.1))
    engine.up.training_step = lambda batch: (engine.up.module() ** 2).sum()
    with pytest.raises(RuntimeError, match=r"problem 'up': its loss .* of 'low'"):
        engine.run()


@pytest.mark.parametrize(
    ("option", "value"),
    [("cg_iterations", 1.5), ("darts_alpha", 0.0), ("sama_adam_alpha", float("nan"))],
)
def test_refuses_options_out_of_range(option, value):
    kind = option.split("_")[0]
    with pytest.raises(ValueError, match=rf"(problem 'low'|Config): {option} must be "):
        build(lambda parameters: optim.SGD(parameters, lr=0.1), **{"type": kind, option: value})
