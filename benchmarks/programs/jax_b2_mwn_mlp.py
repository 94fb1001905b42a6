"""b2 in JAX."""

import jax
from data import images
from jax_common import dense, dense_spec, load, sgd
from jax_reweight import reweight

SPEC = dense_spec("1", 784, 200) + dense_spec("3", 200, 10)


def apply(p, x):
    return dense(p, "3", jax.nn.relu(dense(p, "1", x.reshape(x.shape[0], -1))))


reweight(
    "b2_mwn_mlp",
    SPEC,
    load(SPEC, 1),
    apply,
    sgd(0.1, 0.9),
    images(11, 10, 100, (1, 28, 28)),
    images(12, 10, 100, (1, 28, 28)),
    group=10,
    steps=500,
    warmup=50,
)
