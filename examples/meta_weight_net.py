"""Meta-Weight-Net on a residual network: learn how much each sample's loss should count.

The training set is long-tailed and a share of its labels is wrong; ten clean images a class say
what we want (Shu et al., NeurIPS 2019). Two levels:

    upper   weight net   minimise the loss on clean images          over a function loss -> weight
    lower   ResNet       minimise the weighted training loss        over the network's parameters

Each upper step differentiates the clean loss through one lower step. Compared are plain training,
plain training on training and clean images together, and weighting of these together: one network,
one grid of learning rates, one number of steps, every image shifted a little each time it is drawn.
Rates are chosen on clean validation images; the test set is used for the table and nothing else.

CIFAR-10 is used where `--cifar` names the folder of its Python version; otherwise scikit-learn's
digits, upscaled. The default is a small network of a few minutes; the paper's size is

    python examples/meta_weight_net.py --cifar folder --depth 32 --steps 40000 --batch 100
"""

import argparse
import pickle
import time
from pathlib import Path

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from betty.utils.data import DataLoader, Dataset

CLEAN, VALID = 10, 10  # clean and validation images of each class
TAIL, WRONG = 0.1, 0.4  # images of the last class against the first; share of labels drawn anew
RATES = (0.05, 0.1)  # learning rates that every row may choose from
WEIGHT_RATE = 1e-3  # of the weight net, the paper's
METHODS = ("plain", "plain, with the clean images", "meta-weight-net, with the clean images")


# Networks


class Block(nn.Module):
    """Two convolutions beside a shortcut, which drops pixels and pads channels."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.pad = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(y + x)


class ResNet(nn.Module):
    """The residual network of CIFAR with 6 n + 2 layers (He et al., CVPR 2016)."""

    def __init__(self, depth: int, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        blocks, inputs = [], 16
        for outputs in (16, 32, 64):
            for place in range((depth - 2) // 6):
                stride = 2 if place == 0 and outputs != inputs else 1
                blocks.append(Block(inputs, outputs, stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.conv(x))))
        return self.output(F.adaptive_avg_pool2d(x, 1).flatten(1))


def weight_net():
    return nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())


# Problems


class Weights(ImplicitProblem):
    """Upper level: the classifier's loss on clean images."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier(images), labels)


class Classifier(ImplicitProblem):
    """Lower level: each loss times the weight it is given; those of a batch add up to 1."""

    def training_step(self, batch):
        images, labels = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none").reshape(-1, 1)
        weights = self.weights(losses.detach())
        return (weights / (weights.sum() + 1e-8) * losses).sum()


class Plain(ImplicitProblem):
    """Every image counts alike."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images), labels)


# Data


def digits(size: int):
    """Scikit-learn's digits, scaled up: images [N, 1, size, size]."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = betty.from_numpy((images / 16 - 0.3).astype(np.float32).reshape(-1, 1, 8, 8))
    scaled = F.interpolate(images, size=(size, size), mode="bilinear")
    return scaled.numpy(), labels.astype(np.int64)


def cifar(folder: Path):
    """The batches of CIFAR-10's Python version: images [N, 3, 32, 32]."""
    images, labels = [], []
    for path in sorted(folder.glob("*_batch*")):
        with path.open("rb") as file:
            batch = pickle.load(file, encoding="bytes")
        images.append(batch[b"data"].reshape(-1, 3, 32, 32))
        labels += batch[b"labels"]
    return np.concatenate(images).astype(np.float32) / 128 - 1, np.array(labels)


def split(images, labels, seed: int):
    """A long-tailed training set with wrong labels; clean, validation and test sets."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    count = len(labels) // 5
    test, rest = order[:count], order[count:]
    clean, valid, train = [], [], []
    for label in range(10):
        rows = rest[labels[rest] == label]
        clean.append(rows[:CLEAN])
        valid.append(rows[CLEAN : CLEAN + VALID])
        rows = rows[CLEAN + VALID :]
        train.append(rows[: round(len(rows) * TAIL ** (label / 9))])
    clean, valid, train = map(np.concatenate, (clean, valid, train))
    seen = labels[train].copy()
    wrong = random.random(len(seen)) < WRONG
    seen[wrong] = random.integers(0, 10, wrong.sum())
    return (images[train], seen), *((images[rows], labels[rows]) for rows in (clean, valid, test))


class Shifted(Dataset):
    """Images and labels; an image is moved by up to an eighth of its size when it is drawn."""

    def __init__(self, data, seed: int):
        self.images, self.labels = data
        self.random = np.random.default_rng(seed)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        size = self.images.shape[-1]
        most = size // 8
        padded = np.pad(self.images[row], ((0, 0), (most, most), (most, most)), mode="edge")
        y, x = self.random.integers(0, 2 * most + 1, 2)
        return padded[:, y : y + size, x : x + size], self.labels[row]


def loader(data, size: int, seed: int):
    return DataLoader(Shifted(data, seed), batch_size=size, shuffle=True, drop_last=True)


# Training


def train(method: str, rate: float, data, arguments, seed: int) -> tuple[float, float, float]:
    """Accuracy on validation and test images in percent, and seconds a step."""
    betty.manual_seed(seed)
    training, clean, valid, test = data
    if method != "plain":
        training = tuple(map(np.concatenate, zip(training, clean, strict=True)))
    net = ResNet(arguments.depth, training[0].shape[1])
    optimizer = betty.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
    decay = betty.optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.steps)
    batches = loader(training, arguments.batch, seed)
    if method.startswith("plain"):
        problems = [Plain("classifier", Config(), net, optimizer, decay, batches)]
        dependencies = {}
    else:
        small = weight_net()
        adam = betty.optim.Adam(small.parameters(), lr=WEIGHT_RATE)
        images = loader(clean, arguments.batch, seed + 1)
        upper = Weights("weights", Config(), small, adam, None, images)
        lower = Classifier("classifier", Config(), net, optimizer, decay, batches)
        problems = [upper, lower]
        dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    start = time.perf_counter()
    config = EngineConfig(train_iters=arguments.steps)
    Engine(problems=problems, config=config, dependencies=dependencies).run()
    seconds = (time.perf_counter() - start) / arguments.steps
    return accuracy(net, valid), accuracy(net, test), seconds


def accuracy(net: nn.Module, data) -> float:
    images, labels = data
    net.eval()
    right = 0
    with betty.no_grad():
        for first in range(0, len(labels), 200):
            logits = net(betty.from_numpy(images[first : first + 200]))
            right += (logits.argmax(1).numpy() == labels[first : first + 200]).sum()
    return 100 * right / len(labels)


def print_table(found: dict, arguments) -> None:
    """A row for each method, at the rate that is best on its validation images."""
    print(f"\nResNet-{arguments.depth}, {100 * WRONG:.0f} % wrong labels, {arguments.steps} steps")
    print(f"{'training':40}{'rate':>6}{'validation':>12}{'test accuracy':>16}{'ms a step':>11}")
    for method in METHODS:
        rate = max(RATES, key=lambda rate: np.mean([row[0] for row in found[method, rate]]))
        valid, test, seconds = np.transpose(found[method, rate])
        deviation = test.std(ddof=min(1, len(test) - 1))
        shown = f"{test.mean():.1f} ± {deviation:.1f} %"
        print(f"{method:40}{rate:>6}{valid.mean():>10.1f} %{shown:>16}"
              f"{1000 * seconds.mean():11.0f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--depth", type=int, default=8, help="layers, 6 n + 2")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=16, help="height and width of the digits")
    parser.add_argument("--cifar", type=Path, help="folder of CIFAR-10's Python version")
    arguments = parser.parse_args()
    if arguments.depth % 6 != 2 or arguments.depth < 8:
        parser.error(f"--depth must be 6 n + 2, got {arguments.depth}")
    images, labels = cifar(arguments.cifar) if arguments.cifar else digits(arguments.size)
    found = {(method, rate): [] for method in METHODS for rate in RATES}
    for seed in range(arguments.seeds):
        data = split(images, labels, seed)
        for (method, rate), rows in found.items():
            rows.append(train(method, rate, data, arguments, seed))
            print(f"seed {seed}, rate {rate}, {method}: {rows[-1][0]:.1f} % of validation images")
    print_table(found, arguments)


if __name__ == "__main__":
    main()
