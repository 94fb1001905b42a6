"""Meta-Weight-Net over the ResNet32 of CIFAR, batches of 100, finite differences."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from common import Clock, seeded, tensors
from data import images
from reweight import run


class Block(nn.Module):
    def __init__(self, inp, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.stride, self.pad = stride, (out - inp) // 2

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.stride != 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad), "constant", 0)
        out += x
        return F.relu(out)


class ResNet32(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, inp = [], 16
        for out in (16, 32, 64):
            for i in range(5):
                blocks.append(Block(inp, out, 2 if i == 0 and out != inp else 1))
                inp = out
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        x = F.avg_pool2d(x, x.size()[3])
        return self.output(x.view(x.size(0), -1))


net = seeded(ResNet32(), 1)
run(
    Clock("b3_mwn_resnet32", group=1, steps=10, warmup=2),
    net,
    torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4),
    tensors(images(11, 4, 100, (3, 32, 32))),
    tensors(images(12, 4, 100, (3, 32, 32))),
    type="darts",
)
