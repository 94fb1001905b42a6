"""b5 in JAX: five lower steps, conjugate gradients on the linearised gradient, AdamW above, all
in one jitted iteration.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from data import images
from jax_common import cross_entropy, crossed, dense, dense_spec, flat, load, run, shifted, update

SPEC = []
for i in range(4):
    SPEC += [
        (f"{i}.0.weight", (64, 64 if i else 1, 3, 3)),
        (f"{i}.0.bias", (64,)),
        (f"{i}.1.weight", (64,)),
        (f"{i}.1.bias", (64,)),
    ]
SPEC += dense_spec("5", 64, 5)
adamw = optax.adamw(5e-4, weight_decay=1e-4)


def larger(a, b):
    """A maximum whose derivatives ask for no equality: jitted, the second order through
    `jnp.max` came out 8 % wrong.
    """
    return jnp.where(a >= b, a, b)


def block(p, i, x):
    x = (
        jax.lax.conv_general_dilated(
            x,
            p[f"{i}.0.weight"],
            (1, 1),
            ((1, 1), (1, 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        + p[f"{i}.0.bias"]
    )
    mean = x.mean((0, 1, 2))
    centred = x - mean
    variance = jnp.mean(centred * centred, (0, 1, 2))
    x = jax.nn.relu(
        centred * (jax.lax.rsqrt(variance + 1e-5) * p[f"{i}.1.weight"]) + p[f"{i}.1.bias"]
    )
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return larger(
        larger(x[:, ::2, ::2], x[:, ::2, 1::2]), larger(x[:, 1::2, ::2], x[:, 1::2, 1::2])
    )


def upper_loss(p, batch):
    x, y = batch
    for i in range(4):
        x = block(p, i, x)
    return cross_entropy(dense(p, "5", x.reshape(x.shape[0], -1)), y).mean()


def lower_loss(lower, upper, batch):
    return upper_loss(lower, batch) + 0.5 * sum(
        jnp.sum((p - q) ** 2)
        for p, q in zip(jax.tree.leaves(lower), jax.tree.leaves(upper), strict=False)
    )


def dot(a, b):
    return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=False))


def conjugate_gradients(product, r, iterations):
    x, p, square = jax.tree.map(jnp.zeros_like, r), r, dot(r, r)
    for _ in range(iterations):
        hp = product(p)
        alpha = square / dot(hp, p)
        x, r = shifted(x, p, alpha), shifted(r, hp, -alpha)
        fresh = dot(r, r)
        p, square = shifted(r, p, fresh / square), fresh
    return x


@partial(jax.jit, donate_argnums=0)
def step(state, train, test):
    _, upper, kept = state
    lower = upper
    for _ in range(5):
        lower = shifted(lower, jax.grad(lower_loss)(lower, upper, train), -0.1)
    vector = jax.grad(upper_loss)(lower, test)
    _, product = jax.linearize(lambda l: jax.grad(lower_loss)(l, upper, train), lower)
    solution = conjugate_gradients(product, vector, 3)
    grads = crossed(lambda l, u: lower_loss(l, u, train), lower, upper, solution)
    upper, kept = update(adamw, grads, kept, upper)
    return lower, upper, kept


def last(batches):
    return [(jnp.array(x.transpose(0, 2, 3, 1)), jnp.array(y)) for x, y in batches]


train, test = last(images(11, 8, 25, (1, 28, 28), 5)), last(images(12, 8, 25, (1, 28, 28), 5))
run(
    "b5_imaml",
    step,
    (load(SPEC, 1), load(SPEC, 1), adamw.init(load(SPEC, 1))),
    lambda i: (train[i % 8], test[i % 8]),
    lambda state, calls: jax.jit(lower_loss)(*state[:2], train[(calls - 1) % 8]),
    group=5,
    steps=100,
    warmup=10,
    each=5,
    trace=lambda state: {"lower": flat(SPEC, state[0]), "upper": flat(SPEC, state[1])},
)
