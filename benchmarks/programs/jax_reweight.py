"""The Meta-Weight-Net iteration over any classifier as one jitted function, shared by several
peers.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax_common import (
    cross_entropy,
    crossed,
    dense,
    dense_spec,
    finite_difference,
    flat,
    load,
    run,
    shifted,
    update,
)

WEIGHT_SPEC = dense_spec("0", 1, 100) + dense_spec("2", 100, 1)


def weight(p, column):
    return jax.nn.sigmoid(dense(p, "2", jax.nn.relu(dense(p, "0", column))))


def neumann(loss, lower, upper, vector, terms=5, alpha=0.1):
    """Exact: the gradient is linearised once and its linear part is applied once a term."""
    _, hessian = jax.linearize(jax.grad(lambda l: loss(l, upper)), lower)
    total = vector
    for _ in range(terms):
        vector = shifted(vector, hessian(vector), -alpha)
        total = shifted(total, vector, 1.0)
    return crossed(loss, lower, upper, jax.tree.map(lambda t: alpha * t, total))


def reweight(
    name,
    spec,
    params,
    apply,
    optimizer,
    train,
    valid,
    group,
    steps,
    warmup,
    method=finite_difference,
    statistics=None,
):
    """`apply(params, *inputs)` gives logits, or with `statistics` the logits and what renews the
    running statistics.
    """
    logits = apply if statistics is None else lambda p, *inputs: apply(p, *inputs)[0]
    weights, adam = load(WEIGHT_SPEC, 2), optax.adam(1e-5)

    def weighted(out, labels, upper):
        column = cross_entropy(out, labels)[:, None]
        return jnp.mean(weight(upper, jax.lax.stop_gradient(column)) * column)

    def lower_loss(lower, upper, batch):
        *inputs, labels = batch
        return weighted(logits(lower, *inputs), labels, upper)

    def upper_loss(lower, batch):
        *inputs, labels = batch
        return jnp.mean(cross_entropy(logits(lower, *inputs), labels))

    @partial(jax.jit, donate_argnums=0)
    def step(state, batch, above):
        lower, lower_state, upper, upper_state, kept = state
        if statistics is None:
            grads = jax.grad(lower_loss)(lower, upper, batch)
        else:

            def with_statistics(l):
                *inputs, labels = batch
                out, seen = apply(l, *inputs)
                return weighted(out, labels, upper), seen

            grads, seen = jax.grad(with_statistics, has_aux=True)(lower)
            kept = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, kept, seen)
        lower, lower_state = update(optimizer, grads, lower_state, lower)
        vector = jax.grad(upper_loss)(lower, above)
        grads = method(lambda l, u: lower_loss(l, u, batch), lower, upper, vector)
        upper, upper_state = update(adam, grads, upper_state, upper)
        return lower, lower_state, upper, upper_state, kept

    train, valid = (
        [jax.tree.map(jnp.array, batch) for batch in batches] for batches in (train, valid)
    )
    run(
        name,
        step,
        (params, optimizer.init(params), weights, adam.init(weights), statistics),
        lambda i: (train[i % len(train)], valid[i % len(valid)]),
        lambda state, calls: jax.jit(lower_loss)(
            state[0], state[2], train[(calls - 1) % len(train)]
        ),
        group,
        steps,
        warmup,
        trace=lambda state: {"upper": flat(WEIGHT_SPEC, state[2]), "lower": flat(spec, state[0])},
    )
