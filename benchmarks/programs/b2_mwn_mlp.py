"""Meta-Weight-Net over an MLP of 784-200-10, batches of 100, finite differences."""

import torch
import torch.nn as nn
from common import Clock, seeded, tensors
from data import images
from reweight import run

net = seeded(nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10)), 1)
run(
    Clock("b2_mwn_mlp", group=10, steps=500, warmup=50),
    net,
    torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
    tensors(images(11, 10, 100, (1, 28, 28))),
    tensors(images(12, 10, 100, (1, 28, 28))),
    type="darts",
)
