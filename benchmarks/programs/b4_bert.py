"""Meta-Weight-Net over an encoder of the shape of BERT-base, 8 sentences of 50 tokens, AdamW,
finite differences.
"""

import math
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from common import Clock, seeded, tensors
from data import sentences
from reweight import run

LAYERS, WIDTH = int(os.environ.get("LAYERS", 12)), int(os.environ.get("WIDTH", 768))
HEADS, VOCABULARY, LENGTH = WIDTH // 64, 30522, 50


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x, mask):
        def split(t):
            return t.view(t.size(0), LENGTH, HEADS, 64).permute(0, 2, 1, 3)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(64)
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -1e9)
        out = torch.matmul(F.softmax(scores, dim=-1), v)
        return self.o(out.permute(0, 2, 1, 3).contiguous().view(x.size(0), LENGTH, WIDTH))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.norm1 = Attention(), nn.LayerNorm(WIDTH, eps=1e-12)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions, self.segments = (
            nn.Embedding(VOCABULARY, WIDTH),
            nn.Embedding(LENGTH, WIDTH),
            nn.Embedding(2, WIDTH),
        )
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.pooler, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, tokens, mask):
        x = (
            self.tokens(tokens)
            + self.positions(torch.arange(LENGTH))[None]
            + self.segments(torch.zeros_like(tokens))
        )
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(torch.tanh(self.pooler(x[:, 0])))


net = seeded(Encoder(), 1, 0.02)
run(
    Clock("b4_bert", group=1, steps=5, warmup=1),
    net,
    torch.optim.AdamW(net.parameters(), lr=1e-5, weight_decay=5e-3),
    tensors(sentences(11, 4, 8)),
    tensors(sentences(12, 4, 8)),
    type="darts",
)
