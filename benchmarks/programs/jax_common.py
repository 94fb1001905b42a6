"""Shared by the JAX peers: first weights from the torch layout, optimisers, the clock around
whole jitted iterations.
"""

import json
import os
import resource
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import initial


def load(spec, seed, scale=None):
    """A flat dict of parameters from (torch name, torch shape) pairs; matrices are kept as (in,
    out), kernels as HWIO.
    """
    params = {}
    for name, value in initial(spec, seed, scale):
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        elif value.ndim == 2 and not name.startswith("table"):
            value = value.T
        params[name] = jnp.array(value)
    return params


def flat(spec, params):
    """One vector in torch's order and layout."""
    parts = []
    for name, _ in spec:
        value = np.asarray(params[name])
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif value.ndim == 2 and not name.startswith("table"):
            value = value.T
        parts.append(value.reshape(-1))
    return np.concatenate(parts)


def dense(p, name, x):
    return x @ p[name + ".weight"] + p[name + ".bias"]


def dense_spec(name, inp, out):
    return [(name + ".weight", (out, inp)), (name + ".bias", (out,))]


def cross_entropy(logits, labels):
    """One loss for each row."""
    return (
        jax.nn.logsumexp(logits, axis=-1)
        - jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
    )


def sgd(lr, momentum=0.0, decay=0.0):
    parts = [optax.add_decayed_weights(decay)] if decay else []
    parts += [optax.trace(momentum)] if momentum else []
    return optax.chain(*parts, optax.scale(-lr))


def update(optimizer, grads, state, params):
    changes, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, changes), state


def shifted(params, vector, factor):
    return jax.tree.map(lambda p, v: p + factor * v, params, vector)


def finite_difference(loss, lower, upper, vector, radius=0.01):
    """The hypergradient of `loss(lower, upper)` for the identity in place of the inverse
    Hessian, by a central difference.
    """
    eps = radius / (optax.global_norm(vector) + 1e-15)
    above = jax.grad(loss, argnums=1)(shifted(lower, vector, eps), upper)
    below = jax.grad(loss, argnums=1)(shifted(lower, vector, -eps), upper)
    return jax.tree.map(lambda a, b: (b - a) / (2 * eps), above, below)


def crossed(loss, lower, upper, vector):
    """Minus the exact mixed second derivative of `loss(lower, upper)` applied to a direction of
    `lower`.
    """

    def along(u):
        return jax.jvp(lambda l: loss(l, u), (lower,), (vector,))[1]

    return jax.tree.map(jnp.negative, jax.grad(along)(upper))


def run(name, step, state, feed, loss, group, steps, warmup, each=1, trace=None):
    """Calls `state = step(state, *feed(i))`, each call `each` engine steps, and prints the one
    line of JSON.

    `group` counts engine steps; the first call, part of the warm-up, is the compilation.
    `loss(state, calls)` is the last loss.
    """

    def whole(variable, default):
        return max(-(-int(os.environ.get(variable, default)) // group), 1) * group

    steps, warmup = whole("STEPS", steps) // each, whole("WARMUP", warmup) // each
    group, rows, times = group // each, {}, []

    def keep():
        if os.environ.get("TRACE") and trace:
            for key, value in trace(state).items():
                rows.setdefault(key, []).append(value)

    keep()
    start = time.perf_counter()
    state = jax.block_until_ready(step(state, *feed(0)))
    compile_seconds = time.perf_counter() - start
    keep()
    for i in range(1, warmup + steps):
        if i >= warmup and (i - warmup) % group == 0:
            jax.block_until_ready(state)
            now = time.perf_counter()
            if i > warmup:
                times.append((now - start) / (group * each))
            start = now
        state = step(state, *feed(i))
        keep()
    jax.block_until_ready(state)
    now = time.perf_counter()
    times.append((now - start) / (group * each))
    if rows:
        np.savez_compressed(
            os.environ["TRACE"], **{key: np.stack(values) for key, values in rows.items()}
        )
    seconds = float(np.median(times))
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(
        json.dumps(
            {
                "name": name,
                "seconds_per_step": seconds,
                "peak_rss_mb": peak,
                "loss": float(loss(state, warmup + steps)),
                "steps": steps * each,
                "compile_seconds": round(compile_seconds - seconds * each, 2),
            }
        )
    )
