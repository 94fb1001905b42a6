"""b1 in JAX: the hundred lower steps are one scan inside one jitted iteration."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from data import logistic
from jax_common import finite_difference, run, sgd, update

train, valid = jax.tree.map(jnp.array, logistic())
momentum = sgd(1.0, 0.9)


def entropy(w, x, y):
    return optax.sigmoid_binary_cross_entropy(x @ w, y).mean()


def lower_loss(w, decay, x, y):
    return entropy(w, x, y) + 0.5 * jnp.sum(decay * w * w)


@partial(jax.jit, donate_argnums=0)
def step(state, train, valid):
    _, decay, kept = state

    def descend(w, _):
        return (w - 0.1 * jax.grad(lower_loss)(w, decay, *train), None)

    w, _ = jax.lax.scan(descend, jnp.zeros(20), length=100)
    vector = jax.grad(entropy)(w, *valid)
    grads = finite_difference(lambda l, u: lower_loss(l, u, *train), w, decay, vector)
    decay, kept = update(momentum, grads, kept, decay)
    return w, jnp.maximum(decay, 1e-8), kept


run(
    "b1_logistic",
    step,
    (jnp.zeros(20), jnp.ones(20), momentum.init(jnp.ones(20))),
    lambda i: (train, valid),
    lambda state, calls: lower_loss(*state[:2], *train),
    group=100,
    steps=5000,
    warmup=1000,
    each=100,
    trace=lambda state: {"lower": jax.device_get(state[0]), "upper": jax.device_get(state[1])},
)
