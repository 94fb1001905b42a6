"""Learn where to start: model-agnostic meta-learning of sine waves, through unrolled steps.

A task is one wave A sin(x - phase), seen at ten points. The program has two levels:

    upper   start   minimise the loss on other points of the wave   over the first parameters
    lower   task    minimise the loss on the ten points, by SGD     over the network's parameters

The lower level is an IterativeProblem: its inner loop begins at a differentiable copy of the upper
problem's parameters, and the upper gradient goes back through every one of its optimizer steps
(second order: Finn, Abbeel, Levine, ICML 2017). The table shows how well new waves are fitted
after some steps from the learned start, and from one that was trained on all waves at once.

    python examples/maml_sinusoid.py [--updates 1500] [--tasks 4] [--steps 5]
"""

import argparse

import betty
import betty.nn.functional as F
import numpy as np
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

SHOTS, RATE, META_RATE, WIDTH = 10, 0.01, 1e-3, 40
STEPS_SHOWN = (0, 1, 5, 10)


class Waves:
    """Endless tasks: each draw is a new wave's points to learn from and to be judged on."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def draw(self):
        amplitude, phase = self.rng.uniform(0.1, 5), self.rng.uniform(0, np.pi)
        x = self.rng.uniform(-5, 5, (2 * SHOTS, 1))
        y = amplitude * np.sin(x - phase)
        x, y = (betty.from_numpy(part.astype(np.float32)) for part in (x, y))
        return (x[:SHOTS], y[:SHOTS]), (x[SHOTS:], y[SHOTS:])


def network():
    return nn.Sequential(
        nn.Linear(1, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1)
    )


class Task(IterativeProblem):
    """Fits one wave."""

    def on_inner_loop_start(self):
        self.seen, self.start.unseen = self.cfg.draw()

    def get_batch(self):
        return self.seen

    def training_step(self, batch):
        return F.mse_loss(self.module(batch[0]), batch[1])


class Start(ImplicitProblem):
    """Judges the fit on the wave's other points."""

    def get_batch(self):
        return self.unseen

    def training_step(self, batch):
        return F.mse_loss(self.task(batch[0]), batch[1])


def learned_start(updates, tasks, steps):
    net, inner = network(), network()
    start = Start(
        "start",
        Config(gradient_accumulation=tasks),
        net,
        betty.optim.Adam(net.parameters(), lr=META_RATE),
    )
    task = Task(
        "task",
        Config(unroll_steps=steps),
        inner,
        betty.optim.SGD(inner.parameters(), lr=RATE),
        extra_config=Waves(1),
    )
    task.initialize_from(start)
    edges = {"u2l": {start: [task]}, "l2u": {task: [start]}}
    Engine([start, task], EngineConfig(train_iters=updates * tasks * steps), edges).run()
    return net


def joint_start(updates, tasks):
    """The same network trained on the points of all waves, without any thought of adapting."""
    net, waves = network(), Waves(1)
    optimizer = betty.optim.Adam(net.parameters(), lr=META_RATE)
    for _ in range(updates):
        optimizer.zero_grad()
        for _ in range(tasks):
            seen, unseen = waves.draw()
            for x, y in (seen, unseen):
                (F.mse_loss(net(x), y) / (2 * tasks)).backward()
        optimizer.step()
    return net


def error_after(net, steps, count=100):
    """Mean squared error on the unseen points of new waves after some steps of SGD."""
    waves, total = Waves(2), 0.0
    copy = network()
    for _ in range(count):
        copy.load_state_dict(net.state_dict())
        optimizer = betty.optim.SGD(copy.parameters(), lr=RATE)
        seen, unseen = waves.draw()
        for _ in range(steps):
            optimizer.zero_grad()
            F.mse_loss(copy(seen[0]), seen[1]).backward()
            optimizer.step()
        with betty.no_grad():
            total += F.mse_loss(copy(unseen[0]), unseen[1]).item()
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=1500, help="steps of the upper level")
    parser.add_argument("--tasks", type=int, default=4, help="waves in one of them")
    parser.add_argument("--steps", type=int, default=5, help="steps of the lower level a wave")
    options = parser.parse_args()
    if min(vars(options).values()) < 1:
        parser.error("updates, tasks and steps must be at least 1")
    betty.manual_seed(0)
    starts = {
        "untrained": network(),
        "trained on all waves": joint_start(options.updates, options.tasks),
        "learned through the steps": learned_start(options.updates, options.tasks, options.steps),
    }
    print(f"{'error on new waves after':28}" + "".join(f"{n:>7} steps" for n in STEPS_SHOWN))
    for name, net in starts.items():
        print(f"{name:28}" + "".join(f"{error_after(net, n):13.3f}" for n in STEPS_SHOWN))


if __name__ == "__main__":
    main()
