"""The programs that tests of mixed precision run."""

import betty
import betty.nn.functional as F
import numpy as np
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

METHODS = {
    "darts": {},
    "sama": {},
    "exact": {},
    "reinforce": {},
    "cg": {"cg_iterations": 5, "cg_damping": 0.5},
    "neumann": {"neumann_iterations": 5, "neumann_alpha": 0.3},
    "iterative": {},
    "forward": {},
}
LOW = ("bf16", "fp16")


class Weights(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.logits = nn.Parameter(betty.linspace(-1, 1, count))

    def forward(self):
        return betty.sigmoid(self.logits)


class Upper(ImplicitProblem):
    """The loss of the classifier on clean samples."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.lower(images), labels)


def lower_step(self, batch):
    """The loss on samples of which each counts as much as its weight says."""
    images, labels = batch
    losses = F.cross_entropy(self.module(images), labels, reduction="none")
    weights = self.upper()
    return (weights * losses).sum() / weights.sum()


def data(count, seed):
    random = np.random.default_rng(seed)
    images = random.normal(size=(count, 20)).astype(np.float32)
    labels = (images[:, :4].argmax(1)).astype(np.int64)
    return betty.from_numpy(images), betty.from_numpy(labels)


def program(method="darts", precision="fp32", upper="fp32", kind=Upper, **given):
    """Sample weights above a classifier of two layers."""
    settings = {name: given.pop(name) for name in list(given) if name in ("roll_back", "iters")}
    betty.manual_seed(3)
    module = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 4))
    weights = Weights(30)
    unrolled = method in ("iterative", "forward")
    base = IterativeProblem if unrolled else ImplicitProblem
    below = type("Lower", (base,), {"training_step": lower_step})
    options = {"unroll_steps": 2, **METHODS[method], **given}
    optimizer = optim.SGD(module.parameters(), lr=0.5, momentum=0.9)
    lower = below(
        "lower",
        Config(type=method, precision=precision, **options),
        module,
        optimizer,
        train_data_loader=[data(30, 0)],
    )
    adam = optim.Adam(weights.parameters(), lr=0.05)
    above = kind("upper", Config(precision=upper), weights, adam, train_data_loader=[data(25, 1)])
    edges = {"u2l": {above: [lower]}, "l2u": {lower: [above]}}
    config = EngineConfig(
        train_iters=settings.get("iters", 6), roll_back=settings.get("roll_back", False)
    )
    return Engine([above, lower], config, edges)


class Watched(Upper):
    """Keeps what its optimizer is given."""

    def grad_callback(self):
        self.seen = self.module.logits.grad.detach().numpy().copy()


def hypergradient(method, precision, kind=Watched):
    """What the first step of the upper problem takes."""
    engine = program(method, precision, kind=kind, iters=2)
    engine.run()
    return engine.upper.seen


def cosine(a, b):
    return float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))


class Single(ImplicitProblem):
    def training_step(self, batch):
        return self.factor * (self.module(batch) ** 2).mean()

    factor = 1.0


class WatchedSingle(Single):
    def grad_callback(self):
        self.seen = self.module.weight.grad.numpy().copy()


def single(precision, factor=1.0, dtype=betty.float32, kind=Single, **options):
    betty.manual_seed(0)
    module = nn.Linear(8, 8).to(dtype)
    kind = type("Kind", (kind,), {"factor": factor})
    sgd = optim.SGD(module.parameters(), lr=1e-3)
    config = Config(precision=precision, **options)
    only = kind("only", config, module, sgd, train_data_loader=[betty.ones(4, 8, dtype=dtype)])
    return Engine([only], EngineConfig(train_iters=1), {}), only
