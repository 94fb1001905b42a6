"""Short floats: every elementwise function of the library computes in f32 and rounds once."""

import betty
import numpy as np
import pytest
from betty import _native

COUNT = 600
# Functions whose options have no default; what polygamma counts has to be an integer.
OPTIONS = {
    "polygamma": {"n": 1},
    "pow_number": {"exponent": 2.7},
    "threshold": {"threshold": 0.3, "value": 0.1},
    "gelu": {"approximate": "tanh"},
    "celu": {"alpha": 0.7},
    "softplus": {"beta": 1.3},
    "hardtanh": {"min_val": -0.3, "max_val": 0.7},
    "leaky_relu": {"negative_slope": 0.3},
    "softshrink": {"lambd": 0.3},
    "hardshrink": {"lambd": 0.3},
}
RANGES = [(-0.99, 0.99), (0.01, 30.0), (-30.0, 30.0), (1.0, 1.1)]


def arity(line):
    """How many tensors a function needs, by the line that describes it; 0 where none or lists."""
    inputs = line.split("\t")[1].split(",")
    if any(name.endswith("*") or name == "key" for name in inputs):
        return 0
    return sum(not name.endswith("?") for name in inputs if name)


def operands(kind, count, bounds, seed=0):
    draw = np.random.default_rng(seed)
    return [
        betty.tensor(draw.uniform(*bounds, COUNT).astype(np.float32)).to(kind) for _ in range(count)
    ]


def values(x):
    return x.detach().float().numpy()


def is_elementwise(call, count):
    """Whether reversing the operands reverses the result, and a part of them gives a part of it."""
    given = [x[:7] for x in operands(betty.float32, count, (0.1, 0.9))]
    try:
        whole, turned, part = (
            call(*arguments)
            for arguments in (given, [x.flip(0) for x in given], [x[:3] for x in given])
        )
        if not isinstance(whole, betty.Tensor) or not whole.dtype.is_floating_point:
            return False
        if whole.shape != (7,) or part.shape != (3,):
            return False
        same = np.array_equal(values(whole)[::-1], values(turned), equal_nan=True)
        return same and np.array_equal(values(whole)[:3], values(part), equal_nan=True)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return False


def elementwise():
    found = {}
    for line in _native.describe():
        name, count = line.split("\t")[0], arity(line)
        if not count:
            continue
        function, options = _native.operation(name), OPTIONS.get(name, {})

        def call(*given, function=function, options=options):
            return function(*given, **options)

        if is_elementwise(call, count):
            found[name] = (call, count)
    return found


FUNCTIONS = elementwise()


def test_the_table_has_the_functions():
    assert len(FUNCTIONS) > 90
    assert set(OPTIONS) <= set(FUNCTIONS)
    assert {"silu", "mish", "log10", "acosh", "addcdiv", "lerp", "logaddexp"} <= set(FUNCTIONS)


@pytest.mark.parametrize("kind", [betty.bfloat16, betty.float16], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_rounding(name, kind):
    call, count = FUNCTIONS[name]
    for seed, bounds in enumerate(RANGES):
        given = operands(kind, count, bounds, seed)
        if name == "bernoulli" and bounds != RANGES[0]:
            continue
        try:
            want = call(*(x.float() for x in given))
        except RuntimeError as error:
            assert "between 0 and 1" in str(error)
            continue
        found = call(*given)
        if found.dtype is not kind:
            assert found.dtype is want.dtype
            continue
        np.testing.assert_array_equal(values(found), values(want.to(kind)))
