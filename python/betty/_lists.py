"""Nested lists as tensors: of Python's numbers, and of tensors that stand for one number each."""

from __future__ import annotations

from typing import Any

from betty import _native, _types
from betty._checks import check_integer, check_range
from betty._native import Tensor


def from_lists(data: Any, dtype: Any = None) -> Tensor:
    """Numbers of Python's take the default type, unless one is asked for; so do scalar tensors that
    stand among them."""
    import numpy

    if dtype is None and any(isinstance(x, Tensor) and x.is_floating_point() for x in data):
        kinds = [x.dtype for x in data if isinstance(x, Tensor) and x.is_floating_point()]
        kind = max(kinds, key=lambda kind: kind.itemsize)
        return from_lists(data, kind).to(kind)
    plain = _plain(data) if _leads_to_tensor(data) else data
    try:
        array = numpy.array(plain)
    except ValueError:  # a tensor among numbers is no row of its own
        array = numpy.array(_plain(data))
    if array.dtype.kind == "O" or array.dtype == numpy.uint64:
        for number in array.ravel().tolist():
            check_integer(number)
    check_range("tensor", array, dtype)
    if dtype is None and array.dtype == numpy.float64 and _has_python_numbers(plain):
        default = _types.get_default_dtype()
        name = str(default)[6:]
        if default is not _types.bfloat16:
            return _native.from_buffer(array.astype(name))
        return _native.from_buffer(array).to(default)
    return _native.from_buffer(array)


def _leads_to_tensor(data: Any) -> bool:
    """Whether tensors stand in the list, or where its lists begin: a look at all would cost more
    than the array."""
    if any(isinstance(x, Tensor) for x in data):
        return True
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, Tensor)


def _plain(data: Any) -> Any:
    """Nested lists without tensors: each of one element is a number."""
    if isinstance(data, (list, tuple)):
        if not any(isinstance(x, (Tensor, list, tuple)) for x in data):
            return data
        return [_plain(x) for x in data]
    if not isinstance(data, Tensor):
        return data
    if data.numel() != 1:
        raise ValueError(
            "tensor: only one element tensors can be converted to Python scalars, got one of "
            f"shape {tuple(data.shape)}; betty.stack joins tensors"
        )
    return data.item()


def _has_python_numbers(data: Any) -> bool:
    """Whether the first element is Python's own: those take the default type."""
    while isinstance(data, (list, tuple)):
        if not data:
            return True
        data = data[0]
    return type(data) in (float, int, bool)
