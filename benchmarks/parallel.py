"""Measure replicas beside threads within operations: python benchmarks/parallel.py [--write]

Duty: time steps of two programs on one thread, on two threads that share each operation, and with
two replicas on two threads: a network whose operations are too small to split, and Meta-Weight-Net
over ResNet32 with batches of 100. Each figure comes from a process of its own, and the sides take
turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import bilevel
import clock
import report

SIDES = {"1 thread": (1, 1), "2 threads": (2, 1), "2 replicas": (2, 2)}
WIDTH, DEPTH, BATCH, STEPS = 64, 6, 64, 500


def small(replicas: int) -> float:
    """Seconds a step of the small network, replayed."""
    import betty
    import numpy as np
    from betty import nn, optim
    from betty.configs import Config, EngineConfig
    from betty.engine import Engine
    from betty.problems import ImplicitProblem

    class Step(ImplicitProblem):
        def training_step(self, batch):
            x, y = batch
            return nn.functional.cross_entropy(self.module(x), y)

    rs = np.random.RandomState(0)
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    net = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    x = betty.tensor(rs.randn(BATCH, WIDTH).astype("float32"))
    y = betty.tensor(rs.randint(0, 10, BATCH))
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    step = Step("step", Config(replay=True), net, optimizer, train_data_loader=[(x, y)])
    strategy = "data_parallel" if replicas > 1 else "default"
    config = EngineConfig(train_iters=STEPS, strategy=strategy, replicas=replicas)
    engine = Engine([step], config)
    engine.run()
    return clock.median(engine.run) / STEPS


def small_side(threads: int, replicas: int) -> float:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--small", str(threads), str(replicas)]
    environment = os.environ | {"BETTY_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def resnet_side(threads: int, replicas: int, folder: Path) -> float:
    """Seconds a step of the bilevel program."""
    name = "b3_mwn_resnet32"
    settings = {"REPLICAS": str(replicas)}
    row = bilevel.once([sys.executable, f"{name}.py"], folder, settings, threads, (6, 2))
    if row is None:
        raise RuntimeError(f"{name} failed")
    return row["seconds_per_step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=("small", "resnet"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    options = parser.parse_args()
    if options.small:
        clock.pin(options.small[0])
        print(json.dumps(small(options.small[1])))
        return
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bilevel.translate(folder)
        programs = {
            "small": (f"{DEPTH + 1} layers of {WIDTH}, batch {BATCH}", small_side),
            "resnet": ("Meta-Weight-Net, ResNet32, batch 100",
                       lambda threads, replicas: resnet_side(threads, replicas, folder)),
        }  # fmt: skip
        for key, (title, side) in programs.items():
            if options.only in (None, key):
                found = {label: [] for label in SIDES}
                for _ in range(options.runs):
                    for label, (threads, replicas) in SIDES.items():
                        found[label].append(side(threads, replicas))
                times = [statistics.median(found[label]) for label in SIDES]
                ratios = [f"{times[0] / time:.2f} ×" for time in times[1:]]
                rows.append([title, *map(report.readable, times), *ratios, "1.8 ×"])
                print(*rows[-1], sep=" | ", flush=True)
    head = ["a step of", *SIDES, "2 threads: faster", "2 replicas: faster", "goal"]
    text = report.table(head, rows)
    print(text)
    if options.write:
        note = (
            f"Medians of {options.runs} runs, against one thread; with 2 threads each operation "
            "is split, with 2 replicas the batch. Written by `parallel.py --write`."
        )
        report.write_section("Replicas", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
