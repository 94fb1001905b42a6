"""Operations against NumPy in each element type; the generated functions against the library."""

import subprocess
import sys
from pathlib import Path

import betty
import numpy as np
import pytest
from betty import _native

ROOT = Path(__file__).resolve().parents[2]

FLOATS = {betty.float64: 1e-12, betty.float32: 2e-5, betty.float16: 4e-3, betty.bfloat16: 3e-2}
INTEGERS = [betty.int64, betty.int32, betty.uint8]

UNARY = {
    "abs": np.abs, "neg": np.negative, "sign": np.sign, "exp": np.exp, "expm1": np.expm1,
    "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh,
    "atan": np.arctan, "floor": np.floor, "ceil": np.ceil, "round": np.round, "trunc": np.trunc,
    "square": np.square, "reciprocal": np.reciprocal, "rsqrt": lambda x: 1 / np.sqrt(x),
    "exp2": np.exp2, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "relu": lambda x: np.maximum(x, 0),
}  # fmt: skip
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "maximum": np.maximum, "minimum": np.minimum, "remainder": np.remainder,
    "floor_divide": np.floor_divide, "fmod": np.fmod, "atan2": np.arctan2,
}  # fmt: skip
REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min, "mean": np.mean,
    "std": lambda x, axis: np.std(x, axis, ddof=1), "var": lambda x, axis: np.var(x, axis, ddof=1),
}  # fmt: skip
EXACT = ("add", "sub", "mul", "maximum", "minimum", "remainder", "floor_divide", "fmod", "pow")


def sample(kind, seed=0):
    """Positive numbers that are exact in every type."""
    numbers = np.random.default_rng(seed).integers(1, 9, (3, 4))
    return betty.tensor(numbers / 4 if kind.is_floating_point else numbers).to(kind)


def plain(x):
    return x.to(betty.float64).numpy() if x.dtype.is_floating_point else x.numpy()


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, kind):
    x = sample(kind)
    found = getattr(betty, name)(x)
    assert found.dtype is kind
    np.testing.assert_allclose(plain(found), UNARY[name](plain(x)), FLOATS[kind], FLOATS[kind])
    np.testing.assert_array_equal(plain(getattr(x, name)()), plain(found))


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, kind):
    x, y = sample(kind), sample(kind, 1)[0]
    found = getattr(betty, name)(x, y)
    assert found.dtype is kind
    want = BINARY[name](plain(x), plain(y))
    np.testing.assert_allclose(plain(found), want, FLOATS[kind] * 2, FLOATS[kind])


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_binary_of_integers(name, kind):
    x, y = sample(kind), sample(kind, 1)
    with np.errstate(over="ignore"):
        want = BINARY[name](plain(x), plain(y))
    found = getattr(betty, name)(x, y)
    assert found.dtype is kind
    np.testing.assert_array_equal(plain(found), want)


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_reductions(name, kind, axis):
    x = sample(kind)
    found = getattr(x, name)() if axis is None else getattr(x, name)(dim=axis)
    want = REDUCTIONS[name](plain(x), axis=axis)
    np.testing.assert_allclose(plain(found), want, FLOATS[kind] * 8, FLOATS[kind])


@pytest.mark.parametrize("kind", [*FLOATS, *INTEGERS], ids=str)
def test_comparisons(kind):
    x, y = sample(kind), sample(kind, 1)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        found = getattr(betty, name)(x, y)
        assert found.dtype is betty.bool
        operator = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
                    "gt": np.greater, "ge": np.greater_equal}[name]  # fmt: skip
        np.testing.assert_array_equal(found.numpy(), operator(plain(x), plain(y)))


def test_sums_of_integers_do_not_overflow():
    assert betty.full((300,), 255, dtype=betty.uint8).sum().item() == 76500
    assert betty.ones(3, dtype=betty.bool).sum().dtype is betty.int64


def test_sorting():
    x = betty.tensor([[3.0, 1.0, 2.0, 1.0]], requires_grad=True)
    values, order = x.sort()
    assert values.tolist() == [[1, 1, 2, 3]]
    assert order.tolist() == [[1, 3, 2, 0]]
    assert x.argsort(descending=True).tolist() == [[0, 2, 1, 3]]
    top = x.topk(2)
    assert top.indices.tolist() == [[0, 2]]
    (top.values * betty.tensor([1.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [[1, 0, 2, 0]]
    with pytest.raises(RuntimeError, match="got 5"):
        x.topk(5)


def test_sampling():
    betty.manual_seed(0)
    counts = betty.bincount(betty.multinomial(betty.tensor([1.0, 0.0, 3.0]), 4000, True))
    assert counts[1].item() == 0
    assert abs(counts[2].item() / 4000 - 0.75) < 0.05
    rows = betty.multinomial(betty.ones(50, 6), 6)
    assert rows.sort().values.tolist() == [list(range(6))] * 50
    with pytest.raises(RuntimeError, match="fewer"):
        betty.multinomial(betty.tensor([1.0, 0.0]), 2)


def test_every_operation_is_a_function():
    names = {line.split("\t")[0] for line in _native.describe()}
    assert names == set(betty._functions.__all__)
    assert {"matmul", "cross_entropy", "softmax", "where"} <= names


def test_generated_functions_are_fresh():
    command = [sys.executable, str(ROOT / "tools" / "generate_functions.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_unknown_names_and_options():
    with pytest.raises(KeyError, match="sums"):
        _native.operation("sums")
    with pytest.raises(TypeError, match="keepdim"):
        _native.call("sum", betty.ones(2), axis=0)
    with pytest.raises(TypeError, match="argument 2"):
        betty.add(betty.ones(2), [1])
    with pytest.raises(TypeError):
        betty.add(betty.ones(2))
    with pytest.raises(TypeError, match="option"):
        betty.ones(2).sum(dim={})


def test_options_are_told_apart():
    x = betty.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(dim=1, keepdim=True).shape == (2, 1)
    with pytest.raises(TypeError, match="bool"):
        x.sum(dim=True)
    assert betty.full((1,), -0.0).numpy().tobytes() != betty.full((1,), 0.0).numpy().tobytes()


def test_a_power_is_what_the_operator_gives():
    x = betty.tensor([1.0, 2.0, 3.0])
    for made in (betty.pow(x, 2), x.pow(2), x**2):
        assert made.tolist() == [1, 4, 9]
    assert " pow(" not in betty.dump(betty.pow(betty.ones(2), 2))
    assert betty.pow(2, x).tolist() == [2, 4, 8]
    assert betty.pow(x, x).tolist() == [1, 4, 27]
