"""The exponent of a hypergradient's cost over three levels, in the number of parameters.

Three quadratic problems with dense d x d Hessians and mixed derivatives. Along a path Betty takes
vector-Jacobian products only, of cost d^2; beside it the best-response Jacobians are multiplied
out as matrices, of cost d^3. Before each run the caches are emptied, or small matrices would come
from them and large ones not. The exponent is the slope of log time over log d from d = 1024 up;
below that a fixed cost shows.

    python benchmarks/complexity.py [--largest 4096] [--write]
"""

import argparse
import math
import time
from collections.abc import Callable

import betty
import numpy as np
import report
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Values(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.values = nn.Parameter(betty.ones(size))


class Quadratic(ImplicitProblem):
    """cfg holds the Hessian, the mixed derivative, and the name of the problem it is by."""

    def training_step(self, batch):
        hessian, mixed, name = self.cfg
        x = self.module.values
        return 0.5 * (x @ (hessian @ x)) - x @ (mixed @ getattr(self, name).module.values)


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return (self.mid.module.values * batch).sum() + 0.0 * self.module.values.sum()


def matrices(size: int) -> list:
    random = np.random.default_rng(size)
    scale = 1 / math.sqrt(size)
    return [
        betty.tensor((random.standard_normal((size, size)) * scale).astype(np.float32))
        for _ in range(3)
    ]


def build(size: int, first, second, hessian) -> Engine:
    def make(kind, name, cfg=None):
        module = Values(size)
        return kind(
            name, Config(type="exact"), module, betty.optim.SGD(module.parameters(), lr=0.0),
            train_data_loader=[betty.ones(size)], extra_config=cfg,
        )  # fmt: skip

    up = make(Upper, "up")
    mid = make(Quadratic, "mid", (hessian, second, "low"))
    low = make(Quadratic, "low", (hessian, first, "up"))
    engine = Engine(
        [up, mid, low],
        EngineConfig(train_iters=1),
        {"u2l": {up: [low]}, "l2u": {low: [mid], mid: [up]}},
    )
    engine.run()
    return engine


# From this size on exponents are fitted.
FIRST = 1024
BALLAST = np.ones(12_000_000)


def best(work: Callable[[], object], least: float = 0.4) -> float:
    """The least seconds of this thread that a call takes with empty caches."""
    end, found = time.perf_counter() + least, math.inf
    while time.perf_counter() < end:
        BALLAST.sum()
        start = time.thread_time()
        work()
        found = min(found, time.thread_time() - start)
    return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    points = [(math.log(d), math.log(s)) for d, s in zip(sizes, seconds, strict=True)]
    points = [point for point in points if point[0] >= math.log(FIRST) - 1e-9]
    return float(np.polyfit(*zip(*points, strict=True), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--largest", type=int, default=4096)
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    given = parser.parse_args()
    betty.set_num_threads(1)
    sizes = [64 * 2**k for k in range(20) if 64 * 2**k <= given.largest]
    columns: list[list[float]] = [[], []]
    rows = []
    for size in sizes:
        first, second, hessian = matrices(size)
        engine = build(size, first, second, hessian)
        vector = betty.ones(size)
        columns[0].append(best(lambda: engine.up._handle.gradients(1)))  # noqa: B023
        columns[1].append(best(lambda: (vector @ (second @ first)).numpy()))  # noqa: B023
        rows.append([str(size), *(f"{column[-1] * 1e3:.3f}" for column in columns)])
    text = report.table(["d", "path products, ms", "materialised Jacobians, ms"], rows)
    if sizes[-1] > FIRST:
        products, dense = (exponent(sizes, column) for column in columns)
        text += f"\n\nExponents from d = {FIRST}: {products:.2f} and {dense:.2f}."
    print(text)
    if given.write:
        note = (
            "One hypergradient over three levels with dense d × d Hessians, path products beside "
            "materialised Jacobians, one thread, empty caches. Written by `complexity.py --write`."
        )
        report.write_section("Complexity", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
