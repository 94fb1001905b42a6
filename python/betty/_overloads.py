"""Functions whose parameters PyTorch overloads, and those whose result's shape depends on values.

Invariant: what depends on values (nonzero, masked_select, unique) is evaluated at once; everything
else is recorded.
"""

from __future__ import annotations

from builtins import max as _largest
from collections.abc import Sequence
from typing import Any

from betty import _functions as F
from betty import _types, _views
from betty._checks import check_tensor
from betty._native import Tensor, operation
from betty._results import named, stored, writing
from betty._warnings import warn

Dims = int | Sequence[int] | None


_largest_and_where, _smallest_and_where = named("max"), named("min")
_max, _min = operation("max"), operation("min")


def max(
    input: Tensor, dim=None, keepdim: bool = False, *, other: Tensor | None = None, axis=None,
    keepdims: bool = False, out: Any = None,
):  # fmt: skip
    """The largest element; with `dim` also where it is; with a tensor the larger of both."""
    dim = axis if dim is None else dim
    if isinstance(dim, Tensor) or other is not None:
        return F.maximum(input, dim if other is None else other, out=out)
    if dim is None:
        found = _max(input)
    else:
        found = _largest_and_where(*_max(input, dim=dim, keepdim=keepdim or keepdims))
    return found if out is None else stored(out, found)


def min(
    input: Tensor, dim=None, keepdim: bool = False, *, other: Tensor | None = None, axis=None,
    keepdims: bool = False, out: Any = None,
):  # fmt: skip
    """The smallest element; with `dim` also where it is; with a tensor the smaller of both."""
    dim = axis if dim is None else dim
    if isinstance(dim, Tensor) or other is not None:
        return F.minimum(input, dim if other is None else other, out=out)
    if dim is None:
        found = _min(input)
    else:
        found = _smallest_and_where(*_min(input, dim=dim, keepdim=keepdim or keepdims))
    return found if out is None else stored(out, found)


def _spread(sizes: tuple, named: Any = None) -> tuple:
    """(2, 3) and ((2, 3),) alike; or what a name gives."""
    if named is not None:
        return (named,) if isinstance(named, int) else tuple(named)
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return tuple(sizes[0])
    return sizes


_reshape, _permute, _expand = operation("reshape"), operation("permute"), operation("expand")
_repeat, _tile, _flip = operation("repeat"), operation("tile"), operation("flip")


def reshape(input: Tensor, *sizes, shape=None) -> Tensor:
    """The same elements in another shape; one dimension may be -1."""
    return _reshape(input, shape=_spread(sizes, shape))


def view(input: Tensor, *sizes, size=None, dtype=None) -> Tensor:
    """As reshape: elements have no strides of their own here. Also takes an element type, as which
    a copy of the bits is read. That evaluates."""
    kind = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], _types.dtype) else dtype
    if kind is not None:
        return _views.reinterpreted(input, kind)
    return _reshape(input, shape=_spread(sizes, size))


def view_as(input: Tensor, other: Tensor) -> Tensor:
    check_tensor("view_as", "other", other)
    return _reshape(input, shape=other.shape)


def permute(input: Tensor, *order, dims=None) -> Tensor:
    """Dimensions in another order."""
    return _permute(input, dims=_spread(order, dims))


def expand(input: Tensor, *sizes, size=None, implicit=False) -> Tensor:
    """Dimensions of size 1 made larger; -1 keeps one."""
    return _expand(input, size=_spread(sizes, size))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    check_tensor("expand_as", "other", other)
    return _expand(input, size=other.shape)


def broadcast_to(input: Tensor, size) -> Tensor:
    return _expand(input, size=size)


def repeat(input: Tensor, *times, repeats=None) -> Tensor:
    """The tensor repeated along its dimensions."""
    return _repeat(input, repeats=_spread(times, repeats))


def tile(input: Tensor, *times, dims=None) -> Tensor:
    return _tile(input, dims=_spread(times, dims))


def flip(input: Tensor, *axes, dims=None) -> Tensor:
    """Dimensions backwards."""
    if not axes and dims is None:
        raise TypeError("flip: takes the dimensions to turn, got none")
    return _flip(input, dims=_spread(axes, dims))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Every tensor in the shape that they broadcast to."""
    given = _spread(tensors)
    shape = broadcast_shapes(*(x.shape for x in given))
    return tuple(_expand(x, size=shape) for x in given)


def broadcast_shapes(*shapes) -> _types.Size:
    """The shape that shapes broadcast to."""
    given = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    rank = _largest((len(shape) for shape in given), default=0)
    result = [1] * rank
    for shape in given:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                raise RuntimeError(f"broadcast_shapes: shapes do not match, got {given}")
            if size != 1:
                result[axis] = size
    return _types.Size(result)


def meshgrid(*tensors, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinates of a grid from those of its axes."""
    if indexing is None:
        warn("meshgrid: the indexing argument will be required, pass indexing='ij'")
    axes = _spread(tensors)
    if not axes:
        raise RuntimeError("meshgrid: takes one tensor at least")
    for axis in axes:
        if axis.ndim > 1 or axis.dtype is not axes[0].dtype:
            found = ", ".join(f"{x.dtype}{list(x.shape)}" for x in axes)
            raise RuntimeError(f"meshgrid: takes numbers and vectors of one type, got {found}")
    return F.meshgrid(axes, indexing=indexing or "ij")


def _correction(unbiased: bool | None, correction: float | None) -> float:
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


def _spread_of(
    name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: float | None
) -> tuple[Tensor, Any]:
    """The variance or standard deviation, and the dimensions it is of."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = _correction(unbiased, correction)
    found = (F.std if name.startswith("std") else F.var)(input, dim, keepdim, less)
    if input.numel() - less * found.numel() <= 0 < found.numel():
        warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel)."
        )
    return found, dim


def var(
    input: Tensor, dim: Any = None, unbiased=None, keepdim=False, *, correction=None, axis=None,
    keepdims=False, out=None,
) -> Tensor:  # fmt: skip
    """Variance, divided by the count less `correction` (1 by default)."""
    dim, keeps = axis if dim is None else dim, keepdim or keepdims
    found = _spread_of("var", input, dim, unbiased, keeps, correction)[0]
    return found if out is None else stored(out, found)


def std(
    input: Tensor, dim: Any = None, unbiased=None, keepdim=False, *, correction=None, axis=None,
    keepdims=False, out=None,
) -> Tensor:  # fmt: skip
    """Standard deviation, with the count less `correction` (1 by default)."""
    dim, keeps = axis if dim is None else dim, keepdim or keepdims
    found = _spread_of("std", input, dim, unbiased, keeps, correction)[0]
    return found if out is None else stored(out, found)


def var_mean(input: Tensor, dim: Any = None, unbiased=None, keepdim=False, *, correction=None):
    """The variance and the mean."""
    found, dim = _spread_of("var_mean", input, dim, unbiased, keepdim, correction)
    return found, F.mean(input, dim, keepdim)


def std_mean(input: Tensor, dim: Any = None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation and the mean."""
    found, dim = _spread_of("std_mean", input, dim, unbiased, keepdim, correction)
    return found, F.mean(input, dim, keepdim)


def norm(
    input: Tensor, p: Any = "fro", dim: Dims = None, keepdim=False, out=None, dtype=None
) -> Tensor:
    """The p-norm; "fro" is 2, "nuc" the sum of singular values."""
    value = input if dtype is None else input.to(dtype)
    if p == "nuc":
        from betty.linalg import matrix_norm

        dims = range(input.ndim) if dim is None else dim
        return matrix_norm(value, p, dims, keepdim, out=out)
    return F.norm(value, dim, keepdim, 2.0 if p in (None, "fro") else float(p), out=out)


def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`input` to a power, as `**`: the exponent may be a number, and so may the base."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError(
            f"pow: takes one Tensor at least, got {type(input).__name__} and "
            f"{type(exponent).__name__}"
        )
    made = input**exponent
    return made if out is None else stored(out, made)


def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None):
    """`input` where the condition holds, else `other`; alone, where it holds."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.dtype is _types.uint8:
        warn("where received a uint8 condition tensor. Use a boolean condition instead.")
    return F.where(condition, input, other, out=out)


def array_of(x: Tensor) -> Any:
    """The values as an array, short floats as f32. Evaluates."""
    plain = x.detach()
    return (plain.float() if x.itemsize < 4 and x.is_floating_point() else plain).numpy()


@writing
def nonzero(input: Tensor, *, as_tuple: bool = False):
    """Indices of the elements that are not zero. Evaluates."""
    import numpy

    if input.ndim == 0:
        shape = (int(bool(input)),)
        found = numpy.zeros(shape if as_tuple else (*shape, 0), numpy.int64)
        return (_from_numpy(found),) if as_tuple else _from_numpy(found)
    found = numpy.nonzero(array_of(input))
    if as_tuple:
        return tuple(_from_numpy(axis) for axis in found)
    return _from_numpy(numpy.stack(found, axis=1))


def _from_numpy(array: Any) -> Tensor:
    from betty import _native

    return _native.from_buffer(array)


@writing
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, flat. Evaluates the mask."""
    if mask.dtype is not _types.bool:
        raise RuntimeError("masked_select: expected a bool mask")
    values, chosen = broadcast_tensors(input, mask)
    places = nonzero(chosen.reshape(-1))[:, 0]
    return F.index_select(values.reshape(-1), 0, places)


def unique(input: Tensor, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, in order. Evaluates."""
    import numpy

    if dim is not None and not isinstance(dim, int):
        raise TypeError(f"unique: dim must be an int, got {dim!r}")
    array = array_of(input)
    values, inverse, counts = numpy.unique(array, return_inverse=True, return_counts=True, axis=dim)
    shape = input.shape if dim is None else (-1,)
    found = [_from_numpy(values).to(input.dtype)]
    if return_inverse:
        found.append(_from_numpy(inverse.reshape(shape)))
    if return_counts:
        found.append(_from_numpy(counts))
    return found[0] if len(found) == 1 else tuple(found)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal. Evaluates."""
    if not isinstance(other, Tensor):
        raise TypeError(f"equal: other must be a Tensor, got {type(other).__name__}")
    if input.shape != other.shape:
        return False
    return bool(F.eq(input, other).all())


def is_tensor(obj: Any) -> bool:
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    return input.dtype.is_floating_point


def is_nonzero(input: Tensor) -> bool:
    return bool(input)


def numel(input: Tensor) -> int:
    return input.numel()


def result_type(*tensors: Any):
    """The element type that an operation on these gives."""
    total = tensors[0]
    for other in tensors[1:]:
        total = F.add(total, other) if isinstance(total, Tensor) else F.add(other, total)
    return total.dtype
