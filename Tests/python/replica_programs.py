"""Programs of two and three levels that tests run with several replicas and with one.

Losses are means over the rows of a batch, so that replicas change nothing but rounding.
"""

from itertools import pairwise

import betty
import numpy as np
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

UNROLLED = ("iterative", "forward")


class Net(nn.Module):
    def __init__(self, rs, sizes, dtype, dropout=0.0, norm=False):
        super().__init__()
        layers = []
        for i, (m, n) in enumerate(pairwise(sizes)):
            layer = nn.Linear(m, n, dtype=dtype)
            for p in layer.parameters():
                p.data.copy_(betty.tensor(rs.randn(*p.shape) * 0.4, dtype=dtype))
            layers.append(layer)
            if i + 2 < len(sizes):
                if norm:
                    layers.append(nn.BatchNorm1d(n, dtype=dtype))
                layers.append(nn.Tanh())
                if dropout:
                    layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Base:
    """A problem that notes the rows it was given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rows = []
        self.hooked = 0

    def param_callback(self):
        self.hooked += 1


class Lower(Base, ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        self.rows.append(x.shape[0])
        losses = ((self.module(x) - y) ** 2).mean(1)
        if getattr(self, "up", None) is None:
            return losses.mean()
        weights = betty.sigmoid(self.up(betty.cat([x, y], 1)))[:, 0]
        return {"loss": (weights * losses).mean(), "raw": losses.mean()}


class LowerIterative(IterativeProblem):
    rows = ()

    def training_step(self, batch):
        x, y = batch
        losses = ((self.module(x) - y) ** 2).mean(1)
        return (betty.sigmoid(self.up(betty.cat([x, y], 1)))[:, 0] * losses).mean()


class Upper(Base, ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        self.rows.append(x.shape[0])
        loss = ((self.low(x) - y) ** 2).mean()
        if getattr(self, "top", None) is not None:
            scales = betty.exp(self.top(y))
            loss = loss + (scales * self.module(betty.cat([x, y], 1)) ** 2).mean()
        return loss


class Top(Base, ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return ((self.up(betty.cat([x, y], 1)) - y) ** 2).mean() + (self.module(y) ** 2).mean()


def batches(rs, sizes, dtype):
    return [
        (
            betty.tensor(rs.randn(n, 5), dtype=dtype),
            betty.tensor(rs.randn(n, 3), dtype=dtype),
        )
        for n in sizes
    ]


def build(
    replicas, method="darts", levels=2, dtype=betty.float64, sizes=(12, 12), steps=6, engine=None,
    upper=None, net=None, replay=False, optimizer=optim.Adam, **options,
):  # fmt: skip
    rs = np.random.RandomState(0)
    base = {"type": method, "unroll_steps": 2, "replay": replay}
    if method in ("cg", "neumann"):
        base |= {"cg_iterations": 3, "cg_damping": 0.5} if method == "cg" else {
            "neumann_iterations": 3, "neumann_alpha": 0.1,
        }  # fmt: skip
    problems = []
    widths = {"low": (5, 6, 3), "up": (8, 4, 1), "top": (3, 4, 1)}
    kinds = {"low": Lower, "up": Upper, "top": Top}
    if method in UNROLLED:
        kinds["low"] = LowerIterative
        optimizer = optim.SGD
    names = ("low", "up", "top")[:levels]
    for name in names:
        module = Net(rs, widths[name], dtype, **((net or {}) if name == "low" else {}))
        own = base | options
        if name != "low":
            own |= upper or {}
            own["type"] = method if method not in UNROLLED else "darts"
        if name == names[-1]:
            own["unroll_steps"] = 1
        problems.append(
            kinds[name](
                name,
                Config(**own),
                module,
                optimizer(module.parameters(), lr=0.05),
                train_data_loader=batches(rs, sizes if name == "low" else (12,), dtype),
            )
        )
    l2u = {a: [b] for a, b in pairwise(problems)}
    u2l = {b: [a] for a, b in pairwise(problems)}
    strategy = {"strategy": "data_parallel", "replicas": replicas} if replicas > 0 else {}
    config = EngineConfig(train_iters=steps, **strategy, **(engine or {}))
    return Engine(problems, config, {"l2u": l2u, "u2l": u2l} if levels > 1 else None)


def values(engine):
    return np.concatenate(
        [
            p.detach().numpy().astype(np.float64).ravel()
            for problem in engine.problems
            for p in problem.module.parameters()
        ]
    )


def run(replicas, **options):
    betty.manual_seed(1)
    engine = build(replicas, **options)
    engine.run()
    return values(engine)


def assert_same(got, wanted, dtype=betty.float64):
    tolerance = 1e-12 if dtype == betty.float64 else 1e-6
    worst = np.max(np.abs(got - wanted) / np.maximum(1, np.abs(wanted)))
    assert worst < tolerance, worst
