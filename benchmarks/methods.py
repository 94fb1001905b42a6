"""What a hypergradient costs, method by method, in gradients of the lower problem.

The lower problem is a 784-200-10 network on a batch of 100 whose samples are weighed by the upper
problem. The upper loss is linear in the network's parameters, so that its own gradient costs
nothing and what is measured is the product with the inverse Hessian and the mixed derivative. Both
are asked for without an optimizer's update, on one thread; least processor times of runs side by
side.

    python benchmarks/methods.py [--repeats 60] [--write]
"""

import argparse
import time
import warnings

import betty
import betty.nn.functional as F
import numpy as np
import report
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, Darts, Exact, Neumann, Sama
from betty.problems import ImplicitProblem

GOALS = {
    "darts": (Darts(), 2.2),
    "sama": (Sama(), None),
    "exact": (Exact(), 3.0),
    **{f"cg, K = {k}": (CG(iterations=k), 1.5 + 1.5 * k) for k in (1, 5, 20)},
    **{f"neumann, K = {k}": (Neumann(iterations=k, alpha=0.01), 1.5 + 1.5 * k) for k in (1, 5, 20)},
}


class Weights(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.values = nn.Parameter(betty.zeros(count))


class Upper(ImplicitProblem):
    def training_step(self, batch):
        parameters = self.low.module.parameters()
        return sum((p * s).sum() for p, s in zip(parameters, batch, strict=True))


class Lower(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        losses = F.cross_entropy(self.module(x), y, reduction="none")
        return (betty.sigmoid(self.up.module.values) * losses).mean()


def build(method) -> Engine:
    """An engine that has taken its first steps, so that its programs are there."""
    random = np.random.default_rng(0)
    betty.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
    x = betty.tensor(random.standard_normal((100, 784)).astype(np.float32))
    y = betty.tensor(random.integers(0, 10, 100))
    slopes = [
        betty.tensor(random.standard_normal(tuple(p.shape)).astype(np.float32) * 0.01)
        for p in net.parameters()
    ]
    weights = Weights(100)
    low = Lower(
        "low", Config(type=method), net, betty.optim.SGD(net.parameters(), lr=0.01),
        train_data_loader=[(x, y)],
    )  # fmt: skip
    up = Upper(
        "up", Config(), weights, betty.optim.SGD(weights.parameters(), lr=0.01),
        train_data_loader=[tuple(slopes)],
    )  # fmt: skip
    engine = Engine(
        [up, low], EngineConfig(train_iters=2), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    return engine


def measure(method, repeats: int) -> float:
    """The cost of a hypergradient in gradients of the lower problem."""
    engine = build(method)
    count = len(list(engine.low.module.parameters()))
    best = {"upper": float("inf"), "lower": float("inf")}
    for _ in range(repeats):
        for name, handle, number in (
            ("lower", engine.low._handle, count),
            ("upper", engine.up._handle, 1),
        ):
            start = time.thread_time()
            handle.gradients(number)
            best[name] = min(best[name], time.thread_time() - start)
    return best["upper"] / best["lower"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    given = parser.parse_args()
    betty.set_num_threads(1)
    warnings.simplefilter("ignore", RuntimeWarning)  # the network's Hessian is indefinite
    rows = [
        [name, f"{measure(method, given.repeats):.2f}", str(goal or "")]
        for name, (method, goal) in GOALS.items()
    ]
    text = report.table(["method", "lower gradients", "goal"], rows)
    print(text)
    if given.write:
        note = (
            "What a hypergradient costs in gradients of the lower problem, a 784-200-10 network on "
            "a batch of 100, one thread. Written by `methods.py --write`."
        )
        report.write_section("Hypergradients", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
