"""Nested sequences as tensors: of Python's numbers, and of tensors for one number each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from betty import _native, _types
from betty._checks import check_integer, check_range
from betty._native import Tensor


def is_sequence(data: Any) -> bool:
    """Whether it holds its elements in order: a list, a tuple, a deque, a range, a class's own.

    Text and mappings don't count, nor what shows its memory as an array does.
    """
    if isinstance(data, (list, tuple)):
        return True
    if isinstance(data, (str, bytes, Mapping, Tensor)):
        return False
    kind = type(data)
    if not (hasattr(kind, "__getitem__") and hasattr(kind, "__len__")):
        return False
    return not any(hasattr(data, name) for name in _ARRAYS)


def listed(data: Any) -> Any:
    """A sequence as a list (lists and tuples as they are); other data as it is."""
    if isinstance(data, (str, bytes)):
        raise TypeError(f"tensor: cannot be made of {type(data).__name__}")
    return list(data) if is_sequence(data) and not isinstance(data, (list, tuple)) else data


#: What objects have that show their elements as an array.
_ARRAYS = ("__array__", "__array_interface__", "__dlpack__")


def from_lists(data: Any, dtype: Any = None) -> Tensor:
    """A tensor of a nested sequence that is a list or a tuple at the top.

    Numbers of Python's take the default type, unless one is asked for; so do scalar tensors that
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
            if not isinstance(number, (int, float)):
                raise RuntimeError(f"Could not infer dtype of {type(number).__name__}")
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
    while is_sequence(data) and len(data):
        data = data[0]
    return isinstance(data, Tensor)


def _plain(data: Any) -> Any:
    """Nested lists without tensors: each of one element is a number."""
    if is_sequence(data):
        if not any(isinstance(x, Tensor) or is_sequence(x) for x in data):
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
    while is_sequence(data):
        if not len(data):
            return True
        data = data[0]
    return type(data) in (float, int, bool)
