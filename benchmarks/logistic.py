"""A bilevel program: per-feature L2 of a logistic regression, tuned by its validation loss.

The lower level takes 100 gradient steps from zero on 500 points of 20 features, the upper level
then one step with momentum along the finite-difference hypergradient. Timed is a lower step with
its share of the upper one: with betty a program of two problems, with torch the same arithmetic as
a loop by hand.

    python logistic.py betty|torch THREADS
"""

import numpy as np
from clock import arguments, median, report

UNROLL, FEATURES, ROUNDS = 100, 20, 5


def data() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """1000 points in two halves: train and valid."""
    random = np.random.RandomState(1)
    w, x = random.randn(FEATURES), random.randn(1000, FEATURES)
    y = (x @ w + 0.1 * random.randn(1000) > 0).astype(np.float32)
    x = x.astype(np.float32)
    return (x[:500], y[:500]), (x[500:], y[500:])


def with_betty(threads: int, replay: bool) -> float:
    """Seconds a lower step."""
    import betty
    import betty.nn.functional as F
    from betty import nn
    from betty.configs import Config, EngineConfig
    from betty.engine import Engine
    from betty.problems import ImplicitProblem

    betty.set_num_threads(threads)

    class Vector(nn.Module):
        def __init__(self, start: float) -> None:
            super().__init__()
            self.w = nn.Parameter(betty.full((FEATURES,), start))

    class Outer(ImplicitProblem):
        def training_step(self, batch):
            inputs, targets = batch
            return F.binary_cross_entropy_with_logits(inputs @ self.inner.module.w, targets)

        def param_callback(self):
            self.module.w.data.clamp_(min=1e-8)

    class Inner(ImplicitProblem):
        def training_step(self, batch):
            inputs, targets = batch
            w = self.module.w
            row, column = w.unsqueeze(0), w.unsqueeze(1)
            penalty = 0.5 * (row @ betty.diag(self.outer.module.w) @ column).sum()
            return F.binary_cross_entropy_with_logits(inputs @ w, targets) + penalty

        def on_inner_loop_start(self):
            self.module.w.data.zero_()

    train, valid = ([pair] for pair in data())
    above, below = Vector(1.0), Vector(0.0)
    momentum = betty.optim.SGD(above.parameters(), lr=1.0, momentum=0.9)
    outer = Outer("outer", Config(replay=replay), above, momentum, train_data_loader=valid)
    options = Config(type="darts", unroll_steps=UNROLL, replay=replay)
    sgd = betty.optim.SGD(below.parameters(), lr=0.1)
    inner = Inner("inner", options, below, sgd, train_data_loader=train)
    engine = Engine(
        [outer, inner],
        EngineConfig(train_iters=UNROLL * ROUNDS),
        {"u2l": {outer: [inner]}, "l2u": {inner: [outer]}},
    )
    engine.run()
    return median(engine.run) / (UNROLL * ROUNDS)


def with_torch(threads: int) -> float:
    """Seconds a lower step."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    train, valid = (tuple(map(torch.from_numpy, pair)) for pair in data())
    scale = torch.ones(FEATURES, requires_grad=True)
    w = torch.zeros(FEATURES, requires_grad=True)
    momentum = torch.optim.SGD([scale], lr=1.0, momentum=0.9)
    sgd = torch.optim.SGD([w], lr=0.1)

    def lower_loss() -> torch.Tensor:
        penalty = 0.5 * (w.unsqueeze(0) @ torch.diag(scale) @ w.unsqueeze(1)).sum()
        return F.binary_cross_entropy_with_logits(train[0] @ w, train[1]) + penalty

    def slope_at(moved: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            w.add_(moved)
        slope = torch.autograd.grad(lower_loss(), scale)[0]
        with torch.no_grad():
            w.sub_(moved)
        return slope

    def round_of_steps() -> None:
        w.data.zero_()
        for _ in range(UNROLL):
            w.grad = torch.autograd.grad(lower_loss(), w)[0]
            sgd.step()
        upper = F.binary_cross_entropy_with_logits(valid[0] @ w, valid[1])
        v = torch.autograd.grad(upper, w)[0]
        eps = 0.01 / v.norm()
        scale.grad = (slope_at(eps * v) - slope_at(-eps * v)) / (-2 * eps)
        momentum.step()
        scale.data.clamp_(min=1e-8)

    return median(round_of_steps) / UNROLL


def main() -> None:
    library, threads = arguments()
    name = "logistic program, a lower step"
    if library == "torch":
        seconds = with_torch(threads)
        report({name: seconds, f"{name}, replay": seconds})
    else:
        report({name: with_betty(threads, False), f"{name}, replay": with_betty(threads, True)})


if __name__ == "__main__":
    main()
