"""Seeded numpy data and first weights, the same for every library."""

import numpy as np


def initial(named_shapes, seed, scale=None):
    """float32 arrays for (name, shape) pairs: matrices and kernels normal, gains one, biases
    nought.
    """
    rng = np.random.default_rng(seed)
    for name, shape in named_shapes:
        if len(shape) > 1:
            fan_in = int(np.prod(shape[1:]))
            value = rng.standard_normal(shape, dtype=np.float32)
            value *= np.float32((2.0 / fan_in) ** 0.5 if scale is None else scale)
        else:
            value = np.full(shape, float(name.endswith("weight")), dtype=np.float32)
        yield name, value


def images(seed, count, size, shape, classes=10):
    """`count` batches of `size` normal images and uniform labels."""
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal((size, *shape), dtype=np.float32), rng.integers(0, classes, size))
        for _ in range(count)
    ]


def logistic():
    """1000 points of 20 features in two halves: train and valid."""
    rs = np.random.RandomState(1)
    w, x = rs.randn(20), rs.randn(1000, 20)
    y = (x @ w + 0.1 * rs.randn(1000) > 0).astype(np.float32)
    x = x.astype(np.float32)
    return (x[:500], y[:500]), (x[500:], y[500:])


def sentences(seed, count, size, length=50, vocabulary=30522):
    """`count` batches of token rows, their masks (at least half of the length kept) and binary
    labels.
    """
    rng = np.random.default_rng(seed)
    batches = []
    for _ in range(count):
        mask = (np.arange(length)[None] < rng.integers(length // 2, length + 1, (size, 1))).astype(
            np.int64
        )
        batches.append(
            (rng.integers(1, vocabulary, (size, length)) * mask, mask, rng.integers(0, 2, size))
        )
    return batches


def sinusoids(seed, count, tasks=16, shots=10):
    """`count` meta-batches of support and query points of A sin(x - phase): four arrays of tasks
    x shots x 1.
    """
    rng = np.random.default_rng(seed)
    batches = []
    for _ in range(count):
        amplitude, phase = (
            rng.uniform(0.1, 5.0, (tasks, 1, 1)),
            rng.uniform(0.0, np.pi, (tasks, 1, 1)),
        )
        xs, xq = (
            rng.uniform(-5.0, 5.0, (tasks, shots, 1)),
            rng.uniform(-5.0, 5.0, (tasks, shots, 1)),
        )
        four = (xs, amplitude * np.sin(xs - phase), xq, amplitude * np.sin(xq - phase))
        batches.append(tuple(a.astype(np.float32) for a in four))
    return batches
