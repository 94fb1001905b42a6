"""Weigh source data for a target domain: pretrain, finetune, validate, as one program.

A target domain has few labelled images, and six source domains have many, each in a look of its
own. Two sources are labelled as the target is, four by another rule; which, nobody knows. A small
network sees an image of a source and says how much it should count, and is trained so that a
ResNet, pretrained under its weights and then finetuned, does well on validation images of the
target (Choe et al., ICLR 2023). Three levels:

    3   weigh      minimise the finetuned network's loss on the target's        over the weighting
                   validation images                                            network
    2   finetune   minimise the loss on the target's few training images,       over a ResNet
                   near the pretrained network (a proximal term)
    1   pretrain   minimise the weighted loss on images of all sources          over a ResNet

The weights are then held fixed, and new networks are pretrained under them and finetuned on all
labelled images of the target, the validation images too. So every row of the table has the same
images of the target, the same steps and learning rate, and two levels; rows differ by the weights
of the sources' images: learned, equal, or 1 for the sources whose labels are right, which nobody
knows outside of an example.

The networks have the layers of ResNet-18 with a stem for small images, and the keys of
torchvision's; `--width 64` gives them its channels. The domains are scikit-learn's digits, drawn in
seven ways.

    python examples/domain_weighting.py [--seeds 5] [--steps 400] [--width 4]
"""

import argparse
import time
from dataclasses import dataclass

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from betty.utils.data import DataLoader, TensorDataset

SIZE = 16  # pixels
FEW, VALID, TEST = 3, 5, 500  # training and validation images of each class; test images
PROXIMAL, UNROLL = 0.05, 1  # of the finetuned network; pretraining steps between two of finetuning
RATE, WEIGHT_RATE = 0.05, 3e-3
ROWS = (
    "target alone",
    "all sources alike",
    "all sources, weights learned",
    "the right sources alone",
)
ALIKE, LEARNED, RIGHT = ROWS[1:]


# Networks


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """Four stages of two blocks (He et al., CVPR 2016); `width` is the first stage's channels."""

    def __init__(self, width: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = [width, width, 2 * width, 4 * width, 8 * width]
        for stage in range(1, 5):
            inputs, outputs = channels[stage - 1], channels[stage]
            first = Block(inputs, outputs, 1 if stage == 1 else 2)
            setattr(self, f"layer{stage}", nn.Sequential(first, Block(outputs, outputs, 1)))
        self.fc = nn.Linear(channels[4], classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def weighting_network() -> nn.Module:
    """An image to a score; see `weights_of`."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * (SIZE // 4) ** 2, 1),
    )  # fmt: skip


def weights_of(scores):
    """Weights of a batch, which add up to 1; none is more than e⁶ times another.

    What all scores have in common changes no weight. It is taken off before the tanh, for else it
    may drift to where that is flat and no gradient is left.
    """
    scores = scores.squeeze(1)
    return (3 * (scores - scores.mean()).tanh()).softmax(0)


# Data


def drawn(images: np.ndarray, how: str, random: np.random.Generator) -> np.ndarray:
    """Images [N, 16, 16] between 0 and 1 in the look of a domain."""
    across = np.arange(SIZE)
    if how == "faint":
        images = 0.6 * images
    elif how == "shaded":
        images = 0.6 * images + 0.4 * across / (SIZE - 1)
    elif how == "striped":
        images = np.maximum(images, 0.5 * (across % 4 == 0))
    elif how == "barred":
        images = np.maximum(images, 0.5 * (across % 4 == 0)[:, None])
    elif how == "framed":
        images = images.copy()
        images[:, [0, -1]] = images[:, :, [0, -1]] = 1
    elif how == "inverted":
        images = 1 - images
    return images + 0.05 * random.standard_normal(images.shape)


# How each source looks, and what its labels are: right, or shifted by one.
SOURCES = (
    ("faint", "shifted"), ("shaded", "right"), ("striped", "right"),
    ("barred", "shifted"), ("framed", "shifted"), ("inverted", "shifted"),
)  # fmt: skip
TARGET = "plain"


@dataclass
class Domains:
    """One seed's images [N, 1, 16, 16] and labels."""

    sources: tuple[np.ndarray, np.ndarray]
    source: np.ndarray  # the number of each image's source
    kind: np.ndarray  # what its labels are
    few: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    @property
    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(map(np.concatenate, zip(self.few, self.valid, strict=True)))


def make_domains(seed: int) -> Domains:
    """Scikit-learn's digits, scaled up; no image is in two sets."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    small = betty.from_numpy((images / 16).astype(np.float32).reshape(-1, 1, 8, 8))
    large = F.interpolate(small, size=(SIZE, SIZE), mode="bilinear").numpy()[:, 0]
    order = random.permutation(len(labels))
    test, rest = order[:TEST], order[TEST:]
    by_class = [rest[labels[rest] == digit] for digit in range(10)]
    few = np.concatenate([rows[:FEW] for rows in by_class])
    valid = np.concatenate([rows[FEW : FEW + VALID] for rows in by_class])
    pool = random.permutation(np.concatenate([rows[FEW + VALID :] for rows in by_class]))
    parts, source = [], []
    for number, rows in enumerate(np.array_split(pool, len(SOURCES))):
        how, kind = SOURCES[number]
        given = labels[rows]
        if kind == "shifted":
            given = (given + 1) % 10
        parts.append((drawn(large[rows], how, random), given))
        source.append(np.full(len(rows), number))

    def finished(images, labels):
        return (2 * images[:, None] - 1).astype(np.float32), labels.astype(np.int64)

    sources = finished(*map(np.concatenate, zip(*parts, strict=True)))
    target = (finished(drawn(large[rows], TARGET, random), labels[rows])
              for rows in (few, valid, test))  # fmt: skip
    source = np.concatenate(source)
    return Domains(sources, source, np.array([kind for _, kind in SOURCES])[source], *target)


# Problems


class Alone(ImplicitProblem):
    """The target's images and no other level."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images), labels)


class Pretrain(ImplicitProblem):
    """Level 1 where every image of the sources has a weight that is given."""

    def training_step(self, batch):
        images, labels, weights = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none")
        return (weights * losses).sum() / (weights.sum() + 1e-8)


class WeightedPretrain(ImplicitProblem):
    """Level 1 where the weights are being learned."""

    def training_step(self, batch):
        images, labels = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none")
        return (weights_of(self.weigh(images)) * losses).sum()


class Finetune(ImplicitProblem):
    """Level 2: the target's few images, near the pretrained network."""

    def training_step(self, batch):
        images, labels = batch
        pairs = zip(self.module.parameters(), self.pretrain.module.parameters(), strict=True)
        distance = sum((own - start).square().sum() for own, start in pairs)
        return F.cross_entropy(self.module(images), labels) + PROXIMAL * distance


class Weigh(ImplicitProblem):
    """Level 3: validation images through the finetuned network."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.finetune(images), labels)


# Training


def tensors(samples) -> tuple[betty.Tensor, ...]:
    return tuple(betty.from_numpy(part) for part in samples)


def loader(samples, batch: int) -> DataLoader:
    dataset = TensorDataset(*tensors(samples))
    return DataLoader(dataset, batch_size=batch, shuffle=True, drop_last=True)


def sgd(module: nn.Module, rate: float) -> betty.optim.SGD:
    return betty.optim.SGD(module.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)


def finetuned_alone(target, options) -> nn.Module:
    """A network that saw the target's images and nothing else."""
    network = ResNet18(options.width)
    config = EngineConfig(train_iters=options.steps)
    alone = Alone(
        "alone", Config(), network, sgd(network, RATE), train_data_loader=[tensors(target)]
    )
    Engine([alone], config).run()
    return network


def two_levels(pretrain, sources, target, options):
    """Problems that pretrain on the sources and finetune on the target, from the same start."""
    networks = [ResNet18(options.width) for _ in range(2)]
    networks[0].load_state_dict(networks[1].state_dict())
    finetune = Finetune(
        "finetune", Config(), networks[0], sgd(networks[0], RATE),
        train_data_loader=[tensors(target)],
    )  # fmt: skip
    pretrain = pretrain(
        "pretrain", Config(unroll_steps=UNROLL), networks[1], sgd(networks[1], RATE),
        train_data_loader=loader(sources, options.batch),
    )  # fmt: skip
    return finetune, pretrain


def pretrained(weights: np.ndarray, domains: Domains, options) -> nn.Module:
    """The finetuned network, pretrained on the sources with these weights of their images."""
    sources = (*domains.sources, weights.astype(np.float32))
    finetune, pretrain = two_levels(Pretrain, sources, domains.labelled, options)
    config = EngineConfig(train_iters=options.steps)
    Engine([finetune, pretrain], config, {"l2u": {pretrain: [finetune]}}).run()
    return finetune.module


def learned_weights(domains: Domains, options) -> np.ndarray:
    """Weights of the sources' images, from a program of three levels."""
    finetune, pretrain = two_levels(WeightedPretrain, domains.sources, domains.few, options)
    weights = weighting_network()
    adam = betty.optim.Adam(weights.parameters(), lr=WEIGHT_RATE)
    weigh = Weigh("weigh", Config(), weights, adam, train_data_loader=[tensors(domains.valid)])
    dependencies = {
        "u2l": {weigh: [pretrain]},
        "l2u": {pretrain: [finetune], finetune: [weigh]},
    }
    config = EngineConfig(train_iters=options.steps)
    Engine([weigh, finetune, pretrain], config, dependencies).run()
    with betty.no_grad():
        return weights_of(weights(betty.from_numpy(domains.sources[0]))).numpy()


def accuracy(network: nn.Module, samples) -> float:
    images, labels = samples
    network.eval()
    with betty.no_grad():
        return 100 * (network(betty.from_numpy(images)).argmax(1).numpy() == labels).mean()


def train(row: str, domains: Domains, options) -> tuple[nn.Module, np.ndarray]:
    """The network of a row, and the weights of the sources' images."""
    weights = np.ones(len(domains.kind))
    if row == ROWS[0]:
        return finetuned_alone(domains.labelled, options), 0 * weights
    if row == LEARNED:
        weights = learned_weights(domains, options)
    elif row == RIGHT:
        weights = (domains.kind == "right").astype(float)
    return pretrained(weights, domains, options), weights


def shares(weights: np.ndarray, domains: Domains) -> np.ndarray:
    """How much of all weight the images of each source have, in percent."""
    counted = np.bincount(domains.source, weights, minlength=len(SOURCES))
    return 100 * counted / weights.sum()


def print_tables(rows: dict[str, list[float]], found: list[np.ndarray], seeds: int) -> None:
    def shown(values):
        return f"{np.mean(values):.1f} ± {np.std(values, ddof=min(1, seeds - 1)):.1f} %"

    print(f"{'pretrained on':<40}accuracy on the target, {seeds} seeds")
    for name, values in rows.items():
        print(f"{name:<40}{shown(values)}")
    gains = np.subtract(rows[LEARNED], rows[ALIKE])
    print(f"{'learned weights over equal ones':<40}{shown(gains)}, least {gains.min():.1f} %")
    print(f"\n{'source':<12}{'its labels':<12}share of the weight, each seed's")
    for number, (look, kind) in enumerate(SOURCES):
        print(f"{look:<12}{kind:<12}" + " ".join(f"{share[number]:3.0f} %" for share in found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400, help="pretraining steps")
    parser.add_argument("--width", type=int, default=4, help="channels of the first stage")
    parser.add_argument("--batch", type=int, default=48, help="images of sources in a step")
    options = parser.parse_args()
    if min(options.seeds, options.steps, options.width, options.batch) < 1:
        parser.error("all sizes must be positive")
    start = time.perf_counter()
    rows: dict[str, list[float]] = {name: [] for name in ROWS}
    found = []
    for seed in range(options.seeds):
        domains = make_domains(seed)
        for row, accuracies in rows.items():
            betty.manual_seed(seed)
            network, weights = train(row, domains, options)
            accuracies.append(accuracy(network, domains.test))
            if row == LEARNED:
                found.append(shares(weights, domains))
    print_tables(rows, found, options.seeds)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
