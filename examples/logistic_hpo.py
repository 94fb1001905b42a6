"""Every hypergradient method on one problem whose answer is known: a penalty for each feature.

    upper   penalties    minimise the validation loss          over one log-penalty per feature
    lower   weights      minimise training loss + penalties    over the weights of a regression

The lower problem is smooth and strongly convex, so the gradient of the upper problem follows by
the implicit function theorem at the solution that Newton's method finds: that is the yardstick.
Half of the features are noise, and good penalties are those that switch them off. For each method
the table shows the cosine of its hypergradient with the exact one at the start, the validation loss
that it reaches, and how far above that of the exact hypergradient this is.

    python examples/logistic_hpo.py [--steps 300] [--features 20]
"""

import argparse
import time

import betty
import betty.nn.functional as F
import numpy as np
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, Darts, Exact, Forward, Iterative, Neumann, Sama
from betty.problems import ImplicitProblem, IterativeProblem

TRAIN, VALID = 100, 200
RATE, UPPER_RATE, START = 1.0, 2.0, -4.0
METHODS = {
    "darts": Darts(),
    "sama": Sama(adam_alpha=0.01),
    "exact": Exact(),
    "neumann, K = 20": Neumann(iterations=20, alpha=1.0),
    "cg, K = 5": CG(iterations=5),
    "cg, K = 20, warm": CG(iterations=20, tolerance=1e-8, warm_start=True),
    "iterative": Iterative(),
    "forward": Forward(),
}


class Vector(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.values = nn.Parameter(betty.tensor(values))


class Penalties(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return F.binary_cross_entropy_with_logits(x @ self.weights.module.values, y)


class Penalised:
    def training_step(self, batch):
        x, y = batch
        w = self.module.values
        loss = F.binary_cross_entropy_with_logits(x @ w, y)
        return loss + 0.5 * (betty.exp(self.penalties.module.values) * w * w).sum()


class Weights(Penalised, ImplicitProblem):
    """Its solution is differentiated."""


class Steps(Penalised, IterativeProblem):
    """Its steps are differentiated, however many it takes."""


def data(features: int, seed: int = 0):
    random = np.random.default_rng(seed)
    truth = random.standard_normal(features) * (np.arange(features) < features // 2)
    x = random.standard_normal((TRAIN + VALID, features))
    y = (x @ truth + random.standard_normal(len(x)) > 0).astype(np.float64)
    return (x[:TRAIN], y[:TRAIN]), (x[TRAIN:], y[TRAIN:])


# The yardstick, in NumPy.


def loss(w, batch):
    x, y = batch
    z = x @ w
    return float(np.mean(np.logaddexp(0, z) - y * z))


def gradient(w, batch):
    x, y = batch
    return x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y)


def solution(s, train):
    """The weights for log-penalties s, and the Hessian there, by Newton's method."""
    w = np.zeros(len(s))
    for _ in range(50):
        p = 1 / (1 + np.exp(-train[0] @ w))
        hessian = (train[0].T * (p * (1 - p))) @ train[0] / len(p) + np.diag(np.exp(s))
        step = np.linalg.solve(hessian, gradient(w, train) + np.exp(s) * w)
        w = w - step
        if np.abs(step).max() < 1e-13:
            break
    return w, hessian


def exact(s, train, valid):
    """The hypergradient -v H^-1 d2L/dw ds with d2L/dw ds = diag(exp(s) w)."""
    w, hessian = solution(s, train)
    return -np.linalg.solve(hessian, gradient(w, valid)) * np.exp(s) * w


def best(train, valid, features: int, steps: int) -> float:
    """The validation loss that descent along the exact hypergradient reaches."""
    s = np.full(features, START)
    for _ in range(steps):
        s = s - UPPER_RATE * exact(s, train, valid)
    return loss(solution(s, train)[0], valid)


# The program.


def run(method, train, valid, features: int, steps: int):
    """Cosine of the first hypergradient, validation loss at the end, seconds."""
    w0, _ = solution(np.full(features, START), train)
    outer, inner = Vector(np.full(features, START)), Vector(w0)
    penalties = Penalties(
        "penalties",
        Config(replay=True),
        outer,
        betty.optim.SGD(outer.parameters(), lr=UPPER_RATE),
        train_data_loader=[tuple(map(betty.tensor, valid))],
    )
    problem = Steps if isinstance(method, Iterative | Forward) else Weights
    weights = problem(
        "weights",
        Config(type=method, unroll_steps=10, replay=True),
        inner,
        betty.optim.SGD(inner.parameters(), lr=RATE),
        train_data_loader=[tuple(map(betty.tensor, train))],
    )
    engine = Engine(
        problems=[penalties, weights],
        config=EngineConfig(train_iters=10),
        dependencies={"u2l": {penalties: [weights]}, "l2u": {weights: [penalties]}},
    )
    engine.run()
    first = (START - outer.values.detach().numpy()) / UPPER_RATE
    wanted = exact(np.full(features, START), train, valid)
    cosine = first @ wanted / (np.linalg.norm(first) * np.linalg.norm(wanted))
    begin = time.perf_counter()
    for _ in range(10 * (steps - 1)):
        engine.train_step()
    seconds = time.perf_counter() - begin
    reached = loss(solution(outer.values.detach().numpy(), train)[0], valid)
    return cosine, reached, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--features", type=int, default=20)
    given = parser.parse_args()
    if given.steps < 1 or given.features < 2:
        parser.error("--steps must be at least 1 and --features at least 2")
    train, valid = data(given.features)
    start = loss(solution(np.full(given.features, START), train)[0], valid)
    optimum = best(train, valid, given.features, given.steps)
    print(f"validation loss at the start {start:.4f}, by the exact hypergradient {optimum:.4f}\n")
    print(f"{'method':18}{'cosine':>9}{'loss':>9}{'above':>10}{'ms a step':>11}")
    for name, method in METHODS.items():
        cosine, reached, seconds = run(method, train, valid, given.features, given.steps)
        row = f"{name:18}{cosine:9.4f}{reached:9.4f}{reached - optimum:10.1e}"
        print(f"{row}{1e3 * seconds / max(given.steps - 1, 1):11.3f}")


if __name__ == "__main__":
    main()
