"""Reweight noisy sentences: an encoder of BERT's shape learns from labels of which many are wrong.

A small network gives each training sentence a weight by its loss (Meta-Weight-Net; Shu et al.,
NeurIPS 2019), and is trained so that the encoder does well on a few clean sentences. Two levels:

    upper   weights   minimise the loss on clean sentences     over the weighting network
    lower   encoder   minimise the weighted training loss      over all of the encoder

Modules are named as in Hugging Face's BertModel, so that the keys of its state dict are those of
`Encoder`. The sentences are generated: a class shows in a few words of its own among common ones.
`--layers 12 --width 768 --vocabulary 30522` is the shape of BERT-base, 110 million parameters.

    python examples/bert_reweighting.py [--steps 600] [--layers 2] [--width 64]
"""

import argparse
import math

import betty
import betty.nn as nn
import betty.nn.functional as F
import numpy as np
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

LENGTH, CLASSES, WORDS = 24, 4, 12  # tokens a sentence; classes; words that belong to each class
TRAIN, CLEAN, TEST, WRONG = 800, 80, 800, 0.5
BATCH, HEAD = 40, 16


class Embeddings(nn.Module):
    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(512, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens):
        positions = betty.arange(tokens.shape[1])[None]
        types = betty.zeros_like(tokens)
        x = self.word_embeddings(tokens) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x + self.token_type_embeddings(types)))


class SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x, mask):
        heads = [
            part(x).unflatten(-1, (-1, HEAD)).transpose(1, 2)
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
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(width), "output": Output(width, width)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output = Output(4 * width, width)

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Encoder(nn.Module):
    """Tokens [N, L], 0 for padding, to scores [N, classes]."""

    def __init__(self, layers: int, width: int, vocabulary: int) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width)
        stack = nn.ModuleList([Layer(width) for _ in range(layers)])
        self.encoder = nn.ModuleDict({"layer": stack})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})
        self.classifier = nn.Linear(width, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=1 / math.sqrt(width))

    def forward(self, tokens):
        x, mask = self.embeddings(tokens), tokens != 0
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return self.classifier(self.pooler["dense"](x[:, 0]).tanh())


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
    own = random.random((count, LENGTH)) < 0.2
    tokens[own] = (2 + labels[:, None] * WORDS + random.integers(0, WORDS, (count, LENGTH)))[own]
    tokens[:, 0] = 1
    ends = random.integers(LENGTH // 2, LENGTH + 1, (count, 1))
    return np.where(np.arange(LENGTH) < ends, tokens, 0), labels


def batches(split):
    tokens, labels = (betty.from_numpy(part) for part in split)
    starts = range(0, len(labels), BATCH)
    return [(tokens[at : at + BATCH], labels[at : at + BATCH]) for at in starts]


def accuracy(network: nn.Module, split) -> float:
    network.eval()
    with betty.no_grad():
        hits = [(network(x).argmax(1) == y).sum().item() for x, y in batches(split)]
    network.train()
    return 100 * sum(hits) / len(split[1])


def train(options, data, clean, learn: bool) -> nn.Module:
    """An encoder trained on `data`, with learned weights or equal ones."""
    network = Encoder(options.layers, options.width, options.vocabulary)
    weights = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    upper = Weighting(
        "weighting",
        Config(),
        weights,
        betty.optim.Adam(weights.parameters(), lr=3e-3 if learn else 0.0),
        train_data_loader=batches(clean),
    )
    lower = Sentences(
        "sentences",
        Config(type="darts", unroll_steps=1),
        network,
        betty.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=5e-3),
        train_data_loader=batches(data),
    )
    dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    Engine([upper, lower], EngineConfig(train_iters=options.steps), dependencies).run()
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--vocabulary", type=int, default=1000)
    options = parser.parse_args()
    if min(options.steps, options.layers) < 1 or options.width < HEAD or options.width % HEAD:
        parser.error(f"--steps and --layers must be positive, --width a multiple of {HEAD}")
    if options.vocabulary <= 2 + CLASSES * WORDS:
        parser.error(f"--vocabulary must exceed {2 + CLASSES * WORDS}")
    betty.manual_seed(0)
    random = np.random.default_rng(0)
    data, clean, test = (sentences(random, n, options.vocabulary) for n in (TRAIN, CLEAN, TEST))
    wrong = random.random(TRAIN) < WRONG
    # Wrong labels are not spread evenly: each class is taken for the next one.
    data[1][wrong] = (data[1][wrong] + 1) % CLASSES
    print(f"{'training':<14}accuracy on {TEST} clean sentences")
    for name, learn in (("plain", False), ("reweighted", True)):
        network = train(options, data, clean, learn)
        print(f"{name:<14}{accuracy(network, test):.1f} %")


if __name__ == "__main__":
    main()
