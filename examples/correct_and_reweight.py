"""Correct labels and weigh labellers at once: two upper problems over one lower.

Eight people have labelled digits. All of them worked from a guide in which the labels 5 to 9 are
mixed up, and half of them did not look at the digits at all. Nobody knows either; five clean images
of each class show what the labels should be. Two problems share the lower one:

    upper   correct      minimise the loss on the clean images    over what each label stands for
    upper   reweight     minimise the loss on the clean images    over a weight for each labeller
    lower   classifier   minimise the weighted loss against       over the network's parameters
                         the corrected labels

Each has something to do that the other can't: no weight makes a wrong label right, and no new
meaning of the labels helps where they were guessed. (Choe et al., ICLR 2023, do both for the labels
of weak sources.) Compared are plain training, the clean images alone and with all others, and each
of the two problems by itself: one network, one number of steps, one grid of rates, of which every
row takes the best by clean validation images that nobody trains on.

    python examples/correct_and_reweight.py [--seeds 5] [--steps 400]
"""

import argparse
import itertools
from dataclasses import dataclass

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

TEST, CLEAN, VALID = 500, 5, 5  # test images; clean and validation images of each class
LABELLERS, CARELESS, SLIPS = 8, 4, 0.1  # the first CARELESS guess; the others slip now and then
RATES, UPPER_RATES = (0.05, 0.1), (0.03, 0.1)  # of the network; of corrections and weights
ROWS = {
    "plain": (False, False),
    "clean images alone": (False, False),
    "plain, with the clean images": (False, False),
    "reweighted": (False, True),
    "corrected": (True, False),
    "corrected and reweighted": (True, True),
}


# Data


@dataclass
class Split:
    """One seed's digits; `labeller` tells who labelled an image of `train`."""

    train: tuple[np.ndarray, np.ndarray]
    labeller: np.ndarray
    clean: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def split_digits(seed: int) -> Split:
    """Scikit-learn's digits in random order: the test set first, the others from the rest."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    order = random.permutation(len(labels))
    images, labels = (images[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    by_class = [TEST + np.flatnonzero(labels[TEST:] == digit) for digit in range(10)]
    ends = (CLEAN, CLEAN + VALID)
    parts = zip(*(np.split(rows, ends) for rows in by_class), strict=True)
    clean, valid, train = map(np.concatenate, parts)
    labeller = random.integers(0, LABELLERS, len(train))
    seen = labels[train]
    seen = np.where(seen >= 5, 5 + (seen + 1) % 5, seen)  # what the guide calls them
    careless = labeller < CARELESS
    guessed = careless | (random.random(len(seen)) < SLIPS)
    seen[guessed] = random.integers(0, 10, guessed.sum())
    return Split(
        train=(images[train], seen),
        labeller=labeller,
        clean=(images[clean], labels[clean]),
        valid=(images[valid], labels[valid]),
        test=(images[:TEST], labels[:TEST]),
    )


# Problems


class Meanings(nn.Module):
    """What each label stands for, as probabilities of the classes; at first mostly itself."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(3 * betty.eye(10))

    def forward(self, labels):
        return self.logits[labels].softmax(1)


class Weights(nn.Module):
    """A weight between 0 and 1 for each labeller; all start at 1/2."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(betty.zeros(LABELLERS))

    def forward(self, labellers):
        return self.logits.sigmoid()[labellers]


class Correct(ImplicitProblem):
    """Upper: the meanings of labels under which the classifier does well on clean images."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier(images), labels)


class Reweight(Correct):
    """Upper: the same loss, for the weights of labellers."""


class Classifier(ImplicitProblem):
    """Lower: the weighted loss on all images against their corrected labels."""

    corrects = reweighs = True

    def training_step(self, batch):
        images, labels, labellers = batch
        targets = self.correct(labels) if self.corrects else labels
        losses = F.cross_entropy(self.module(images), targets, reduction="none")
        if not self.reweighs:
            return losses.mean()
        weights = self.reweight(labellers)
        return (weights * losses).sum() / weights.sum()


# Training


def samples_of(row: str, split: Split) -> tuple[np.ndarray, ...]:
    """Images, labels and labellers that a row trains its network on."""
    (images, labels), (clean, right) = split.train, split.clean
    nobody = np.zeros(len(right), np.int64)
    if row == "clean images alone":
        return clean, right, nobody
    if row == "plain, with the clean images":
        joined = np.concatenate([images, clean]), np.concatenate([labels, right])
        return *joined, np.concatenate([split.labeller, nobody])
    return images, labels, split.labeller


def train(row: str, split: Split, rate: float, upper_rate: float, seed: int, steps: int) -> tuple:
    """The trained network, and the modules that were learned above it."""
    betty.manual_seed(seed)
    network = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    replay = Config(replay=True)
    lower = Classifier(
        "classifier", replay, network,
        betty.optim.SGD(network.parameters(), lr=rate, momentum=0.9),
        train_data_loader=[samples_of(row, split)],
    )  # fmt: skip
    lower.corrects, lower.reweighs = ROWS[row]
    learned, uppers = {}, []
    for kind, module in ((Correct, Meanings), (Reweight, Weights)):
        name = kind.__name__.lower()
        if (kind is Correct and lower.corrects) or (kind is Reweight and lower.reweighs):
            learned[name] = module()
            adam = betty.optim.Adam(learned[name].parameters(), lr=upper_rate)
            uppers.append(kind(name, replay, learned[name], adam, train_data_loader=[split.clean]))
    dependencies = {"u2l": {upper: [lower] for upper in uppers}, "l2u": {lower: uppers}}
    config = EngineConfig(train_iters=steps)
    Engine([*uppers, lower], config, dependencies if uppers else {}).run()
    return network, learned


def accuracy(network: nn.Module, samples: tuple) -> float:
    images, labels = samples
    with betty.no_grad():
        return 100 * np.mean(network(betty.from_numpy(images)).argmax(1).numpy() == labels).item()


def best_of(row: str, splits: list[Split], steps: int) -> tuple:
    """Rates, test accuracies and learned modules of the rates with the best mean validation."""
    uppers = UPPER_RATES if any(ROWS[row]) else UPPER_RATES[:1]
    best = None
    for rates in itertools.product(RATES, uppers):
        runs = [train(row, split, *rates, seed, steps) for seed, split in enumerate(splits)]
        pairs = list(zip(runs, splits, strict=True))
        valid = np.mean([accuracy(network, split.valid) for (network, _), split in pairs])
        if best is None or valid > best[0]:
            tests = [accuracy(network, split.test) for (network, _), split in pairs]
            best = valid, rates, tests, [learned for _, learned in runs]
    return best[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="repetitions with other data")
    parser.add_argument("--steps", type=int, default=400, help="steps of each training")
    options = parser.parse_args()
    if options.seeds < 1 or options.steps < 1:
        parser.error("--seeds and --steps must be at least 1")
    splits = [split_digits(seed) for seed in range(options.seeds)]
    print(f"{'training':<32}{'rates':>12}   test accuracy, {options.seeds} seeds")
    for row in ROWS:
        rates, tests, learned = best_of(row, splits, options.steps)
        shown = ", ".join(map(str, rates if any(ROWS[row]) else rates[:1]))
        deviation = np.std(tests, ddof=min(1, len(tests) - 1))
        print(f"{row:<32}{shown:>12}   {np.mean(tests):.1f} ± {deviation:.1f} %", flush=True)
    meanings = [each["correct"](betty.arange(10)).argmax(1).tolist() for each in learned]
    right = [*range(5), *(5 + (label - 1) % 5 for label in range(5, 10))]
    weights = np.array([each["reweight"](betty.arange(LABELLERS)).tolist() for each in learned])
    print(
        f"\nlabels whose meaning was found: {10 * np.mean(np.array(meanings) == right):.1f} of 10"
    )
    print(f"weight of the careless: {weights[:, :CARELESS].mean():.2f}, "
          f"of the others: {weights[:, CARELESS:].mean():.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
