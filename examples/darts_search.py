"""Architecture search by gradients: which operations belong on the edges of a cell?

A cell is a small graph whose every edge mixes eight operations, weighted by a softmax of numbers α
(DARTS: Liu, Simonyan and Yang, ICLR 2019). Two levels share the α of normal and of reduction cells:

    upper   α         minimise the loss on one half of the training images
    lower   network   minimise the loss on the other half

Afterwards each node keeps its two strongest edges and each of those its strongest operation: the
genotype, which is printed as a table and drawn. Data are scikit-learn's digits, upscaled.

    python examples/darts_search.py [--steps 300] [--cells 3] [--nodes 3] [--figure cell.png]
"""

import argparse
import time
from pathlib import Path

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


# Operations


def separable_half(inputs, outputs, kernel, stride, padding, dilation):
    """ReLU, a depthwise and a pointwise convolution, batch norm."""
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return [
        nn.ReLU(),
        nn.Conv2d(inputs, inputs, kernel, groups=inputs, bias=False, **options),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs, affine=False),
    ]


def squeeze(inputs, outputs):
    convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs, affine=False))


class Zero(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class FactorizedReduce(nn.Module):
    """Half the size: two strided convolutions, one of them shifted by a pixel."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.conv2 = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, x):
        x = F.relu(x)
        return self.bn(betty.cat([self.conv1(x), self.conv2(x[:, :, 1:, 1:])], dim=1))


def operation(name, channels, stride):
    norm = nn.BatchNorm2d(channels, affine=False)
    if name == "none":
        return Zero(stride)
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride=stride, padding=1), norm)
    if name == "avg_pool_3x3":
        pool = nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
        return nn.Sequential(pool, norm)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    kernel = int(name[-1])
    if name.startswith("dil"):
        return nn.Sequential(
            *separable_half(channels, channels, kernel, stride, kernel - 1, dilation=2)
        )
    halves = [(stride, kernel // 2), (1, kernel // 2)]
    layers = [separable_half(channels, channels, kernel, *half, dilation=1) for half in halves]
    return nn.Sequential(*layers[0], *layers[1])


# The network of all architectures


class MixedOperation(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.operations = nn.ModuleList([operation(name, channels, stride) for name in OPERATIONS])

    def forward(self, x, weights):
        return sum(weights[place] * choice(x) for place, choice in enumerate(self.operations))


class Cell(nn.Module):
    def __init__(self, before, last, channels, nodes, reduction, follows_reduction):
        super().__init__()
        self.first = (FactorizedReduce if follows_reduction else squeeze)(before, channels)
        self.second = squeeze(last, channels)
        self.nodes, self.reduction = nodes, reduction
        edges = [(node, source) for node in range(nodes) for source in range(2 + node)]
        strides = [2 if reduction and source < 2 else 1 for _, source in edges]
        self.edges = nn.ModuleList([MixedOperation(channels, stride) for stride in strides])

    def forward(self, first, second, weights):
        states, edge = [self.first(first), self.second(second)], 0
        for _ in range(self.nodes):
            parts = [self.edges[edge + j](x, weights[edge + j]) for j, x in enumerate(states)]
            edge += len(parts)
            states.append(sum(parts))
        return betty.cat(states[-self.nodes :], dim=1)


class Supernet(nn.Module):
    """A stem, cells (those at one and two thirds reduce), a linear layer."""

    def __init__(self, channels, cells, nodes):
        super().__init__()
        width = 3 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        before, last, reduced = width, width, False
        self.cells = nn.ModuleList()
        for place in range(cells):
            reduction = place in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduction else 1
            self.cells.append(Cell(before, last, channels, nodes, reduction, reduced))
            before, last, reduced = last, nodes * channels, reduction
        self.head = nn.Linear(last, 10)

    def forward(self, x, alphas):
        normal, reduce = (F.softmax(alpha, dim=-1) for alpha in alphas)
        first = second = self.stem(x)
        for cell in self.cells:
            weights = reduce if cell.reduction else normal
            first, second = second, cell(first, second, weights)
        return self.head(F.adaptive_avg_pool2d(second, 1).flatten(1))


class Alphas(nn.Module):
    def __init__(self, nodes):
        super().__init__()
        edges = sum(2 + node for node in range(nodes))
        start = [0.001 * betty.randn(edges, len(OPERATIONS)) for _ in range(2)]
        self.normal, self.reduce = nn.Parameter(start[0]), nn.Parameter(start[1])

    def forward(self):
        return self.normal, self.reduce


# Problems


class Architecture(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier.module(images, self.forward()), labels)


class Classifier(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images, self.architecture()), labels)


# Data


def digits(batch: int):
    """Two loaders with a half of the training images each, and a test set."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images = betty.from_numpy((images[order] / 8 - 1).astype(np.float32).reshape(-1, 1, 8, 8))
    images = F.interpolate(images, scale_factor=2).numpy()
    labels = labels[order].astype(np.int64)

    def loader(first, last):
        part = [betty.from_numpy(images[first:last]), betty.from_numpy(labels[first:last])]
        dataset = betty.utils.data.TensorDataset(*part)
        return betty.utils.data.DataLoader(dataset, batch, shuffle=True, drop_last=True)

    return loader(0, 600), loader(600, 1200), (images[1200:1500], labels[1200:1500])


# The genotype


def genotype(alpha, nodes: int):
    """For each node its two strongest edges: (operation, source, weight)."""
    weights = F.softmax(alpha.detach(), dim=-1).numpy()
    found, edge = [], 0
    for node in range(nodes):
        rows = weights[edge : edge + 2 + node]
        edge += 2 + node
        best = rows[:, 1:].argmax(1) + 1  # "none" is not an operation one can keep
        strength = rows[np.arange(len(rows)), best]
        kept = sorted(np.argsort(-strength)[:2])
        found.append([(OPERATIONS[best[j]], int(j), float(strength[j])) for j in kept])
    return found


def name_of(state: int) -> str:
    return ("c_{k-2}", "c_{k-1}")[state] if state < 2 else str(state - 2)


def print_genotype(title: str, found) -> None:
    print(f"\n{title} cell")
    print(f"{'node':>4}  {'from':8} {'operation':14} {'weight':>6}")
    for node, edges in enumerate(found):
        for label, source, weight in edges:
            print(f"{node:4}  {name_of(source):8} {label:14} {weight:6.3f}")


def draw(cells, path: Path) -> None:
    """The cells as graphs, from left to right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(cells), 1, figsize=(10, 3.3 * len(cells)))
    for axis, (title, found) in zip(np.atleast_1d(axes), cells.items(), strict=True):
        places = {0: (0.0, 1.5), 1: (0.0, 0.0)}
        for node in range(len(found)):
            places[2 + node] = (3.5 * (node + 1), 1.5 * ((node + 1) % 2))
        end = (3.5 * (len(found) + 1), 0.75)
        for node, edges in enumerate(found):
            for label, source, _ in edges:
                a, b = np.array(places[source]), np.array(places[2 + node])
                bow = 0.0 if a[1] != b[1] else -0.3 if a[1] > 0 else 0.3  # away from the middle
                style = {"arrowstyle": "->", "connectionstyle": f"arc3,rad={bow}"}
                axis.annotate("", b, a, arrowprops={**style, "shrinkA": 14, "shrinkB": 14})
                # The arrow is a Bézier curve; its label stands on it.
                bent = (a + b) / 2 + bow * np.array([b[1] - a[1], a[0] - b[0]])
                middle = 0.36 * a + 0.48 * bent + 0.16 * b
                axis.text(*middle, label, fontsize=7, ha="center", va="center", color="tab:blue",
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            axis.plot(*zip(places[2 + node], end, strict=True), color="lightgray", zorder=0)
        for state, place in places.items():
            axis.text(*place, f"${name_of(state)}$", ha="center", va="center", zorder=3,
                      bbox={"boxstyle": "round", "facecolor": "white"})  # fmt: skip
        axis.text(*end, "$c_k$", ha="center", va="center",
                  bbox={"boxstyle": "round", "facecolor": "wheat"})  # fmt: skip
        axis.set(title=f"{title} cell", xlim=(-0.6, end[0] + 0.6), ylim=(-1.8, 3.3), aspect="equal")
        axis.axis("off")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--figure", type=Path, help="where to draw the cells")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.channels, arguments.cells, arguments.nodes) < 1:
        parser.error("all sizes must be positive")
    betty.manual_seed(0)
    training, validation, test = digits(arguments.batch)
    net = Supernet(arguments.channels, arguments.cells, arguments.nodes)
    alphas = Alphas(arguments.nodes)
    adam = betty.optim.Adam(alphas.parameters(), lr=3e-3, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = betty.optim.SGD(net.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
    upper = Architecture("architecture", Config(), alphas, adam, None, validation)
    lower = Classifier("classifier", Config(), net, sgd, None, training)
    engine = Engine(
        problems=[upper, lower],
        config=EngineConfig(train_iters=arguments.steps),
        dependencies={"u2l": {upper: [lower]}, "l2u": {lower: [upper]}},
    )
    start = time.perf_counter()
    engine.run()
    seconds = (time.perf_counter() - start) / arguments.steps
    net.eval()
    with betty.no_grad():
        right = net(betty.from_numpy(test[0]), alphas()).argmax(1).numpy() == test[1]
    cells = {
        "normal": genotype(alphas.normal, arguments.nodes),
        "reduction": genotype(alphas.reduce, arguments.nodes),
    }
    for title, found in cells.items():
        print_genotype(title, found)
    count = sum(value.numel() for value in net.parameters())
    print(f"\n{'supernet':12} {'parameters':>10} {'steps':>6} {'accuracy':>9} {'ms a step':>10}")
    print(f"{arguments.cells:3} cells    {count:10} {arguments.steps:6} "
          f"{100 * right.mean():7.1f} % {1000 * seconds:10.0f}")  # fmt: skip
    if arguments.figure:
        draw(cells, arguments.figure)
        print(f"drawn in {arguments.figure}")


if __name__ == "__main__":
    main()
