"""Data hyper-cleaning: find the wrong labels of a training set from a small clean one.

Half of the training labels are wrong. Every training sample has its own weight, a sigmoid, and the
weights are learned so that a linear classifier fitted under them does well on clean validation
samples (Franceschi et al., ICML 2017). Two levels:

    upper   weights      minimise the loss on the validation samples   over one number a sample
    lower   classifier   minimise the weighted training loss           over a linear map

The upper gradient is the implicit one: the lower Hessian's inverse by conjugate gradients, which
the quadratic penalty of the lower loss makes well posed.

    python examples/hyper_cleaning.py [--seeds 3] [--steps 2000]
"""

import argparse
from dataclasses import dataclass

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

TRAIN, VALID = 500, 100  # samples; the rest of the digits is the test set
WRONG, PENALTY = 0.5, 1e-3
UNROLL = 5  # lower steps between two upper ones


@dataclass
class Split:
    """One seed's digits: `wrong` tells which labels of `train` are; the other sets are clean."""

    train: tuple[np.ndarray, np.ndarray]
    wrong: np.ndarray
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def split_digits(seed: int) -> Split:
    """Scikit-learn's digits in random order, with half of the training labels replaced."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    order = random.permutation(len(labels))
    images, labels = (images[order] / 16).astype(np.float32), labels[order]
    given = labels[:TRAIN].copy()
    wrong = random.random(TRAIN) < WRONG
    given[wrong] = (given[wrong] + random.integers(1, 10, wrong.sum())) % 10
    end = TRAIN + VALID
    return Split(
        (images[:TRAIN], given),
        wrong,
        (images[TRAIN:end], labels[TRAIN:end]),
        (images[end:], labels[end:]),
    )


class SampleWeights(nn.Module):
    """A number for each training sample; its sigmoid is the sample's weight."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(betty.zeros(count))

    def forward(self) -> betty.Tensor:
        return self.raw.sigmoid()


class Cleaning(ImplicitProblem):
    """Upper level: the loss on clean samples."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier(images), labels)


class Classifier(ImplicitProblem):
    """Lower level: the weighted loss on all training samples, with a penalty."""

    def training_step(self, batch):
        images, labels = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none")
        return (self.cleaning() * losses).mean() + PENALTY * (self.module.weight**2).sum()


def tensors(split: tuple[np.ndarray, np.ndarray]) -> tuple[betty.Tensor, betty.Tensor]:
    return tuple(betty.from_numpy(part) for part in split)


def accuracy(network: nn.Module, split: tuple[np.ndarray, np.ndarray]) -> float:
    images, labels = tensors(split)
    return (network(images).argmax(1) == labels).float().mean().item()


def fit(samples: tuple[np.ndarray, np.ndarray], steps: int) -> nn.Module:
    """The linear classifier of these samples alone."""
    network = nn.Linear(64, 10)
    optimizer = betty.optim.SGD(network.parameters(), lr=0.5, momentum=0.9)
    images, labels = tensors(samples)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        (loss + PENALTY * (network.weight**2).sum()).backward()
        optimizer.step()
    return network


def clean(split: Split, steps: int) -> tuple[nn.Module, np.ndarray]:
    """The classifier and the sample weights that were learned with it."""
    weights, network = SampleWeights(TRAIN), nn.Linear(64, 10)
    upper = Cleaning(
        "cleaning",
        Config(),
        weights,
        betty.optim.Adam(weights.parameters(), lr=0.1),
        train_data_loader=[tensors(split.valid)],
    )
    lower = Classifier(
        "classifier",
        Config(type="cg", cg_iterations=5, unroll_steps=UNROLL, replay=True),
        network,
        betty.optim.SGD(network.parameters(), lr=0.5, momentum=0.9),
        train_data_loader=[tensors(split.train)],
    )
    dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    Engine([upper, lower], EngineConfig(train_iters=steps), dependencies).run()
    return network, weights().detach().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    if options.seeds < 1 or options.steps < 1:
        parser.error("--seeds and --steps must be positive")
    rows: dict[str, list[float]] = {}
    found = []
    for seed in range(options.seeds):
        betty.manual_seed(seed)
        split = split_digits(seed)
        right = ~split.wrong
        joined = tuple(map(np.concatenate, zip(split.train, split.valid, strict=True)))
        network, weights = clean(split, options.steps)
        results = {
            "all training samples": fit(split.train, options.steps),
            "validation samples alone": fit(split.valid, options.steps),
            "both together": fit(joined, options.steps),
            "hyper-cleaned": network,
            "right labels known": fit(tuple(part[right] for part in split.train), options.steps),
        }
        for name, result in results.items():
            rows.setdefault(name, []).append(100 * accuracy(result, split.test))
        found.append(100 * ((weights < 0.5) == split.wrong).mean())
    print(f"{'training':<26}test accuracy, mean of {options.seeds}")
    for name, values in rows.items():
        deviation = np.std(values, ddof=min(1, len(values) - 1))
        print(f"{name:<26}{np.mean(values):.1f} ± {deviation:.1f} %")
    print(f"labels told right from wrong by their weight: {np.mean(found):.1f} %")


if __name__ == "__main__":
    main()
