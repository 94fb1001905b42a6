"""Small programs with the results that PyTorch 2 gave: values, element types, shapes, what is
printed, and the class of error. The word `torch` was replaced by `betty`, and nothing else."""

import ast
import contextlib
import io
import json
import math
import warnings
from pathlib import Path

import betty
import numpy as np
import pytest

PROGRAMS = json.loads(Path(__file__).with_name("recorded_programs.json").read_text())
PARTS = 40


def canonical(value):
    """A value as it was recorded."""
    if isinstance(value, betty.Tensor):
        plain = value.detach()
        wide = plain.double() if plain.is_floating_point() else plain
        kind = str(value.dtype).split(".")[-1]
        flat = wide.reshape(-1).tolist()
        return ["T", kind, list(value.shape), bool(value.requires_grad), flat]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return ["i", value]
    if isinstance(value, float):
        return ["f", repr(value)]
    if isinstance(value, str):
        return ["s", value]
    if isinstance(value, np.ndarray):
        return [
            "np",
            str(value.dtype),
            list(value.shape),
            [repr(x) for x in value.reshape(-1).tolist()],
        ]
    if isinstance(value, betty.Size):
        return ["Size", list(value)]
    if isinstance(value, (tuple, list)):
        kind = "nt" if hasattr(value, "_fields") else type(value).__name__
        return [kind, [canonical(x) for x in value]]
    if isinstance(value, dict):
        return ["dict", [[canonical(k), canonical(x)] for k, x in value.items()]]
    if isinstance(value, betty.dtype):
        return ["dtype", str(value).split(".")[-1]]
    return ["repr", repr(value)]


def agree(wanted, found):
    if isinstance(wanted, list) and isinstance(found, list):
        if wanted[:1] == ["T"]:
            bound = {"float32": 2e-4, "float64": 1e-8}.get(wanted[1], 2e-2)
            same = found[:1] == ["T"] and wanted[1:4] == found[1:4]
            return same and all(near(x, y, bound) for x, y in zip(wanted[4], found[4], strict=True))
        if wanted[:1] == ["f"]:
            return found[:1] == ["f"] and near(wanted[1], found[1], 1e-5)
        if wanted[:1] == ["nt"]:
            return agree(wanted[-1], found[-1])
        return len(wanted) == len(found) and all(map(agree, wanted, found))
    return wanted == found


def near(x, y, bound):
    x, y = float(x), float(y)
    if not math.isfinite(x) or not math.isfinite(y):
        return x == y or (math.isnan(x) and math.isnan(y))
    return abs(x - y) <= bound * (1 + abs(x))


# What the programs are written with.


def normal(*shape, seed=0, dtype="float32", scale=1.0, shift=0.0):
    draws = np.random.default_rng(seed + 1000 * len(shape)).standard_normal(shape)
    return betty.from_numpy((draws * scale + shift).astype(dtype))


def positive(*shape, seed=0, dtype="float32"):
    draws = np.random.default_rng(seed + 77).uniform(0.1, 0.9, shape)
    return betty.from_numpy(draws.astype(dtype))


def integers(*shape, seed=0, low=-5, high=6, dtype="int64"):
    draws = np.random.default_rng(seed + 5).integers(low, high, shape)
    return betty.from_numpy(draws.astype(dtype))


def masks(*shape, seed=0):
    return betty.from_numpy(np.random.default_rng(seed + 9).integers(0, 2, shape).astype(bool))


def fixed(module):
    for place, (name, param) in enumerate(sorted(module.named_parameters())):
        draws = np.random.default_rng(len(name) + 13 * place).standard_normal(tuple(param.shape))
        with betty.no_grad():
            param.copy_(betty.from_numpy((draws * 0.3).astype("float32")).to(param.dtype))
    return module


def weighed(outputs):
    total = 0
    for place, x in enumerate(outputs if isinstance(outputs, (tuple, list)) else [outputs]):
        if isinstance(x, (tuple, list)):
            total = total + weighed(x)
        elif isinstance(x, betty.Tensor) and x.is_floating_point() and x.requires_grad:
            draws = np.random.default_rng(3 + place).uniform(0.5, 1.5, tuple(x.shape))
            total = total + (betty.from_numpy(draws.astype("float64")).to(x.dtype) * x).sum()
    return total


def prepared(inputs):
    return [
        x.clone().requires_grad_(True)
        if isinstance(x, betty.Tensor) and x.is_floating_point()
        else x
        for x in inputs
    ]


def leaves(inputs):
    return [x for x in inputs if isinstance(x, betty.Tensor) and x.requires_grad]


def zeros_for_none(gradients, like):
    return [betty.zeros_like(x) if g is None else g for x, g in zip(like, gradients, strict=True)]


def gradients(function, *inputs):
    """Value, gradients, and gradients of the gradients' squares."""
    given = prepared(inputs)
    wanted = leaves(given)
    output = function(*given)
    first = betty.autograd.grad(weighed(output), wanted, create_graph=True, allow_unused=True)
    result = [output, zeros_for_none([None if g is None else g.detach() for g in first], wanted)]
    live = [g for g in first if g is not None and g.requires_grad]
    second = [None] * len(wanted)
    if live:
        total = sum((g * g).sum() for g in live)
        second = betty.autograd.grad(total, wanted, allow_unused=True)
    return [*result, zeros_for_none(second, wanted)]


def module_gradients(module, *inputs, train=True):
    fixed(module)
    module.train(train)
    given = prepared(inputs)
    wanted = leaves(given) + list(module.parameters())
    output = module(*given)
    found = betty.autograd.grad(weighed(output), wanted, allow_unused=True)
    names = list(module.state_dict().keys())
    return [output, list(found), repr(module), names, list(module.buffers())]


def run(code):
    names = {
        "np": np, "math": math, "A": normal, "P": positive, "I": integers, "B": masks,
        "G": gradients, "GM": module_gradients, "fix": fixed, "betty": betty, "nn": betty.nn,
        "F": betty.nn.functional,
    }  # fmt: skip
    tree, printed = ast.parse(code), io.StringIO()
    betty.manual_seed(0)
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("ignore")
        if isinstance(tree.body[-1], ast.Expr):
            exec(compile(ast.Module(tree.body[:-1], []), "program", "exec"), names)
            last = ast.Expression(tree.body[-1].value)
            value = canonical(eval(compile(last, "program", "eval"), names))
        else:
            exec(compile(tree, "program", "exec"), names)
            value = canonical(names.get("r"))
    return value, printed.getvalue()


@pytest.mark.parametrize("part", range(PARTS))
def test_programs(part):
    for program in PROGRAMS[part::PARTS]:
        code = program["code"]
        if "raises" in program:
            with pytest.raises(Exception) as caught:
                run(code)
            names = [kind.__name__ for kind in type(caught.value).__mro__]
            assert program["raises"] in names, code
            assert "\n" not in str(caught.value), code
            continue
        value, printed = run(code)
        assert agree(program["value"], value), f"{code}: {value}, wanted {program['value']}"
        assert printed == program.get("prints", ""), code
