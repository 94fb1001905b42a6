"""Implicit MAML: learn initial weights from which a few examples of new classes suffice.

Every task has `--ways` classes of glyphs that no other task has seen, `--shots` examples of each to
learn from and as many to be judged by (Rajeswaran et al., NeurIPS 2019). Two levels:

    upper   initial weights   minimise the loss on a task's other examples   over φ
    lower   task weights      minimise the loss on its examples + |θ - φ|²     over θ

The gradient of the first through the second comes from conjugate gradients on the lower Hessian, so
the number of lower steps costs no memory. Glyphs are random strokes, drawn by a shaky hand, with
noise. The table has the mean accuracy on new tasks and its standard error.

    python examples/implicit_maml.py [--tasks 1200] [--ways 5] [--shots 1] [--width 16]
"""

import argparse
import time

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.envs import Env
from betty.problems import ImplicitProblem

SIZE, STEPS, RATE = 28, 5, 0.1  # pixels; lower steps a task; their learning rate
PROXIMAL = 2.0  # strength of the term that holds task weights near the initial ones
SHIFT, SHAKE, NOISE = 1.5, 1.5, 0.3  # of a glyph and of each end, in pixels; of the image


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs, momentum=1.0, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def conv_net(width: int, ways: int) -> nn.Sequential:
    """Four blocks: 28 pixels become 1."""
    blocks = [block(1 if place == 0 else width, width) for place in range(4)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(width, ways))


# Data


def glyphs(random: np.random.Generator, count: int) -> np.ndarray:
    """Three strokes each: ends [count, 3, 2, 2] in pixels."""
    return random.uniform(5, SIZE - 5, (count, 3, 2, 2))


def draw(ends: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One image of every glyph: its strokes shifted, each end moved a little, and noise."""
    count = len(ends)
    ends = ends + random.normal(0, SHIFT, (count, 1, 1, 2)) + random.normal(0, SHAKE, ends.shape)
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij"), -1)
    images = np.zeros((count, SIZE, SIZE))
    for stroke in range(ends.shape[1]):
        start, stop = ends[:, stroke, 0], ends[:, stroke, 1]
        along = (stop - start)[:, None, None]
        offset = grid[None] - start[:, None, None]
        share = (offset * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-6)
        nearest = offset - np.clip(share, 0, 1)[..., None] * along
        images = np.maximum(images, np.exp(-(nearest**2).sum(-1) / 2))
    return images + random.normal(0, NOISE, images.shape)


def episode(random: np.random.Generator, ways: int, shots: int):
    """Support and query of one task: images [ways shots, 1, 28, 28] and labels."""
    ends = glyphs(random, ways)

    def examples():
        images = [draw(ends, random) for _ in range(shots)]
        stacked = np.concatenate(images)[:, None].astype(np.float32)
        labels = np.tile(np.arange(ways), shots)
        return betty.from_numpy(stacked), betty.from_numpy(labels)

    return examples(), examples()


# Problems


class Tasks(Env):
    """A new task before every inner loop."""

    def __init__(self, arguments, seed: int):
        super().__init__()
        self.random, self.arguments = np.random.default_rng(seed), arguments

    def step(self):
        self.support, self.query = episode(self.random, self.arguments.ways, self.arguments.shots)


class Outer(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.inner(images), labels)

    def get_batch(self):
        return self.env.query


class Inner(ImplicitProblem):
    def on_inner_loop_start(self):
        self.module.load_state_dict(self.outer.module.state_dict())

    def get_batch(self):
        return self.env.support

    def training_step(self, batch):
        images, labels = batch
        pairs = zip(self.parameters(), self.outer.parameters(), strict=True)
        distance = sum((own - initial).pow(2).sum() for own, initial in pairs)
        return F.cross_entropy(self.module(images), labels) + PROXIMAL / 2 * distance


class Maml(Engine):
    def train_step(self):
        if self.global_step % STEPS == 1:
            self.env.step()
        super().train_step()


# Training and judging


def learn(arguments) -> nn.Module:
    """Initial weights after `tasks` upper steps."""
    betty.manual_seed(0)
    outer_net, inner_net = (conv_net(arguments.width, arguments.ways) for _ in range(2))
    adam = betty.optim.Adam(outer_net.parameters(), lr=2e-3)
    sgd = betty.optim.SGD(inner_net.parameters(), lr=RATE)
    outer = Outer("outer", Config(), outer_net, adam)
    config = Config(type="cg", cg_iterations=3, unroll_steps=STEPS)
    inner = Inner("inner", config, inner_net, sgd)
    engine = Maml(
        problems=[outer, inner],
        env=Tasks(arguments, seed=1),
        config=EngineConfig(train_iters=STEPS * arguments.tasks),
        dependencies={"u2l": {outer: [inner]}, "l2u": {inner: [outer]}},
    )
    engine.run()
    return outer_net


def judge(start: nn.Module, arguments, count: int = 100) -> tuple[float, float]:
    """Mean accuracy on new tasks after the lower steps from these weights, and its error."""
    random = np.random.default_rng(2)
    accuracies = []
    for _ in range(count):
        support, query = episode(random, arguments.ways, arguments.shots)
        net = conv_net(arguments.width, arguments.ways)
        net.load_state_dict(start.state_dict())
        sgd = betty.optim.SGD(net.parameters(), lr=RATE)
        for _ in range(2 * STEPS):
            sgd.zero_grad()
            F.cross_entropy(net(support[0]), support[1]).backward()
            sgd.step()
        with betty.no_grad():
            right = net(query[0]).argmax(1) == query[1]
        accuracies.append(right.float().mean().item())
    return float(np.mean(accuracies)), float(np.std(accuracies) / count**0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=1200)
    parser.add_argument("--ways", type=int, default=5)
    parser.add_argument("--shots", type=int, default=1)
    parser.add_argument("--width", type=int, default=16, help="channels of each block")
    arguments = parser.parse_args()
    if min(arguments.tasks, arguments.ways, arguments.shots, arguments.width) < 1:
        parser.error("all sizes must be positive")
    betty.manual_seed(0)
    rows = [("random weights", *judge(conv_net(arguments.width, arguments.ways), arguments), 0.0)]
    start = time.perf_counter()
    learned = learn(arguments)
    seconds = (time.perf_counter() - start) / arguments.tasks
    rows.append((f"implicit MAML, {arguments.tasks} tasks", *judge(learned, arguments), seconds))
    print(f"{arguments.ways} ways, {arguments.shots} shots, {2 * STEPS} steps on a new task")
    print(f"{'initial weights':28} {'accuracy':>16} {'ms a task':>10}")
    for name, mean, error, spent in rows:
        print(f"{name:28} {100 * mean:8.1f} ± {100 * error:3.1f} % {1000 * spent:10.0f}")


if __name__ == "__main__":
    main()
