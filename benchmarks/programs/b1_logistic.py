"""Per-feature L2 of a logistic regression: 100 gradient steps from nought below, one momentum
step above.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from betty.configs import Config, EngineConfig
from betty.problems import ImplicitProblem
from common import PRECISION, Clock, Timed, lower_loss, tensors
from data import logistic

UNROLL = 100
clock = Clock("b1_logistic", group=UNROLL, steps=5000, warmup=1000)
train, valid = (tensors([pair]) for pair in logistic())


class Child(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(20))

    def forward(self, inputs):
        return inputs @ self.w, self.w


class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(20))

    def forward(self):
        return self.w


class Outer(ImplicitProblem):
    def training_step(self, batch):
        inputs, targets = batch
        return F.binary_cross_entropy_with_logits(self.inner(inputs)[0], targets)

    def param_callback(self):
        for p in self.trainable_parameters():
            p.data.clamp_(min=1e-8)


class Inner(ImplicitProblem):
    def training_step(self, batch):
        inputs, targets = batch
        outs, w = self.module(inputs)
        penalty = 0.5 * (w.unsqueeze(0) @ torch.diag(self.outer()) @ w.unsqueeze(1)).sum()
        return F.binary_cross_entropy_with_logits(outs, targets) + penalty

    def on_inner_loop_start(self):
        self.module.w.data.zero_()


parent, child = Parent(), Child()
outer = Outer(
    "outer",
    Config(precision=PRECISION),
    parent,
    torch.optim.SGD(parent.parameters(), lr=1.0, momentum=0.9),
    train_data_loader=valid,
)
inner = Inner(
    "inner",
    Config(type="darts", unroll_steps=UNROLL, precision=PRECISION),
    child,
    torch.optim.SGD(child.parameters(), lr=0.1),
    train_data_loader=train,
)
engine = Timed(
    problems=[outer, inner],
    config=EngineConfig(train_iters=clock.iters),
    dependencies={"u2l": {outer: [inner]}, "l2u": {inner: [outer]}},
)
engine.clock = clock
clock.trace(upper=parent, lower=child)
engine.run()
clock.report(lower_loss(inner, train, clock))
