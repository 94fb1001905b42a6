"""b4 in JAX."""

import os

import jax
import jax.numpy as jnp
import optax
from data import sentences
from jax_common import dense, dense_spec, load
from jax_reweight import reweight

LAYERS, WIDTH = int(os.environ.get("LAYERS", 12)), int(os.environ.get("WIDTH", 768))
HEADS, LENGTH = WIDTH // 64, 50


def norm_spec(name):
    return [(name + ".weight", (WIDTH,)), (name + ".bias", (WIDTH,))]


SPEC = [
    ("table.tokens", (30522, WIDTH)),
    ("table.positions", (LENGTH, WIDTH)),
    ("table.segments", (2, WIDTH)),
] + norm_spec("norm")
for i in range(LAYERS):
    for part in "qkvo":
        SPEC += dense_spec(f"{i}.{part}", WIDTH, WIDTH)
    SPEC += (
        norm_spec(f"{i}.norm1")
        + dense_spec(f"{i}.up", WIDTH, 4 * WIDTH)
        + dense_spec(f"{i}.down", 4 * WIDTH, WIDTH)
        + norm_spec(f"{i}.norm2")
    )
SPEC += dense_spec("pooler", WIDTH, WIDTH) + dense_spec("head", WIDTH, 2)


def norm(p, name, x):
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    variance = jnp.mean(centred * centred, -1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-12) * p[name + ".weight"] + p[name + ".bias"]


def attention(p, i, x, mask):
    def split(part):
        return dense(p, f"{i}.{part}", x).reshape(-1, LENGTH, HEADS, 64)

    scores = jnp.einsum("blhd,bmhd->bhlm", split("q"), split("k")) / 8.0
    scores = jnp.where(mask[:, None, None, :] == 0, -1e9, scores)
    out = jnp.einsum("bhlm,bmhd->blhd", jax.nn.softmax(scores), split("v"))
    return dense(p, f"{i}.o", out.reshape(x.shape))


def apply(p, tokens, mask):
    x = norm(
        p, "norm", p["table.tokens"][tokens] + p["table.positions"][None] + p["table.segments"][0]
    )
    for i in range(LAYERS):
        x = norm(p, f"{i}.norm1", x + attention(p, i, x, mask))
        hidden = jax.nn.gelu(dense(p, f"{i}.up", x), approximate=False)
        x = norm(p, f"{i}.norm2", x + dense(p, f"{i}.down", hidden))
    return dense(p, "head", jnp.tanh(dense(p, "pooler", x[:, 0])))


reweight(
    "b4_bert",
    SPEC,
    load(SPEC, 1, 0.02),
    apply,
    optax.adamw(1e-5, weight_decay=5e-3),
    sentences(11, 4, 8),
    sentences(12, 4, 8),
    group=1,
    steps=5,
    warmup=1,
)
