"""Parts of a tensor that share its elements: what PyTorch's split, chunk and unbind give.

Invariant: changing a part in place changes the tensor, as every view does. Only where unbind gives
more than MOST_VIEWS parts are they copies: each view is a structure of its own to record.
"""

from __future__ import annotations

import ctypes
import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any

from betty import _native
from betty._native import Tensor

MOST_VIEWS = 256
_select, _slice = _native.operation("select"), _native.operation("slice")
_unbind = _native.operation("unbind")


def _axis(name: str, input: Tensor, dim: int) -> int:
    rank = input.ndim
    if rank == 0:
        raise RuntimeError(f"{name}: expects at least a 1-dimensional tensor")
    if not -rank <= dim < rank:
        raise IndexError(
            f"{name}: dimension out of range, expected to be in [{-rank}, {rank - 1}], got {dim}"
        )
    return dim % rank


def _cut(input: Tensor, ends: list[int], dim: int) -> tuple[Tensor, ...]:
    """The parts between 0 and each end."""
    starts = [0, *ends[:-1]]
    return tuple(
        _slice(input, dim=dim, start=start, end=end)
        for start, end in zip(starts, ends, strict=True)
    )


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Every position of a dimension by itself."""
    if input.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = _axis("unbind", input, dim)
    if input.shape[axis] > MOST_VIEWS:
        return _copies(input, axis)
    return tuple(_select(input, dim=axis, index=place) for place in range(input.shape[axis]))


def _copies(input: Tensor, axis: int) -> tuple[Tensor, ...]:
    """Many parts. Of values that are there already nothing is recorded."""
    plain = input._is_evaluated and not input.requires_grad
    if not plain or input.dtype is _native.bfloat16:
        return _unbind(input, dim=axis)
    import numpy

    rows = numpy.ascontiguousarray(numpy.moveaxis(input.detach().numpy(), axis, 0)).copy()
    return tuple(_native.from_buffer(numpy.asarray(row)) for row in rows)


def iterate(input: Tensor) -> Iterator[Tensor]:
    """The positions of the first dimension, one after another."""
    if input.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(input))


def backwards(input: Tensor) -> Tensor:
    """What reversed() gives: the first dimension backwards."""
    if input.ndim == 0:
        return input
    return _native.operation("flip")(input, dims=(0,))


def split(
    tensor: Tensor,
    split_size_or_sections: int | Sequence[int] | None = None,
    dim: int = 0,
    *,
    split_size: int | Sequence[int] | None = None,
) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller) or of the sizes given."""
    if split_size_or_sections is None:
        split_size_or_sections = _one_of("split", split_size_or_sections=split_size)
    axis = _axis("split", tensor, dim)
    length = tensor.shape[axis]
    if isinstance(split_size_or_sections, Tensor) and split_size_or_sections.ndim == 0:
        split_size_or_sections = operator.index(split_size_or_sections)
    if not isinstance(split_size_or_sections, int):
        sizes = [int(size) for size in split_size_or_sections]
        if any(size < 0 for size in sizes) or sum(sizes) != length:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's "
                f"size at dimension {axis}), but got split_sizes={sizes}"
            )
        return _cut(tensor, [sum(sizes[: place + 1]) for place in range(len(sizes))], axis)
    size = split_size_or_sections
    if size < 0 or (size == 0 and length > 0):
        raise RuntimeError(f"split: split size must be positive, got {size}")
    count = max(1, -(-length // size)) if size else 1
    return _cut(tensor, [min((place + 1) * size, length) for place in range(count)], axis)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of the sizes given."""
    return split(input, list(split_sizes), dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most that many parts of equal size; the last may be smaller."""
    axis, chunks = _axis("chunk", input, dim), operator.index(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input.shape[axis]
    if length == 0:
        return _cut(input, [0] * chunks, axis)
    return split(input, -(-length // chunks), axis)


def _one_of(name: str, **given: Any) -> Any:
    """The parameter that is given."""
    found = [value for value in given.values() if value is not None]
    if len(found) != 1:
        raise TypeError(f"{name}: takes one of {', '.join(given)}, got {len(found)}")
    return found[0]


def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: int | None = None,
    indices: Any = None,
) -> tuple[Tensor, ...]:
    """Parts of nearly equal length, or cut before the indices given."""
    given = _one_of(
        "tensor_split", indices_or_sections=indices_or_sections, sections=sections, indices=indices
    )
    axis = _axis("tensor_split", input, dim)
    length = input.shape[axis]
    if isinstance(given, Tensor):
        given = given.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        size, more = divmod(length, given)
        return _cut(
            input, [size * (place + 1) + min(place + 1, more) for place in range(given)], axis
        )
    cuts = [0, *given, length]
    return tuple(
        _slice(input, dim=axis, start=start, end=end) for start, end in itertools.pairwise(cuts)
    )


def _splitting(name: str, rank: int, axis: int):
    def parts(
        input: Tensor, indices_or_sections: Any = None, *, sections: Any = None, indices: Any = None
    ) -> tuple[Tensor, ...]:
        given = _one_of(
            name, indices_or_sections=indices_or_sections, sections=sections, indices=indices
        )
        if input.ndim < rank:
            raise RuntimeError(f"{name}: takes {rank} dimensions at least, got {input.ndim}")
        dim = 0 if input.ndim == 1 else axis
        if isinstance(given, int) and (given < 1 or input.shape[dim] % given):
            raise RuntimeError(
                f"{name}: dimension {dim} of {tuple(input.shape)} does not split into {given} "
                "equal parts"
            )
        return tensor_split(input, given, dim)

    parts.__name__ = name
    parts.__doc__ = f"Parts of dimension {axis}: a number of equal ones, or cut at indices."
    return parts


hsplit, vsplit, dsplit = (
    _splitting("hsplit", 1, 1),
    _splitting("vsplit", 2, 0),
    _splitting("dsplit", 3, 2),
)


def reinterpreted(input: Tensor, kind: Any) -> Tensor:
    """The same bits as elements of another type: the last dimension grows or shrinks. A copy."""
    import numpy

    if kind is input.dtype:
        return input
    size, wanted, shape = input.dtype.itemsize, kind.itemsize, tuple(input.shape)
    if size != wanted:
        if not shape:
            raise RuntimeError(f"view: a 0-d {input.dtype} cannot be read as {kind}: sizes differ")
        length = shape[-1] * size
        if length % wanted:
            raise RuntimeError(
                f"view: the last dimension must be divisible by {wanted // size} to read "
                f"{input.dtype} as {kind}, got {shape[-1]}"
            )
        shape = (*shape[:-1], length // wanted)
    bits = ctypes.string_at(input.data_ptr(), input.nbytes)
    if kind is _native.bfloat16:  # the upper half of an f32
        wide = numpy.frombuffer(bits, numpy.uint16).astype(numpy.uint32) << 16
        return _native.from_buffer(wide.view(numpy.float32).reshape(shape)).to(kind)
    array = numpy.frombuffer(bits, str(kind)[6:]).reshape(shape)
    return _native.from_buffer(array.copy())


# In `betty`, and methods.
FUNCTIONS = {
    "unbind": unbind, "split": split, "split_with_sizes": split_with_sizes, "chunk": chunk,
    "tensor_split": tensor_split, "hsplit": hsplit, "vsplit": vsplit, "dsplit": dsplit,
    "unsafe_split": split, "unsafe_split_with_sizes": split_with_sizes, "unsafe_chunk": chunk,
}  # fmt: skip
