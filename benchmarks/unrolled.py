"""What differentiating an inner loop costs: time in units of a lower gradient with a step of SGD
and of one with a step of the loop's own optimizer, memory in units of what an optimizer step moves.

An MLP 784-200-10 on batches of 100, weighed by an upper problem. usage: unrolled.py [--write]
"""

import argparse
import gc
import time

import betty
import betty.nn.functional as F
import numpy as np
import report
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem
from clock import pin

REPEATS = 7
RNG = np.random.default_rng(0)
X = betty.from_numpy(RNG.standard_normal((100, 784), dtype=np.float32))
Y = betty.from_numpy(RNG.integers(0, 10, 100))


def network():
    return nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))


class Lower(IterativeProblem):
    def training_step(self, batch):
        losses = F.cross_entropy(self.module(batch[0]), batch[1], reduction="none")
        return (losses * self.upper.module.weight[0].sigmoid()).mean()


class Upper(ImplicitProblem):
    def training_step(self, batch):
        self.memory = betty.memory_stats()["current"]
        return F.cross_entropy(self.lower(batch[0]), batch[1])


def program(steps, kind, **options):
    net, weights = network(), nn.Linear(100, 1, bias=False)
    lower = Lower(
        "lower", Config(unroll_steps=steps, **options), net, kind(net.parameters(), lr=1e-3),
        train_data_loader=[(X, Y)],
    )  # fmt: skip
    upper = Upper(
        "upper", Config(), weights, optim.SGD(weights.parameters(), lr=0.1),
        train_data_loader=[(X, Y)],
    )  # fmt: skip
    edges = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    return Engine([upper, lower], EngineConfig(train_iters=steps), edges), upper


def least(work):
    """Seconds of processor time: the least of several runs. There is one thread, this one."""
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def gradient(kind):
    """Seconds of one lower gradient with its update."""
    net = network()
    optimizer = kind(net.parameters(), lr=1e-3)

    def steps():
        for _ in range(20):
            optimizer.zero_grad()
            F.cross_entropy(net(X), Y).backward()
            optimizer.step()

    steps()
    return least(steps) / 20


def loop(steps, kind, **options):
    """Seconds of an inner loop with its upper step, and bytes in use at the end of the loop."""
    gc.collect()
    base = betty.memory_stats()["current"]
    engine, upper = program(steps, kind, **options)
    engine.run()
    engine.run()
    seconds = least(engine.run)
    return seconds, upper.memory - base


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    options = parser.parse_args()
    pin(1)
    betty.set_num_threads(1)
    size = 4 * sum(p.numel() for p in network().parameters())
    rows = []
    for kind, moved in ((optim.SGD, 1), (optim.Adam, 3)):
        for checkpoint in (False, True):
            ones = [gradient(optim.SGD), gradient(kind)]
            (_, few), (seconds, many) = (
                loop(steps, kind, iterative_checkpoint=checkpoint) for steps in (16, 64)
            )
            name = f"{kind.__name__}, 64 steps" + (", checkpoints" if checkpoint else "")
            growth = (many - few) / 48 / (moved * size)
            costs = [f"{seconds / 64 / one:.2f}" for one in ones]
            rows.append([name, *costs, f"{growth:.3f}"])
    head = ["inner loop", "gradients a step (goal 3.5)", "plain steps a step",
            "memory a step (goal 1.1)"]  # fmt: skip
    text = report.table(head, rows)
    print(text)
    if options.write:
        note = (
            "In units of a lower gradient with a step of SGD, of one with a step of the same "
            "optimizer, and of parameters and state."
        )
        report.write_section(
            "Unrolled inner loops", f"{note} Written by `unrolled.py --write`.\n\n{text}"
        )


if __name__ == "__main__":
    main()
