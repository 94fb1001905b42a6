"""Architecture search by gradients: which operations belong on the edges of a cell?

A cell is a small graph whose every edge mixes eight operations, weighted by a softmax of numbers α
(DARTS: Liu, Simonyan and Yang, ICLR 2019). Two levels share the α of normal and of reduction cells:

    upper   α         minimise the loss on one half of the training images
    lower   network   minimise the loss on the other half

Afterwards each node keeps its two strongest edges and each of those its strongest operation: the
genotype, which is printed as a table and drawn. A network of the found cells is then trained from
scratch on both halves, and beside it networks of random cells: any two edges to a node, any
operation on an edge. All have the same number of edges and channels, steps and learning rate.

An image is a digit of scikit-learn's at a random place of a noisy canvas, among pieces of others.
Test images choose nothing but the best of the random cells, which is in its favour.

    python examples/darts_search.py [--steps 300] [--cells 3] [--nodes 3] [--figure cell.png]
"""

import argparse
import time
from functools import partial
from itertools import chain
from pathlib import Path

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

OPERATIONS = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
KINDS = ("normal", "reduction")  # of cells
SIZE = 16  # pixels of an image; a digit has 8
PIECES, PIECE = 6, 4  # of other digits in an image, and their size
NOISE = 0.1
SGD = {"lr": 0.025, "momentum": 0.9, "weight_decay": 3e-4}  # for every network
HALF, COPIES = 500, 4  # digits in each half of the training images, and images of each


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
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride=stride, padding=1), norm)
    if name == "avg_pool_3x3":
        pool = nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
        return nn.Sequential(pool, norm)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    kernel = int(name[-1])
    if name.startswith("dil"):
        return nn.Sequential(*separable_half(channels, channels, kernel, stride, kernel - 1, 2))
    halves = [(stride, kernel // 2), (1, kernel // 2)]
    layers = [separable_half(channels, channels, kernel, *half, dilation=1) for half in halves]
    return nn.Sequential(*layers[0], *layers[1])


# The network, of all architectures or of one


class MixedOperation(nn.Module):
    """All operations but "none", which adds nothing to the sum."""

    def __init__(self, channels, stride):
        super().__init__()
        choices = [operation(name, channels, stride) for name in OPERATIONS[1:]]
        self.choices = nn.ModuleList(choices)

    def forward(self, x, weights):
        return sum(weights[place] * choice(x) for place, choice in enumerate(self.choices, 1))


class Cell(nn.Module):
    """For each node of `found` its edges (operation, source, ...); "mixed" takes weights."""

    def __init__(self, before, last, channels, found, reduction, follows_reduction):
        super().__init__()
        self.first = (FactorizedReduce if follows_reduction else squeeze)(before, channels)
        self.second = squeeze(last, channels)
        self.reduction, self.edges = reduction, nn.ModuleList()
        self.sources = [[source for _, source, *_ in edges] for edges in found]
        for name, source, *_ in chain(*found):
            stride = 2 if reduction and source < 2 else 1
            make = MixedOperation if name == "mixed" else partial(operation, name)
            self.edges.append(make(channels, stride))

    def forward(self, first, second, weights):
        states, edge = [self.first(first), self.second(second)], 0
        for sources in self.sources:
            parts = []
            for source in sources:
                given = () if weights is None else (weights[edge],)
                parts.append(self.edges[edge](states[source], *given))
                edge += 1
            states.append(sum(parts))
        return betty.cat(states[2:], dim=1)


class Network(nn.Module):
    """A stem, cells (those at one and two thirds reduce), a linear layer."""

    def __init__(self, channels, cells, genotypes):
        super().__init__()
        width = 3 * channels
        stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(width))
        before, last, reduced = width, width, False
        self.cells = nn.ModuleList()
        for place in range(cells):
            reduction = place in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduction else 1
            found = genotypes[KINDS[reduction]]
            self.cells.append(Cell(before, last, channels, found, reduction, reduced))
            before, last, reduced = last, len(found) * channels, reduction
        self.head = nn.Linear(last, 10)

    def forward(self, x, alphas=(None, None)):
        normal, reduce = (alpha if alpha is None else F.softmax(alpha, dim=-1) for alpha in alphas)
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


class Alone(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images), labels)


# Data


def cluttered(images, copies: int, random: np.random.Generator):
    """Every digit `copies` times: at a random place of a noisy canvas, among pieces of others."""

    def somewhere(image, size):
        y, x = random.integers(0, image.shape[0] - size + 1, 2)
        return image[y : y + size, x : x + size]

    canvases = np.zeros((copies * len(images), SIZE, SIZE), np.float32)
    for place, canvas in enumerate(canvases):
        for _ in range(PIECES):
            other = images[random.integers(len(images))]
            somewhere(canvas, PIECE)[:] += somewhere(other, PIECE)
        somewhere(canvas, 8)[:] = images[place % len(images)]
    canvases += NOISE * random.standard_normal(canvases.shape, dtype=np.float32)
    return 2 * canvases[:, None] - 1


def make_data(seed: int):
    """Images and labels: two halves to search and train on, and a test set; no digit is in two."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    images, labels = (images / 16).astype(np.float32).reshape(-1, 8, 8), labels.astype(np.int64)
    parts = np.split(random.permutation(len(labels)), (HALF, 2 * HALF))
    return [
        (cluttered(images[rows], copies, random), np.tile(labels[rows], copies))
        for rows, copies in zip(parts, (COPIES, COPIES, 1), strict=True)
    ]


def loader(data, batch: int):
    dataset = betty.utils.data.TensorDataset(*map(betty.from_numpy, data))
    return betty.utils.data.DataLoader(dataset, batch, shuffle=True, drop_last=True)


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


def random_genotype(nodes: int, random: np.random.Generator):
    """For each node two edges, as above, from any two states and with any operations."""
    found = []
    for node in range(nodes):
        sources = sorted(random.choice(2 + node, 2, replace=False))
        found.append([(OPERATIONS[random.integers(1, 8)], int(source)) for source in sources])
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
        later = [(3.5 * (node + 1), 1.5 * ((node + 1) % 2)) for node in range(len(found))]
        places = [(0.0, 1.5), (0.0, 0.0), *later]
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
        boxes = [(name_of(state), place, "white") for state, place in enumerate(places)]
        for name, place, colour in [*boxes, ("c_k", end, "wheat")]:
            axis.text(*place, f"${name}$", ha="center", va="center", zorder=3,
                      bbox={"boxstyle": "round", "facecolor": colour})  # fmt: skip
        axis.set(title=f"{title} cell", xlim=(-0.6, end[0] + 0.6), ylim=(-1.8, 3.3), aspect="equal")
        axis.axis("off")
    figure.savefig(path, dpi=120, bbox_inches="tight")


# Training


def search(halves, options) -> tuple[Network, Alphas]:
    """The network of all architectures, and the α it was trained with."""
    edges = [[("mixed", source) for source in range(2 + node)] for node in range(options.nodes)]
    network = Network(options.channels, options.cells, dict.fromkeys(KINDS, edges))
    alphas = Alphas(options.nodes)
    adam = betty.optim.Adam(alphas.parameters(), lr=3e-3, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = betty.optim.SGD(network.parameters(), **SGD)
    training, validation = (loader(half, options.batch) for half in halves)
    upper = Architecture("architecture", Config(replay=True), alphas, adam, None, validation)
    lower = Classifier("classifier", Config(replay=True), network, sgd, None, training)
    dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    Engine([upper, lower], EngineConfig(train_iters=options.steps), dependencies).run()
    return network, alphas


def trained(genotypes, data, test, options) -> tuple[int, float]:
    """The size of a network of these cells, and its accuracy when trained from scratch."""
    network = Network(options.channels, options.cells, genotypes)
    sgd = betty.optim.SGD(network.parameters(), **SGD)
    decay = betty.optim.lr_scheduler.CosineAnnealingLR(sgd, options.steps)
    batches = loader(data, options.batch)
    alone = Alone("alone", Config(replay=True), network, sgd, decay, batches)
    Engine([alone], EngineConfig(train_iters=options.steps)).run()
    return size_of(network), accuracy(network, test)


def accuracy(network: Network, data, *alphas) -> float:
    images, labels = data
    network.eval()
    with betty.no_grad():
        found = network(betty.from_numpy(images), *alphas).argmax(1).numpy()
    return 100 * (found == labels).mean()


def size_of(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def compare(found, halves, test, options) -> None:
    """Prints a row for the found cells and two for random ones."""
    random = np.random.default_rng(options.seed)
    both = tuple(map(np.concatenate, zip(*halves, strict=True)))
    scores, sizes = np.zeros((1 + options.random, options.seeds)), np.zeros(1 + options.random)
    for place in range(1 + options.random):
        drawn = {kind: random_genotype(options.nodes, random) for kind in KINDS}
        for seed in range(options.seeds):
            betty.manual_seed(options.seed + seed)
            genotypes = drawn if place else found
            sizes[place], scores[place, seed] = trained(genotypes, both, test, options)
    means, spread = scores.mean(1), scores.std(1, ddof=min(1, options.seeds - 1))
    others, best = means[1:], 1 + means[1:].argmax()
    over_cells = others.std(ddof=min(1, options.random - 1))
    print_row("found cell", sizes[0], means[0], spread[0])
    print_row(f"random cells, {options.random}", sizes[1:].mean(), others.mean(), over_cells)
    print_row("the best of them", sizes[best], means[best], spread[best])


def print_row(name: str, size: float, mean: float, deviation: float | None = None) -> None:
    shown = "" if deviation is None else f" ± {deviation:.1f}"
    print(f"{name:20}{size:10.0f}   {mean:5.1f}{shown} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sizes = {"steps": 300, "channels": 8, "cells": 3, "nodes": 3, "batch": 32}
    sizes |= {"random": 6, "seeds": 3}  # random cells, and trainings of each cell
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0, help="of the data and the search")
    parser.add_argument("--figure", type=Path, help="where to draw the cells")
    options = parser.parse_args()
    if min(vars(options)[name] for name in sizes) < 1:
        parser.error("all sizes must be positive")
    *halves, test = make_data(options.seed)
    betty.manual_seed(options.seed)
    start = time.perf_counter()
    network, alphas = search(halves, options)
    seconds = (time.perf_counter() - start) / options.steps
    found = [genotype(alpha, options.nodes) for alpha in alphas()]
    cells = dict(zip(KINDS, found, strict=True))
    for title, found in cells.items():
        print_genotype(title, found)
    if options.figure:
        draw(cells, options.figure)
        print(f"drawn in {options.figure}")
    print(f"\n{options.cells} cells, {options.steps} steps; search {1000 * seconds:.0f} ms a step")
    print(f"{'network':20}{'parameters':>10}   test accuracy, {options.seeds} seeds", flush=True)
    print_row("supernet", size_of(network), accuracy(network, test, alphas()))
    compare(cells, halves, test, options)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
