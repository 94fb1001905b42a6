"""A hypergradient method of one's own: twenty lines that become a part of every step's program.

A method approximates -v H^-1 d2L/dtheta dlambda. This one solves H x = v by gradient descent with
momentum (Polyak, 1964), which needs products with the Hessian only, as ``lower.hvp`` gives them. It
is registered under a name, used as any other, and compared with the exact answer, which a quadratic
problem has.

    python examples/own_method.py
"""

import betty
import numpy as np
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import register
from betty.problems import ImplicitProblem

SIZE, STEPS, RATE, MOMENTUM = 6, 40, 0.3, 0.5


def heavy_ball(vector, lower, upper):
    """x <- x + rate (v - H x) + momentum (x - last x), from x = 0; then the mixed product."""
    x = last = [0 * v for v in vector]
    for _ in range(STEPS):
        products = lower.hvp(x)
        parts = zip(x, last, vector, products, strict=True)
        new = [a + RATE * (v - h) + MOMENTUM * (a - b) for a, b, v, h in parts]
        x, last = new, x
    return lower.mixed(x)


class Values(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.values = nn.Parameter(betty.zeros(size, dtype=betty.float64))


class Upper(ImplicitProblem):
    """Wants the lower solution to be ones."""

    def training_step(self, batch):
        return 0.5 * ((self.lower.module.values - 1) ** 2).sum()


class Lower(ImplicitProblem):
    """1/2 x A x - x B lambda, whose solution is A^-1 B lambda."""

    def training_step(self, batch):
        a, b = batch
        x = self.module.values
        return 0.5 * (x @ (a @ x)) - x @ (b @ self.upper.module.values)


def hypergradient(method: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What one upper step of rate 1 takes off lambda."""
    outer, inner = Values(b.shape[1]), Values(len(a))
    batch = (betty.tensor(a), betty.tensor(b))
    upper = Upper(
        "upper",
        Config(),
        outer,
        betty.optim.SGD(outer.parameters(), lr=1.0),
        train_data_loader=[batch],
    )
    lower = Lower(
        "lower",
        Config(type=method),
        inner,
        betty.optim.SGD(inner.parameters(), lr=0.0),
        train_data_loader=[batch],
    )
    Engine(
        problems=[upper, lower],
        config=EngineConfig(train_iters=1),
        dependencies={"u2l": {upper: [lower]}, "l2u": {lower: [upper]}},
    ).run()
    return -outer.values.detach().numpy()


def main() -> None:
    random = np.random.default_rng(0)
    root = random.standard_normal((SIZE, SIZE)) * 0.4
    a, b = root @ root.T + np.eye(SIZE), random.standard_normal((SIZE, 3))
    exact = np.linalg.solve(a, -np.ones(SIZE)) @ b

    register("heavy_ball", heavy_ball)
    print(f"{'method':12}{'error':>10}")
    for method in ("exact", "neumann", "cg", "heavy_ball"):
        error = np.linalg.norm(hypergradient(method, a, b) - exact) / np.linalg.norm(exact)
        print(f"{method:12}{error:10.1e}")


if __name__ == "__main__":
    main()
