"""b7 in JAX: one jitted meta-step, the tasks under vmap; a step is a meta-step."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from data import sinusoids
from jax_common import dense, dense_spec, flat, load, run, shifted, update

SPEC = dense_spec("0", 1, 40) + dense_spec("2", 40, 40) + dense_spec("4", 40, 1)
adam = optax.adam(1e-3)


def loss_of(p, x, y):
    out = dense(p, "4", jax.nn.relu(dense(p, "2", jax.nn.relu(dense(p, "0", x)))))
    return jnp.mean((out - y) ** 2)


def adapted(p, xs, ys, xq, yq):
    for _ in range(5):
        p = shifted(p, jax.grad(loss_of)(p, xs, ys), -0.01)
    return loss_of(p, xq, yq)


@partial(jax.jit, donate_argnums=0)
def step(state, batch):
    params, kept, _ = state
    loss, grads = jax.value_and_grad(
        lambda p: jax.vmap(adapted, (None, 0, 0, 0, 0))(p, *batch).mean()
    )(params)
    params, kept = update(adam, grads, kept, params)
    return params, kept, loss


batches = jax.tree.map(jnp.array, sinusoids(11, 8))
run(
    "b7_maml_sinusoid",
    step,
    (load(SPEC, 1), adam.init(load(SPEC, 1)), jnp.zeros(())),
    lambda i: (batches[i % 8],),
    lambda state, calls: state[2],
    group=5,
    steps=200,
    warmup=20,
    trace=lambda state: {"upper": flat(SPEC, state[0])},
)
