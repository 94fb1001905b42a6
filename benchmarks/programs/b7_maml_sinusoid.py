"""Second-order MAML on sinusoids, 16 tasks of five unrolled steps: the reference side only, a
step is a meta-step.

IMPL=func: one vmap of torch.func over the tasks. IMPL=plain: a loop over the tasks with
create_graph, as `higher` does it.
"""

import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from common import Clock, seeded, tensors
from data import sinusoids

UNROLL, LR = 5, 0.01
clock = Clock("b7_maml_sinusoid", group=5, steps=200, warmup=20)
batches = tensors(sinusoids(11, 8))
net = seeded(
    nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1)), 1
)
params = list(net.parameters())
optimizer = torch.optim.Adam(params, lr=1e-3)


def loss_of(p, x, y):
    h = F.relu(F.linear(x, p[0], p[1]))
    h = F.relu(F.linear(h, p[2], p[3]))
    return F.mse_loss(F.linear(h, p[4], p[5]), y)


def func_step(batch):
    def adapted(p, xs, ys, xq, yq):
        for _ in range(UNROLL):
            p = tuple(
                f - LR * g for f, g in zip(p, torch.func.grad(loss_of)(p, xs, ys), strict=False)
            )
        return loss_of(p, xq, yq)

    def mean(p):
        return torch.func.vmap(adapted, in_dims=(None, 0, 0, 0, 0))(p, *batch).mean()

    grads, loss = torch.func.grad_and_value(mean)(tuple(p.detach() for p in params))
    for p, g in zip(params, grads, strict=False):
        p.grad = g
    return loss


def plain_step(batch):
    total = 0.0
    for xs, ys, xq, yq in zip(*batch, strict=False):
        fast = params
        for _ in range(UNROLL):
            grads = torch.autograd.grad(loss_of(fast, xs, ys), fast, create_graph=True)
            fast = [f - LR * g for f, g in zip(fast, grads, strict=False)]
        loss = loss_of(fast, xq, yq) / len(batch[0])
        loss.backward()
        total += loss.item()
    return total


step = {"func": func_step, "plain": plain_step}[os.environ.get("IMPL", "func")]
clock.trace(upper=net)
for i in range(clock.iters):
    clock.tick()
    optimizer.zero_grad()
    loss = step(batches[i % len(batches)])
    optimizer.step()
clock.report(loss)
