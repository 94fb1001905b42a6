"""Reweight noisy sentences: an encoder of BERT's shape learns from labels of which many are wrong.

A small network gives each training sentence a weight by its loss (Meta-Weight-Net; Shu et al.,
NeurIPS 2019), and is trained so that the encoder does well on a few clean sentences. Two levels:

    upper   weights   minimise the loss on clean sentences     over the weighting network
    lower   encoder   minimise the weighted training loss      over all of the encoder

Compared are plain training, plain training on noisy and clean sentences together, and reweighting
of these together: one encoder, one grid of learning rates, one number of steps. Rates are chosen on
clean validation sentences that nobody trains on. The sentences are generated: a class shows in a
few words of its own among common ones, and 40 % of the training sentences are given the next class.
`--layers 12 --width 768 --vocabulary 30522` gives BERT-base, 110 million parameters.

A sentence's loss tells a wrong label only while the encoder has not learned it by heart, so there
must be enough sentences for the number of steps; and the right label must be the likelier one.

Real weights are read where `--weights` names a file of Hugging Face's, `model.safetensors` or
`pytorch_model.bin` of BERT-base and its like: modules are named as theirs, so the keys fit, and the
sizes are the file's. Real sentences are read where `--sentences` names an .npz file with `tokens`
[N, L], 0 for padding, and `labels` [N]; where transformers is installed, these lines write one:

    tokens = AutoTokenizer.from_pretrained("bert-base-uncased")(texts, padding=True)["input_ids"]
    numpy.savez("sentences.npz", tokens=tokens, labels=labels)

    python examples/bert_reweighting.py [--seeds 3] [--steps 400] [--weights model.safetensors]
"""

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from betty.utils.data import DataLoader, TensorDataset

LENGTH, CLASSES, WORDS = 24, 4, 12  # tokens a sentence; classes; words that belong to each class
OWN = 0.3  # share of the words that belong to the sentence's class
TRAIN, CLEAN, VALID, TEST, WRONG = 3200, 80, 80, 800, 0.4
BATCH = 40
WEIGHT_RATE = 3e-3  # learning rate of the weighting network
ROWS = ("plain", "plain, with the clean", "reweighted, with the clean")


class Embeddings(nn.Module):
    def __init__(self, vocabulary: int, width: int, positions: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens):
        positions = betty.arange(tokens.shape[1])[None]
        types = betty.zeros_like(tokens)
        x = self.word_embeddings(tokens) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x + self.token_type_embeddings(types)))


class SelfAttention(nn.Module):
    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x, mask):
        heads = [
            part(x).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        joined = F.scaled_dot_product_attention(*heads, attn_mask=mask[:, None, None, :])
        return joined.transpose(1, 2).flatten(2)


class Output(nn.Module):
    """A map back, dropout, the residual and its norm."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, residual):
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class Layer(nn.Module):
    def __init__(self, width: int, inner: int, head: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(width, head), "output": Output(width, width)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = Output(inner, width)

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


@dataclass
class Shape:
    """The sizes of an encoder; `head` is the width of an attention head."""

    layers: int
    width: int
    vocabulary: int
    inner: int
    positions: int = 512
    head: int = 16

    def __post_init__(self) -> None:
        if self.width % self.head:
            raise ValueError(f"the width {self.width} is no multiple of the head's {self.head}")


class Encoder(nn.Module):
    """Tokens [N, L], 0 for padding, to scores [N, classes]."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        width = shape.width
        self.embeddings = Embeddings(shape.vocabulary, width, shape.positions)
        stack = [Layer(width, shape.inner, shape.head) for _ in range(shape.layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(stack)})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})
        self.classifier = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=1 / math.sqrt(width))

    def forward(self, tokens):
        x, mask = self.embeddings(tokens), tokens != 0
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return self.classifier(self.pooler["dense"](x[:, 0]).tanh())


def read_weights(path: Path, head: int) -> tuple[Shape, dict[str, betty.Tensor]]:
    """The sizes and the weights of a BERT in a file, under the keys of `Encoder`."""
    weights = {}
    for key, value in betty.load(path).items():
        key = key.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
        if not key.startswith(("cls.", "classifier.")) and key != "embeddings.position_ids":
            weights[key] = value
    words, positions = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
    inner = "encoder.layer.0.intermediate.dense.weight"
    missing = [key for key in (words, positions, inner) if key not in weights]
    if missing:
        raise ValueError(f"{path}: not the weights of a BERT, without {', '.join(missing)}")
    found = (re.match(r"encoder\.layer\.(\d+)\.", key) for key in weights)
    layers = 1 + max(int(match[1]) for match in found if match)
    vocabulary, width = weights[words].shape
    shape = Shape(layers, width, vocabulary, len(weights[inner]), len(weights[positions]), head)
    return shape, weights


def new_encoder(shape: Shape, weights: dict | None, classes: int) -> Encoder:
    """An encoder with the weights of a file, or with random ones."""
    network = Encoder(shape, classes)
    if weights is not None:
        own = network.state_dict()
        fresh = [key for key in own if key.startswith(("classifier.", "pooler."))]
        network.load_state_dict({key: own[key] for key in fresh} | weights)
    return network


class Plain(ImplicitProblem):
    """Every sentence counts alike."""

    def training_step(self, batch):
        tokens, labels = batch
        return F.cross_entropy(self.module(tokens), labels)


class Weighting(ImplicitProblem):
    """Upper level: the loss on clean sentences."""

    def training_step(self, batch):
        tokens, labels = batch
        return F.cross_entropy(self.sentences(tokens), labels)


class Sentences(ImplicitProblem):
    """Lower level: every sentence's loss times the weight that its loss gives it."""

    def training_step(self, batch):
        tokens, labels = batch
        losses = F.cross_entropy(self.module(tokens), labels, reduction="none").reshape(-1, 1)
        weights = self.weighting(losses.detach())
        return (weights / (weights.sum() + 1e-8) * losses).sum()


def sentences(random: np.random.Generator, count: int, vocabulary: int):
    """Tokens and labels: the first words are the classes' own, the rest is common to all."""
    labels = random.integers(0, CLASSES, count)
    first_common = 2 + CLASSES * WORDS
    tokens = random.integers(first_common, vocabulary, (count, LENGTH))
    own = random.random((count, LENGTH)) < OWN
    tokens[own] = (2 + labels[:, None] * WORDS + random.integers(0, WORDS, (count, LENGTH)))[own]
    tokens[:, 0] = 1
    ends = random.integers(LENGTH // 2, LENGTH + 1, (count, 1))
    return np.where(np.arange(LENGTH) < ends, tokens, 0), labels


def loader(split, shuffle: bool = True) -> DataLoader:
    dataset = TensorDataset(*(betty.from_numpy(part) for part in split))
    return DataLoader(dataset, BATCH, shuffle=shuffle, drop_last=shuffle)


def accuracy(network: nn.Module, split) -> float:
    network.eval()
    with betty.no_grad():
        hits = [(network(x).argmax(1) == y).sum().item() for x, y in loader(split, shuffle=False)]
    return 100 * sum(hits) / len(split[1])


def train(network: nn.Module, data, clean, rate: float, steps: int) -> None:
    """Trains an encoder on `data`; with `clean` the weights of its sentences are learned."""
    config = Config(type="darts", unroll_steps=1)
    adam = betty.optim.AdamW(network.parameters(), lr=rate, weight_decay=5e-3)
    decay = betty.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    if clean is None:
        lower = Plain("sentences", config, network, adam, decay, loader(data))
        problems, dependencies = [lower], {}
    else:
        weights = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
        upper = Weighting(
            "weighting", Config(), weights, betty.optim.Adam(weights.parameters(), lr=WEIGHT_RATE),
            train_data_loader=loader(clean),
        )  # fmt: skip
        lower = Sentences("sentences", config, network, adam, decay, loader(data))
        problems = [upper, lower]
        dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    Engine(problems, EngineConfig(train_iters=steps), dependencies).run()


def read_sentences(path: Path, seed: int):
    """Tokens and labels of a file, split at random into training, clean, validation and test
    sentences."""
    with np.load(path) as file:
        tokens, labels = file["tokens"].astype(np.int64), file["labels"].astype(np.int64)
    if tokens.ndim != 2 or len(tokens) != len(labels) or len(labels) < 10 * BATCH:
        raise ValueError(f"{path}: tokens {tokens.shape} and labels {labels.shape}, must be [N, L] "
                         f"and [N] with at least {10 * BATCH} sentences")  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(labels))
    ends = np.cumsum([len(labels) // 2, len(labels) // 10, len(labels) // 10])
    return [(tokens[rows], labels[rows]) for rows in np.split(order, ends)]


def make_data(seed: int, shape: Shape, path: Path | None):
    """Training sentences, these with the clean ones, and clean, validation and test sentences."""
    random = np.random.default_rng(seed)
    if path:
        data, clean, valid, test = read_sentences(path, seed)
    else:
        sizes = (TRAIN, CLEAN, VALID, TEST)
        data, clean, valid, test = (sentences(random, n, shape.vocabulary) for n in sizes)
    classes = 1 + max(int(part[1].max()) for part in (data, clean, valid, test))
    # Wrong labels are not spread evenly: each class is taken for the next one.
    wrong = random.random(len(data[1])) < WRONG
    data[1][wrong] = (data[1][wrong] + 1) % classes
    both = tuple(map(np.concatenate, zip(data, clean, strict=True)))
    return data, both, clean, valid, test, classes


def run(seed: int, shape: Shape, weights: dict | None, options) -> dict:
    """Accuracy on the validation and test sentences of one seed, by row and rate."""
    data, both, clean, valid, test, classes = make_data(seed, shape, options.sentences)
    found = {}
    for name in ROWS:
        samples = data if name == "plain" else both
        for rate in options.rates:
            betty.manual_seed(seed)
            network = new_encoder(shape, weights, classes)
            guide = clean if name.startswith("reweighted") else None
            train(network, samples, guide, rate, options.steps)
            found[name, rate] = accuracy(network, valid), accuracy(network, test)
            print(f"seed {seed}, rate {rate}, {name}: {found[name, rate][0]:.1f} % of validation")
    return found


def print_table(runs: list[dict], rates: list[float]) -> None:
    """A row for each training, at the rate that is best on its validation sentences."""
    print(f"\n{'training':<28}{'rate':>6}{'validation':>12}{'test, ' + str(len(runs)):>12} seeds")
    for name in ROWS:
        rate = max(rates, key=lambda rate: np.mean([found[name, rate][0] for found in runs]))
        valid, test = np.transpose([found[name, rate] for found in runs])
        deviation = test.std(ddof=min(1, len(test) - 1))
        scores = f"{valid.mean():>10.1f} %{test.mean():>10.1f} ± {deviation:.1f} %"
        print(f"{name:<28}{rate:>6}{scores}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 2e-3],
                        help="that every row may choose from; 2e-5 suits real weights")  # fmt: skip
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--vocabulary", type=int, default=1000)
    parser.add_argument("--head", type=int, help="width of a head; 64 with a file, else 16")
    parser.add_argument("--weights", type=Path, help="a file of a BERT of Hugging Face")
    parser.add_argument("--sentences", type=Path, help=".npz file with tokens and labels")
    options = parser.parse_args()
    if min(options.seeds, options.steps, options.layers, options.width) < 1:
        parser.error("--seeds, --steps, --layers and --width must be positive")
    if options.vocabulary <= 2 + CLASSES * WORDS:
        parser.error(f"--vocabulary must exceed {2 + CLASSES * WORDS}")
    weights = None
    try:
        if options.weights:
            shape, weights = read_weights(options.weights, options.head or 64)
        else:
            inner, head = 4 * options.width, options.head or 16
            shape = Shape(options.layers, options.width, options.vocabulary, inner, head=head)
        runs = [run(seed, shape, weights, options) for seed in range(options.seeds)]
    except (ValueError, RuntimeError, OSError) as error:  # a file that does not fit
        parser.error(str(error))
    print_table(runs, options.rates)


if __name__ == "__main__":
    main()
