"""Learn where to stay near: implicit model-agnostic meta-learning of sine waves.

A task is one wave A sin(x - phase), seen at ten points. The program has two levels:

    upper   center   minimise the loss on other points of the wave      over the center
    lower   task     minimise the loss on the ten points + distance     over the parameters

The lower loss holds the network near the center by a proximal term, so that its solution depends
on the center, not on the way it was found: conjugate gradients solve for the upper gradient, and
memory does not depend on the number of steps (Rajeswaran, Finn, Kakade, Levine, NeurIPS 2019). The
table compares numbers of conjugate-gradient iterations.

    python examples/imaml_sinusoid.py [--updates 600] [--tasks 4] [--steps 16]
"""

import argparse

import betty
import betty.nn.functional as F
import maml_sinusoid as maml
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

STRENGTH = 10.0  # of the proximal term
ITERATIONS = (0, 1, 3, 6)


class Task(ImplicitProblem):
    """Fits one wave near the center."""

    def on_inner_loop_start(self):
        self.seen, self.center.unseen = self.cfg.draw()
        self.module.load_state_dict(self.center.module.state_dict())

    def get_batch(self):
        return self.seen

    def training_step(self, batch):
        pairs = zip(self.module.parameters(), self.center.module.parameters(), strict=True)
        distance = sum((p - q).square().sum() for p, q in pairs)
        return F.mse_loss(self.module(batch[0]), batch[1]) + STRENGTH / 2 * distance


class Center(ImplicitProblem):
    """Judges the fit on the wave's other points."""

    def get_batch(self):
        return self.unseen

    def training_step(self, batch):
        return F.mse_loss(self.task(batch[0]), batch[1])


def learned_center(updates, tasks, steps, iterations):
    """With 0 iterations the inverse Hessian is left out: H = I."""
    betty.manual_seed(0)
    net, inner = maml.network(), maml.network()
    center = Center(
        "center",
        Config(gradient_accumulation=tasks),
        net,
        betty.optim.Adam(net.parameters(), lr=maml.META_RATE),
    )
    method = {"type": "cg", "cg_iterations": iterations}
    task = Task(
        "task",
        Config(unroll_steps=steps, **(method if iterations else {"type": "exact"})),
        inner,
        betty.optim.SGD(inner.parameters(), lr=maml.RATE),
        extra_config=maml.Waves(1),
    )
    edges = {"u2l": {center: [task]}, "l2u": {task: [center]}}
    Engine([center, task], EngineConfig(train_iters=updates * tasks * steps), edges).run()
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=600, help="steps of the upper level")
    parser.add_argument("--tasks", type=int, default=4, help="waves in one of them")
    parser.add_argument("--steps", type=int, default=16, help="steps of the lower level a wave")
    options = parser.parse_args()
    if min(vars(options).values()) < 1:
        parser.error("updates, tasks and steps must be at least 1")
    shown = maml.STEPS_SHOWN
    print(f"{'error on new waves after':28}" + "".join(f"{n:>7} steps" for n in shown))
    for iterations in ITERATIONS:
        net = learned_center(options.updates, options.tasks, options.steps, iterations)
        name = f"cg, {iterations} iterations" if iterations else "no inverse Hessian"
        print(f"{name:28}" + "".join(f"{maml.error_after(net, n):13.3f}" for n in shown))


if __name__ == "__main__":
    main()
