"""Implicit MAML: a convolutional net of four blocks, five ways and five shots, five proximal
steps, three of conjugate gradients.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from betty.configs import Config, EngineConfig
from betty.envs import Env
from betty.problems import ImplicitProblem
from common import PRECISION, Clock, Timed, lower_loss, seeded, tensors
from data import images

UNROLL, TASKS = 5, 8
clock = Clock("b5_imaml", group=UNROLL, steps=100, warmup=10)
train, test = (
    tensors(images(11, TASKS, 25, (1, 28, 28), 5)),
    tensors(images(12, TASKS, 25, (1, 28, 28), 5)),
)


def block(inp):
    return nn.Sequential(
        nn.Conv2d(inp, 64, kernel_size=3, stride=1, padding=1, bias=True),
        nn.BatchNorm2d(64, momentum=1.0, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def conv_net(seed):
    return seeded(
        nn.Sequential(block(1), block(64), block(64), block(64), nn.Flatten(), nn.Linear(64, 5)),
        seed,
    )


class Tasks(Env):
    count = -1

    def step(self):
        self.count += 1
        self.train, self.test = train[self.count % TASKS], test[self.count % TASKS]


class Outer(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.inner(x), y)

    def get_batch(self):
        return self.env.test


class Inner(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        distance = 0
        for p, q in zip(self.parameters(), self.outer.parameters(), strict=False):
            distance = distance + torch.sum(torch.pow(p - q, 2))
        return F.cross_entropy(self.module(x), y) + 0.5 * distance

    def get_batch(self):
        return self.env.train

    def on_inner_loop_start(self):
        self.module.load_state_dict(self.outer.module.state_dict())


class Maml(Timed):
    def train_step(self):
        if self.global_step % UNROLL == 1:
            self.env.step()
        super().train_step()


outer_net, inner_net = conv_net(1), conv_net(1)
outer = Outer(
    "outer",
    Config(retain_graph=True, precision=PRECISION),
    outer_net,
    torch.optim.AdamW(outer_net.parameters(), lr=5e-4, weight_decay=1e-4),
)
inner = Inner(
    "inner",
    Config(type="cg", cg_iterations=3, cg_alpha=1.0, unroll_steps=UNROLL, precision=PRECISION),
    inner_net,
    torch.optim.SGD(inner_net.parameters(), lr=0.1),
)
engine = Maml(
    problems=[outer, inner],
    env=Tasks(),
    config=EngineConfig(train_iters=clock.iters),
    dependencies={"u2l": {outer: [inner]}, "l2u": {inner: [outer]}},
)
engine.clock = clock
clock.trace(upper=outer_net, lower=inner_net)
engine.run()
clock.report(lower_loss(inner, [engine.env.train], clock))
