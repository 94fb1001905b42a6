"""b3 in JAX: channels last, the running statistics renewed by the training pass."""

import jax
import jax.numpy as jnp
from data import images
from jax_common import dense, dense_spec, load, sgd
from jax_reweight import reweight


def norm_spec(name, c):
    return [(name + ".weight", (c,)), (name + ".bias", (c,))]


SPEC, BLOCKS, inp = [("conv1.weight", (16, 3, 3, 3))] + norm_spec("bn1", 16), [], 16
for out in (16, 32, 64):
    for _i in range(5):
        name = f"blocks.{len(BLOCKS)}"
        SPEC += [(name + ".conv1.weight", (out, inp, 3, 3))] + norm_spec(name + ".bn1", out)
        SPEC += [(name + ".conv2.weight", (out, out, 3, 3))] + norm_spec(name + ".bn2", out)
        BLOCKS.append((name, 2 if inp != out else 1, (out - inp) // 2))
        inp = out
SPEC += dense_spec("output", 64, 10)


def conv(p, name, x, stride=1):
    return jax.lax.conv_general_dilated(
        x,
        p[name + ".weight"],
        (stride, stride),
        ((1, 1), (1, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def norm(p, name, x, seen):
    mean = x.mean((0, 1, 2))
    variance = jnp.mean(x * x, (0, 1, 2)) - mean * mean
    count = x.size // x.shape[-1]
    seen[name] = (mean, variance * (count / (count - 1)))
    scale = jax.lax.rsqrt(variance + 1e-5) * p[name + ".weight"]
    return x * scale + (p[name + ".bias"] - mean * scale)


def apply(p, x):
    seen = {}
    x = jax.nn.relu(norm(p, "bn1", conv(p, "conv1", x), seen))
    for name, stride, pad in BLOCKS:
        out = jax.nn.relu(norm(p, name + ".bn1", conv(p, name + ".conv1", x, stride), seen))
        out = norm(p, name + ".bn2", conv(p, name + ".conv2", out), seen)
        if stride != 1:
            x = jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (pad, pad)))
        x = jax.nn.relu(out + x)
    return dense(p, "output", x.mean((1, 2))), seen


def last(batches):
    return [(x.transpose(0, 2, 3, 1), y) for x, y in batches]


statistics = {
    name[: -len(".weight")]: (jnp.zeros(shape), jnp.ones(shape))
    for name, shape in SPEC
    if len(shape) == 1 and name.endswith("weight")
}
reweight(
    "b3_mwn_resnet32",
    SPEC,
    load(SPEC, 1),
    apply,
    sgd(0.1, 0.9, 5e-4),
    last(images(11, 4, 100, (3, 32, 32))),
    last(images(12, 4, 100, (3, 32, 32))),
    group=1,
    steps=10,
    warmup=2,
    statistics=statistics,
)
