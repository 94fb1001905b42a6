"""Functions made of others: sampling, joining, grids of indices, and second names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from betty import _creation, _native, _overloads, _types
from betty import _functions as F
from betty._einsum import einsum
from betty._native import Tensor
from betty._process import drawing
from betty._results import writing
from betty._warnings import warn

# Second names, as PyTorch has them.
ALIASES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "clip": "clamp", "concat": "cat",
    "concatenate": "cat", "divide": "div",
    "fix": "trunc", "ger": "outer", "greater": "gt", "greater_equal": "ge", "less": "lt",
    "less_equal": "le", "moveaxis": "movedim", "multiply": "mul", "negative": "neg",
    "not_equal": "ne", "sgn": "sign", "subtract": "sub", "swapdims": "transpose",
    "trapz": "trapezoid", "true_divide": "div",
}  # fmt: skip


@writing
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator=None
) -> Tensor:
    """Indices drawn with the probabilities that the rows of `input` are proportional to."""
    if input.ndim not in (1, 2) or num_samples < 1:
        raise RuntimeError("multinomial: takes a vector or a matrix, and one sample at least")
    weights = input.detach().to(_types.float64)
    if bool((weights < 0).any()) or not bool(F.isfinite(weights).all()):
        raise RuntimeError("multinomial: probabilities must be finite and not negative")
    if not replacement:
        if bool(((weights > 0).sum(-1) < num_samples).any()):
            raise RuntimeError("multinomial: fewer nonzero probabilities than samples to draw")
        # The smallest of exponential times with these rates (Efraimidis and Spirakis, 2006).
        draws = _creation.rand(*input.shape, dtype=_types.float64, generator=generator)
        return F.topk(-F.log1p(-draws) / weights, num_samples, largest=False)[1]
    total = F.cumsum(weights, -1)
    if bool((total[..., -1] <= 0).any()):
        raise RuntimeError("multinomial: the probabilities of a row add up to 0")
    shape = (*input.shape[:-1], num_samples)
    draws = _creation.rand(*shape, dtype=_types.float64, generator=generator) * total[..., -1:]
    return F.searchsorted(total, draws, right=True)


@writing
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest, halves to even; at a place behind (or before) the point."""
    if not isinstance(decimals, int):
        raise TypeError(f"round: decimals must be an int, got {decimals!r}")
    if decimals == 0:
        return F.round(input)
    scale = 10.0**decimals
    return F.round(input * scale) / scale


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma; of positive input where n > 1."""
    return F.polygamma(input, n)


def conj(input: Tensor) -> Tensor:
    """The input: every number here is real."""
    if not isinstance(input, Tensor):
        raise TypeError(f"conj: input must be a Tensor, got {type(input).__name__}")
    return input


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged."""
    return F.transpose(input, axis0, axis1)


# ---- joining and taking apart ------------------------------------------------------------------


@writing
def vstack(tensors) -> Tensor:
    """Tensors one below another."""
    return F.cat([atleast_2d(x) for x in tensors], 0)


row_stack = vstack


@writing
def hstack(tensors) -> Tensor:
    """Tensors beside each other."""
    flat = [atleast_1d(x) for x in tensors]
    return F.cat(flat, 0 if flat and flat[0].ndim == 1 else 1)


@writing
def column_stack(tensors) -> Tensor:
    """Vectors as columns, beside matrices."""
    return F.column_stack(tensors)


@writing
def dstack(tensors) -> Tensor:
    """Tensors behind each other, in the third dimension."""
    return F.dstack(tensors)


def block_diag(*tensors) -> Tensor:
    """A matrix with matrices along its diagonal."""
    return F.block_diag([x if isinstance(x, Tensor) else _creation.tensor(x) for x in tensors])


def _at_least(rank: int):
    def raise_rank(*tensors: Any) -> Any:
        given = _overloads._spread(tensors)
        raised = tuple(_raised(x, rank) for x in given)
        several = len(tensors) != 1 or isinstance(tensors[0], (tuple, list))
        return raised if several else raised[0]

    raise_rank.__name__ = f"atleast_{rank}d"
    raise_rank.__doc__ = f"The tensor, or tensors, with {rank} dimensions at least."
    return raise_rank


def _raised(x: Tensor, rank: int) -> Tensor:
    if x.ndim >= rank:
        return x
    if rank < 3:
        return x.reshape((1,) * (rank - x.ndim) + tuple(x.shape))
    return x.reshape(((1, 1, 1), (1, *x.shape, 1), (*x.shape, 1))[x.ndim])


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


# ---- products ----------------------------------------------------------------------------------


def cross(
    input: Tensor,
    other: Tensor,
    dim: int | None = None,
    *,
    axis: int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The cross product of vectors of 3; without ``dim`` along the first dimension of size 3."""
    found = F.cross(input, other, dim, axis=axis, out=out)
    if dim is None and axis is None:
        warn(
            "Using cross without specifying the dim arg is deprecated. Please either pass the dim "
            "explicitly or simply use linalg.cross."
        )
    return found


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over the last `dims` dimensions of a and the first of b, or over pairs."""
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot: dims must be in 0...{min(a.ndim, b.ndim)}, got {dims}")
        pairs = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    else:
        pairs = tuple([d] if isinstance(d, int) else list(d) for d in dims)
    return F.tensordot(a, b, *pairs)


@writing
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the order that costs least."""
    warn("chain_matmul is deprecated. Use linalg.multi_dot instead, which takes a list.")
    return cheapest_product(list(_overloads._spread(matrices)))


def cheapest_product(given: list[Tensor]) -> Tensor:
    """The product of matrices in the order that costs least."""
    if not given:
        raise RuntimeError("chain_matmul: takes one matrix at least")
    for matrix in given:
        if matrix.ndim != 2:
            raise RuntimeError(f"chain_matmul: takes matrices, got shape {list(matrix.shape)}")
    sizes = [x.shape[0] for x in given] + [given[-1].shape[1]]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(len(given))}
    for width in range(1, len(given)):
        for i in range(len(given) - width):
            j = i + width
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return given[i]
        k = best[i, j][1]
        return F.matmul(product(i, k), product(k + 1, j))

    return product(0, len(given) - 1)


# ---- grids of indices --------------------------------------------------------------------------


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each vector, one a row."""
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return F.stack([grid.reshape(-1) for grid in F.meshgrid(tensors)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take r elements of a vector, one a row."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    places = _creation.tensor(rows, dtype=_types.int64).reshape(len(rows), r)
    return F.index_select(input, 0, places.reshape(-1)).reshape(len(rows), r)


def _triangle(name: str):
    def indices(row: int, col: int, offset: int = 0, *, dtype=None, device=None) -> Tensor:
        import numpy

        places = getattr(numpy, name)(row, offset, col)
        return _native.from_buffer(numpy.stack(places).astype(numpy.int64)).to(
            dtype or _types.int64
        )

    indices.__name__ = name
    indices.__doc__ = "Rows and columns of a triangle of a matrix: [2, count]."
    return indices


tril_indices, triu_indices = _triangle("tril_indices"), _triangle("triu_indices")


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Indices into a flat tensor as one tensor of indices a dimension."""
    sizes = [shape] if isinstance(shape, int) else list(shape)
    found, rest = [], indices
    for size in reversed(sizes):
        found.append(rest % size)
        rest = F.floor_divide(rest, size)
    return tuple(reversed(found))


@writing
def isin(elements: Any, test_elements: Any, *, assume_unique=False, invert=False) -> Tensor:
    """Which elements are among others."""
    left, right = (
        x if isinstance(x, Tensor) else _creation.tensor(x) for x in (elements, test_elements)
    )
    found = (left.unsqueeze(-1) == right.reshape(-1)).any(-1)
    return F.logical_not(found) if invert else found


# ---- making ------------------------------------------------------------------------------------


def logspace(start, end, steps, base: float = 10.0, *, out=None, dtype=None, device=None) -> Tensor:
    """base to the powers of `steps` numbers from start to end."""
    powers = _creation.linspace(start, end, steps, dtype=_types.float64, device=device)
    made = (float(base) ** powers).to(_creation._wanted(dtype, out))
    return _creation._finish(made, None, False, out)


@writing
def range_(start=0, end=None, step=1, *, dtype=None, device=None) -> Tensor:
    """start, start + step, ... up to end, which is included."""
    warn("range is deprecated. Use arange instead, which gives values in [start, end).")
    if end is None:
        start, end = 0, start
    count = math.floor((end - start) / step) + 1
    kind = dtype or _types.get_default_dtype()
    return (_creation.arange(count, dtype=_types.float64, device=device) * step + start).to(kind)


def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """A number as a tensor without dimensions, of the default type."""
    kind = dtype or _types.get_default_dtype()
    return _creation.tensor(s, dtype=kind, device=device, requires_grad=requires_grad)


def randint_like(input: Tensor, low, high=None, *, dtype=None, device=None) -> Tensor:
    """Random integers of [low, high), or of [0, low), in the shape of a tensor."""
    if high is None:
        low, high = 0, low
    return _creation.randint(low, high, input.shape, dtype=dtype or input.dtype, device=device)


def poisson(input: Tensor, generator=None) -> Tensor:
    """Numbers of a Poisson distribution with these rates. Evaluates."""
    import numpy

    rates = input.detach().to(_types.float64).numpy()
    if (rates < 0).any():
        raise RuntimeError("poisson: rates must not be negative")
    with drawing(generator):
        seed = _creation.randint(0, 2**31, (4,)).tolist()
    drawn = numpy.random.default_rng(seed).poisson(rates)
    return _native.from_buffer(numpy.asarray(drawn, numpy.float64)).to(input.dtype)


# ---- what a tensor is --------------------------------------------------------------------------


def is_complex(input: Tensor) -> bool:
    return False


def is_signed(input: Tensor) -> bool:
    return input.dtype.is_signed


def is_same_size(input: Tensor, other: Tensor) -> bool:
    return input.shape == other.shape


def isreal(input: Tensor) -> Tensor:
    """Every number here is real."""
    return F.full(1, size=input.shape, dtype=_types.bool)


def real(input: Tensor) -> Tensor:
    return input


@writing
def angle(input: Tensor) -> Tensor:
    """0 for what is not negative, pi for what is; NaN stays."""
    value = input if input.is_floating_point() else input.float()
    turned = F.where(value < 0, math.pi, 0.0).to(value.dtype)
    return F.where(F.isnan(value), value, turned)


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return other - input * alpha


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over what broadcasting to this shape has repeated."""
    wanted = tuple(_overloads._spread(size))
    skipped = input.ndim - len(wanted)
    fits = skipped >= 0 and all(
        want in (1, have) for want, have in zip(wanted, input.shape[max(skipped, 0) :], strict=True)
    )
    if not fits:
        raise RuntimeError(f"size {wanted} is not expandable to size {tuple(input.shape)}")
    dims = [
        axis
        for axis, have in enumerate(input.shape)
        if axis < skipped or (wanted[axis - skipped] == 1 and have != 1)
    ]
    return (F.sum(input, dims) if dims else input).reshape(wanted)


def compile(model: Any = None, **options: Any) -> Any:
    """The model as it is: every step is compiled anyway."""
    return (lambda given: given) if model is None else model


FUNCTIONS = {
    "cross": cross, "multinomial": multinomial, "round": round, "is_complex": is_complex,
    "is_signed": is_signed, "is_same_size": is_same_size, "isreal": isreal, "angle": angle,
    "sum_to_size": sum_to_size,
    "conj": conj, "conj_physical": conj, "resolve_conj": conj, "resolve_neg": conj,
    "swapaxes": swapaxes,
}  # fmt: skip
# In `betty`, and no methods.
FREE = {
    function.__name__: function
    for function in (
        atleast_1d, atleast_2d, atleast_3d, block_diag, cartesian_prod, chain_matmul, column_stack,
        combinations, compile, dstack, einsum, hstack, isin, logspace, poisson, polygamma,
        randint_like, real, rsub, scalar_tensor, tensordot, tril_indices, triu_indices,
        unravel_index, vstack,
    )
}  # fmt: skip
FREE |= {"range": range_, "row_stack": vstack}
