"""Weigh pretraining data through a proximal finetune: a program of three levels.

Eight sources of data are at hand for a task with few samples of its own. Half of the sources are
labelled as the task is, half by rules of their own. Which are which is not known, but learned:

    3   weigh      minimise the finetuned model's loss on validation samples    over source weights
    2   finetune   minimise the loss on the task's few samples, staying near    over its parameters
                   the pretrained model (a proximal term)
    1   pretrain   minimise the weighted loss on all sources                    over its parameters

The gradient of level 3 flows through level 2 and level 1: one path of two vector products. The
table compares the learned weights with no pretraining (from the few samples, and from these and the
validation samples), with equal weights, and with the right sources alone, which nobody knows
outside of an example.

    python examples/three_level.py [--steps 1500] [--seeds 3]
"""

import argparse

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

SOURCES, SAMPLES, FEATURES, CLASSES = 8, 60, 20, 4
TASK, VALID, TEST = 12, 40, 1000
PROXIMAL = 0.5


class Pretrain(ImplicitProblem):
    """Level 1: every sample counts as much as its source."""

    def training_step(self, batch):
        x, y, source = batch
        losses = F.cross_entropy(self.module(x), y, reduction="none")
        return (self.weigh.weights()[source] * losses).mean()


class Finetune(ImplicitProblem):
    """Level 2: the task's samples, near the pretrained model."""

    def training_step(self, batch):
        x, y = batch
        pairs = zip(self.module.parameters(), self.pretrain.module.parameters(), strict=True)
        distance = sum(((own - start) ** 2).sum() for own, start in pairs)
        return F.cross_entropy(self.module(x), y) + PROXIMAL * distance


class Weigh(ImplicitProblem):
    """Level 3: validation samples through the finetuned model."""

    def weights(self):
        return 2 * betty.sigmoid(self.module.weight[0])

    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.finetune(x), y)


class Data:
    """One seed's samples: sources 0 to SOURCES / 2 - 1 are labelled as the task is."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        rule = random.normal(size=(FEATURES, CLASSES))

        def draw(count, rule):
            x = random.normal(size=(count, FEATURES)).astype(np.float32)
            noise = random.gumbel(size=(count, CLASSES))
            return betty.from_numpy(x), betty.from_numpy((2 * x @ rule + noise).argmax(1))

        strange = [random.normal(size=(FEATURES, CLASSES)) for _ in range(SOURCES // 2)]
        rules = [rule] * (SOURCES // 2) + strange
        parts = [draw(SAMPLES, each) for each in rules]
        self.x = betty.cat([x for x, _ in parts])
        self.y = betty.cat([y for _, y in parts])
        self.source = betty.from_numpy(np.repeat(np.arange(SOURCES), SAMPLES))
        self.task, self.valid, self.test = (draw(count, rule) for count in (TASK, VALID, TEST))


def sgd(module, lr):
    return betty.optim.SGD(module.parameters(), lr=lr, momentum=0.9)


def program(data, start, lr, steps, task):
    """The engine; `start` are the weights' logits, and `lr` their rate."""
    weights = nn.Linear(SOURCES, 1, bias=False)
    weights.weight.data.copy_(betty.tensor([start]))
    models = [nn.Linear(FEATURES, CLASSES) for _ in range(2)]
    adam = betty.optim.Adam(weights.parameters(), lr=lr)
    weigh = Weigh("weigh", Config(), weights, adam, train_data_loader=[data.valid])
    finetune = Finetune(
        "finetune", Config(type="cg", cg_iterations=5), models[0], sgd(models[0], 0.1),
        train_data_loader=[task],
    )  # fmt: skip
    pretrain = Pretrain(
        "pretrain", Config(type="cg", cg_iterations=5, unroll_steps=3), models[1],
        sgd(models[1], 0.1), train_data_loader=[(data.x, data.y, data.source)],
    )  # fmt: skip
    return Engine(
        [weigh, finetune, pretrain],
        EngineConfig(train_iters=steps),
        {"u2l": {weigh: [pretrain]}, "l2u": {pretrain: [finetune], finetune: [weigh]}},
    )


def accuracy(engine, data):
    x, y = data.test
    with betty.no_grad():
        return 100 * (engine.finetune(x).argmax(1) == y).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draw", help="write a picture of the program to this .svg")
    arguments = parser.parse_args()
    half = SOURCES // 2
    rows = {
        "no pretraining": ([-30.0] * SOURCES, 0.0),
        "the same, with validation": ([-30.0] * SOURCES, 0.0),
        "all sources, equal weights": ([0.0] * SOURCES, 0.0),
        "all sources, learned weights": ([0.0] * SOURCES, 0.1),
        "the right sources alone": ([0.0] * half + [-30.0] * half, 0.0),
    }
    results = {name: [] for name in rows}
    learned = []
    for seed in range(arguments.seeds):
        data = Data(seed)
        for name, (start, lr) in rows.items():
            betty.manual_seed(seed)
            task = data.task
            if name == "the same, with validation":
                task = tuple(map(betty.cat, zip(data.task, data.valid, strict=True)))
            engine = program(data, start, lr, arguments.steps, task)
            engine.run()
            results[name].append(accuracy(engine, data))
            if lr:
                learned.append(engine.weigh.weights().detach().numpy())
                last = engine
    print(last.describe())
    if arguments.draw:
        last.draw(arguments.draw)
    print(f"accuracy on the task, {arguments.seeds} seeds")
    for name, values in results.items():
        deviation = np.std(values, ddof=min(1, len(values) - 1))
        print(f"{name:30} {np.mean(values):5.1f} ± {deviation:.1f} %")
    right, others = np.mean(learned, axis=0).reshape(2, half).mean(1)
    print(f"learned weight of right sources {right:.2f}, of others {others:.2f}")


if __name__ == "__main__":
    main()
