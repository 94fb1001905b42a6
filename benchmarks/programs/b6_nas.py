"""Differentiable architecture search: a stem and four cells of four nodes, eight mixed
operations an edge, with roll-back.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from betty.configs import Config, EngineConfig
from betty.problems import ImplicitProblem
from common import PRECISION, Clock, Timed, lower_loss, seeded, tensors
from data import images

CHANNELS, CELLS, NODES, EDGES = 8, 4, 4, 14
clock = Clock("b6_nas", group=1, steps=10, warmup=2)


def half(inp, kernel, stride, padding, dilation, out):
    return [
        nn.ReLU(inplace=False),
        nn.Conv2d(
            inp,
            inp,
            kernel_size=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=inp,
            bias=False,
        ),
        nn.Conv2d(inp, out, kernel_size=1, padding=0, bias=False),
        nn.BatchNorm2d(out, affine=False),
    ]


def separable(c, kernel, stride):
    padding = kernel // 2
    return nn.Sequential(
        *half(c, kernel, stride, padding, 1, c), *half(c, kernel, 1, padding, 1, c)
    )


def dilated(c, kernel, stride):
    return nn.Sequential(*half(c, kernel, stride, kernel - 1, 2, c))


class Nothing(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return (x if self.stride == 1 else x[:, :, ::2, ::2]).mul(0.0)


class Halve(nn.Module):
    def __init__(self, inp, out):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out // 2, 1, stride=2, padding=0, bias=False)
        self.conv2 = nn.Conv2d(inp, out // 2, 1, stride=2, padding=0, bias=False)
        self.bn = nn.BatchNorm2d(out, affine=False)

    def forward(self, x):
        x = F.relu(x)
        return self.bn(torch.cat([self.conv1(x), self.conv2(x[:, :, 1:, 1:])], dim=1))


class Same(nn.Module):
    def forward(self, x):
        return x


class Mixed(nn.Module):
    def __init__(self, c, stride):
        super().__init__()

        def norm():
            return nn.BatchNorm2d(c, affine=False)

        self.ops = nn.ModuleList(
            [
                Nothing(stride),
                nn.Sequential(nn.MaxPool2d(3, stride=stride, padding=1), norm()),
                nn.Sequential(
                    nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False), norm()
                ),
                Same() if stride == 1 else Halve(c, c),
                separable(c, 3, stride),
                separable(c, 5, stride),
                dilated(c, 3, stride),
                dilated(c, 5, stride),
            ]
        )

    def forward(self, x, weights):
        return sum(weights[i] * op(x) for i, op in enumerate(self.ops))


def squeeze(inp, out):
    return nn.Sequential(
        nn.ReLU(inplace=False),
        nn.Conv2d(inp, out, 1, stride=1, padding=0, bias=False),
        nn.BatchNorm2d(out, affine=False),
    )


class Cell(nn.Module):
    def __init__(self, before, last, c, reduction, reduced):
        super().__init__()
        self.reduction = reduction
        self.first = Halve(before, c) if reduced else squeeze(before, c)
        self.second = squeeze(last, c)
        self.edges = nn.ModuleList(
            [Mixed(c, 2 if reduction and j < 2 else 1) for i in range(NODES) for j in range(2 + i)]
        )

    def forward(self, s0, s1, weights):
        states, offset = [self.first(s0), self.second(s1)], 0
        for _ in range(NODES):
            state = sum(
                self.edges[offset + j](h, weights[offset + j]) for j, h in enumerate(states)
            )
            offset += len(states)
            states.append(state)
        return torch.cat(states[-NODES:], dim=1)


class Supernet(nn.Module):
    def __init__(self):
        super().__init__()
        c = CHANNELS
        self.stem = nn.Sequential(
            nn.Conv2d(3, 3 * c, 3, padding=1, bias=False), nn.BatchNorm2d(3 * c)
        )
        before, last, reduced, cells = 3 * c, 3 * c, False, []
        for i in range(CELLS):
            reduction = i in (CELLS // 3, 2 * CELLS // 3)
            c = 2 * c if reduction else c
            cells.append(Cell(before, last, c, reduction, reduced))
            before, last, reduced = last, NODES * c, reduction
        self.cells = nn.ModuleList(cells)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(last, 10)

    def forward(self, x, alphas):
        normal, reduce = (F.softmax(a, dim=-1) for a in alphas)
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, reduce if cell.reduction else normal)
        out = self.pool(s1)
        return self.head(out.view(out.size(0), -1))


class Alphas(nn.Module):
    def __init__(self):
        super().__init__()
        self.normal, self.reduce = (
            nn.Parameter(torch.zeros(EDGES, 8)),
            nn.Parameter(torch.zeros(EDGES, 8)),
        )

    def forward(self):
        return self.normal, self.reduce


class Arch(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.classifier.module(x, self.forward()), y)


class Classifier(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.module(x, self.arch()), y)


net, alphas = seeded(Supernet(), 1), seeded(Alphas(), 2, 1e-3)
train, valid = tensors(images(11, 4, 16, (3, 32, 32))), tensors(images(12, 4, 16, (3, 32, 32)))
arch = Arch(
    "arch",
    Config(retain_graph=True, precision=PRECISION),
    alphas,
    torch.optim.Adam(alphas.parameters(), lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3),
    train_data_loader=valid,
)
classifier = Classifier(
    "classifier",
    Config(type="darts", unroll_steps=1, precision=PRECISION),
    net,
    torch.optim.SGD(net.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4),
    train_data_loader=train,
)
engine = Timed(
    problems=[arch, classifier],
    config=EngineConfig(train_iters=clock.iters, roll_back=True),
    dependencies={"u2l": {arch: [classifier]}, "l2u": {classifier: [arch]}},
)
engine.clock = clock
clock.trace(upper=alphas, lower=net)
engine.run()
clock.report(lower_loss(classifier, train, clock))
