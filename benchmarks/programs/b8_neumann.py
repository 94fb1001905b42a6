"""The problem of b2 with exact Hessian products: five terms of the Neumann series."""

import torch
import torch.nn as nn
from common import Clock, seeded, tensors
from data import images
from reweight import run

net = seeded(nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10)), 1)
run(
    Clock("b8_neumann", group=10, steps=300, warmup=30),
    net,
    torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
    tensors(images(11, 10, 100, (1, 28, 28))),
    tensors(images(12, 10, 100, (1, 28, 28))),
    type="neumann",
    neumann_iterations=5,
    neumann_alpha=0.1,
)
