"""Learn from bad data: weigh mislabelled digits so that a network does well on clean ones.

The training set is long-tailed (twenty times fewer nines than zeros) and 40 % of its labels are
wrong. A small clean set, ten images a digit, says what we want. The program has two levels:

    upper   weights      minimise the loss on the clean set       over one weight per sample
    lower   classifier   minimise the weighted training loss      over the network's parameters

Betty gives the upper level its gradient through the lower one. Compared are plain training,
plain training on training and clean samples together, and reweighting of these together: one
network, one grid of learning rates, one number of steps. Rates are chosen on clean validation
samples that nobody trains on; the test set is used for the table and nothing else.

    python examples/data_reweighting.py [--seeds 5] [--steps 500] [--precision bf16]
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from tqdm import tqdm

TEST, CLEAN, VALID = 500, 10, 10  # test samples; clean and validation samples of each digit
TAIL, WRONG = 0.05, 0.4  # samples of the last class against the first; share of wrong labels
RATES = (0.005, 0.01, 0.02, 0.05, 0.1)  # learning rates that every row may choose from
WEIGHT_RATE = 0.05  # of the sample weights; found on other seeds than those of the table
METHODS = ("plain", "plain, with the clean samples", "reweighted, with the clean samples")
REWEIGHTED = METHODS[2]


# Data


@dataclass
class Split:
    """One seed's digits: `wrong` tells which labels of `train` are; the other sets are clean."""

    train: tuple[np.ndarray, np.ndarray]
    wrong: np.ndarray
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
    clean, valid, train = [], [], []
    for digit in range(10):
        rows = TEST + np.flatnonzero(labels[TEST:] == digit)
        clean.append(rows[:CLEAN])
        valid.append(rows[CLEAN : CLEAN + VALID])
        rest = rows[CLEAN + VALID :]
        train.append(rest[: round(len(rest) * TAIL ** (digit / 9))])
    clean, valid, train = map(np.concatenate, (clean, valid, train))
    seen = labels[train]
    wrong = random.random(len(seen)) < WRONG
    seen[wrong] = (seen[wrong] + random.integers(1, 10, wrong.sum())) % 10
    return Split(
        train=(images[train], seen),
        wrong=wrong,
        clean=(images[clean], labels[clean]),
        valid=(images[valid], labels[valid]),
        test=(images[:TEST], labels[:TEST]),
    )


# The program


class SampleWeights(nn.Module):
    """A weight between 0 and 1 for each training sample; all start at 1/2."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(betty.zeros(samples))

    def forward(self):
        return betty.sigmoid(self.logits)


class Classifier(ImplicitProblem):
    """Lower level: the network on the training samples, as much of each as its weight says."""

    def training_step(self, batch):
        images, labels = batch
        losses = F.cross_entropy(self.module(images), labels, reduction="none")
        weights = self.weights()
        return (weights * losses).sum() / weights.sum()


class Weights(ImplicitProblem):
    """Upper level: the weights under which the classifier does well on the clean samples."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.classifier(images), labels)


class PlainClassifier(ImplicitProblem):
    """The usual training: every sample counts alike."""

    def training_step(self, batch):
        images, labels = batch
        return F.cross_entropy(self.module(images), labels)


# Training


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))


def classifier_parts(rate: float, samples: tuple) -> dict:
    """What all rows have in common: network, optimizer, learning rate, all samples in each step."""
    module = network()
    return {
        "module": module,
        "optimizer": betty.optim.SGD(module.parameters(), lr=rate, momentum=0.9),
        "train_data_loader": [samples],
    }


def train(method: str, split: Split, rate: float, seed: int, steps: int, precision: str, bar: tqdm):
    """The trained network, and the learned sample weights when there are any."""
    betty.manual_seed(seed)
    samples, weights, dependencies = split.train, None, {}
    config = Config(replay=True, precision=precision)
    if method != "plain":
        samples = tuple(map(np.concatenate, zip(split.train, split.clean, strict=True)))
    if method == REWEIGHTED:
        lower = Classifier("classifier", config, **classifier_parts(rate, samples))
        weights = SampleWeights(len(samples[1]))
        upper = Weights(
            "weights",
            Config(replay=True),
            module=weights,
            optimizer=betty.optim.Adam(weights.parameters(), lr=WEIGHT_RATE),
            train_data_loader=[split.clean],
        )
        problems = [upper, lower]
        dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    else:
        lower = PlainClassifier("plain", config, **classifier_parts(rate, samples))
        problems = [lower]
    chunk = math.gcd(steps, 50)  # steps between two moves of the bar
    engine = Engine(problems, EngineConfig(train_iters=chunk), dependencies)
    for _ in range(steps // chunk):
        engine.run()
        bar.update(chunk)
    return lower.module, weights


def accuracy(module: nn.Module, samples: tuple) -> float:
    images, labels = samples
    with betty.no_grad():
        return 100 * np.mean(module(betty.from_numpy(images)).argmax(1).numpy() == labels).item()


@dataclass
class Run:
    """What is kept of one training."""

    valid: float
    test: float
    weights: np.ndarray | None


def run_all(seeds: int, steps: int, precision: str) -> tuple[dict, list[Split]]:
    """Runs of every method and learning rate, one for each seed."""
    splits = [split_digits(seed) for seed in range(seeds)]
    runs: dict[str, dict[float, list[Run]]] = {}
    with tqdm(total=len(METHODS) * len(RATES) * seeds * steps, unit=" steps") as bar:
        for method in METHODS:
            bar.set_description(method)
            runs[method] = {rate: [] for rate in RATES}
            for rate in RATES:
                for seed, split in enumerate(splits):
                    module, weights = train(method, split, rate, seed, steps, precision, bar)
                    learned = None if weights is None else weights().detach().numpy()
                    scores = accuracy(module, split.valid), accuracy(module, split.test)
                    runs[method][rate].append(Run(*scores, learned))
    return runs, splits


# Results


def best(of_method: dict[float, list[Run]]) -> float:
    """The learning rate with the best mean validation accuracy."""
    return max(of_method, key=lambda rate: np.mean([run.valid for run in of_method[rate]]))


def print_table(runs: dict) -> None:
    print(f"\n{'training':<36}{'rate':>6}{'validation':>12}{'test accuracy':>18}")
    for method in METHODS:
        rate = best(runs[method])
        valid, test = np.array([(run.valid, run.test) for run in runs[method][rate]]).T
        deviation = test.std(ddof=min(1, len(test) - 1))
        scores = f"{valid.mean():>10.1f} %{test.mean():>10.1f} ± {deviation:.1f} %"
        print(f"{method:<36}{rate:>6}{scores}")


def save_figure(learned: list[np.ndarray], splits: list[Split], path: Path) -> None:
    """Histograms of the weights of rightly and of wrongly labelled training samples, all seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    wrong = np.concatenate([split.wrong for split in splits])
    pairs = zip(learned, splits, strict=True)
    weights = np.concatenate([each[: len(split.wrong)] for each, split in pairs])
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for chosen, label, color in ((~wrong, "right label", "C0"), (wrong, "wrong label", "C3")):
        axes.hist(weights[chosen], bins=40, range=(0, 1), alpha=0.6, label=label, color=color)
    axes.set(xlabel="learned weight", ylabel="training samples")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="repetitions with other data")
    parser.add_argument("--steps", type=int, default=500, help="steps of each training")
    parser.add_argument("--precision", default="fp32", help="of the network: bf16, fp16, fp32")
    parser.add_argument("--figure", type=Path, default=Path("data_reweighting.png"))
    options = parser.parse_args()
    if options.seeds < 1 or options.steps < 1:
        parser.error("--seeds and --steps must be at least 1")
    start = time.perf_counter()
    runs, splits = run_all(options.seeds, options.steps, options.precision)
    print_table(runs)
    learned = [run.weights for run in runs[REWEIGHTED][best(runs[REWEIGHTED])]]
    save_figure(learned, splits, options.figure)
    print(f"\nlearned weights: {options.figure.resolve()}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
