"""Meta-Weight-Net on a residual network: learn how much each sample's loss should count.

The training set is long-tailed and a share of its labels is wrong; ten clean images a class say
what we want (Shu et al., NeurIPS 2019). Two levels:

    upper   weight net   minimise the loss on clean images          over a function loss -> weight
    lower   ResNet       minimise the weighted training loss        over the network's parameters

Each upper step differentiates the clean loss through one lower step. CIFAR-10 is used where
`--cifar` names the folder of its Python version; otherwise scikit-learn's digits, upscaled.

    python examples/meta_weight_net.py [--depth 32] [--steps 400] [--seeds 1] [--size 16]
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

CLEAN, TAIL, WRONG = 10, 0.1, 0.4  # clean images a class; last class against first; wrong labels
METHODS = ("plain", "plain, with the clean images", "meta-weight-net")


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
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier(images), labels)


class Classifier(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none").reshape(-1, 1)
        return (self.weights(losses.detach()) * losses).mean()


class Plain(ImplicitProblem):
    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images), labels)


# Data


def digits(size: int):
    """Scikit-learn's digits, scaled up by repeating pixels: images [N, 1, size, size]."""
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
    """A long-tailed training set with wrong labels, a clean set, and a test set of a fifth."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    count = len(labels) // 5
    test, rest = order[:count], order[count:]
    clean, train = [], []
    for label in range(10):
        rows = rest[labels[rest] == label]
        clean.append(rows[:CLEAN])
        train.append(rows[CLEAN:][: round((len(rows) - CLEAN) * TAIL ** (label / 9))])
    clean, train = np.concatenate(clean), np.concatenate(train)
    seen = labels[train].copy()
    wrong = random.random(len(seen)) < WRONG
    seen[wrong] = random.integers(0, 10, wrong.sum())
    return (images[train], seen), (images[clean], labels[clean]), (images[test], labels[test])


def loader(data, size: int):
    tensors = [betty.from_numpy(np.ascontiguousarray(part)) for part in data]
    dataset = betty.utils.data.TensorDataset(*tensors)
    return betty.utils.data.DataLoader(dataset, batch_size=size, shuffle=True, drop_last=True)


# Training


def train(method: str, data, arguments, seed: int) -> tuple[float, float]:
    """Accuracy on the test set, and seconds a step."""
    betty.manual_seed(seed)
    training, clean, test = data
    if method == "plain, with the clean images":
        training = tuple(map(np.concatenate, zip(training, clean, strict=True)))
    net = ResNet(arguments.depth, training[0].shape[1])
    optimizer = betty.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    batches = loader(training, arguments.batch)
    if method.startswith("plain"):
        problems, dependencies = [Plain("classifier", Config(), net, optimizer, None, batches)], {}
    else:
        small = weight_net()
        adam = betty.optim.Adam(small.parameters(), lr=1e-3)
        upper = Weights("weights", Config(), small, adam, None, loader(clean, arguments.batch))
        lower = Classifier("classifier", Config(), net, optimizer, None, batches)
        problems = [upper, lower]
        dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    start = time.perf_counter()
    config = EngineConfig(train_iters=arguments.steps)
    Engine(problems=problems, config=config, dependencies=dependencies).run()
    seconds = (time.perf_counter() - start) / arguments.steps
    net.eval()
    right = 0
    with betty.no_grad():
        for first in range(0, len(test[1]), 200):
            logits = net(betty.from_numpy(np.ascontiguousarray(test[0][first : first + 200])))
            right += (logits.argmax(1).numpy() == test[1][first : first + 200]).sum()
    return right / len(test[1]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--depth", type=int, default=32, help="layers, 6 n + 2")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--size", type=int, default=16, help="height and width of the digits")
    parser.add_argument("--cifar", type=Path, help="folder of CIFAR-10's Python version")
    arguments = parser.parse_args()
    if arguments.depth % 6 != 2 or arguments.depth < 8:
        parser.error(f"--depth must be 6 n + 2, got {arguments.depth}")
    images, labels = cifar(arguments.cifar) if arguments.cifar else digits(arguments.size)
    rows = {method: [] for method in METHODS}
    for seed in range(arguments.seeds):
        data = split(images, labels, seed)
        for method in METHODS:
            rows[method].append(train(method, data, arguments, seed))
            accuracy, seconds = rows[method][-1]
            print(f"seed {seed}, {method}: {100 * accuracy:.1f} %, {1000 * seconds:.0f} ms a step")
    print(f"\nResNet-{arguments.depth}, {100 * WRONG:.0f} % wrong labels, {arguments.steps} steps")
    print(f"{'method':30} {'accuracy':>14} {'ms a step':>10}")
    for method, found in rows.items():
        accuracies, seconds = np.transpose(found)
        mean, deviation = accuracies.mean(), accuracies.std(ddof=min(1, len(found) - 1))
        shown = f"{100 * mean:.1f} ± {100 * deviation:.1f} %"
        print(f"{method:30} {shown:>14} {1000 * seconds.mean():10.0f}")


if __name__ == "__main__":
    main()
