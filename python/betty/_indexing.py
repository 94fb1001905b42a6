"""x[key] and x[key] = value, with NumPy's and PyTorch's meaning.

Basic keys (integers, slices, None, ...) give views, so that assigning to one changes what it was
taken from; keys with tensors, lists or masks pick elements. Only bool masks are evaluated, for
their number of elements; other indices are checked when the values are computed.
"""

from __future__ import annotations

from typing import Any

from betty import _functions as F
from betty import _native, _types
from betty._native import Tensor
from betty._warnings import warn

_select = _native.operation("select")
_slice = _native.operation("slice")
_unsqueeze = _native.operation("unsqueeze")
_index = _native.operation("index")
_index_put = _native.operation("index_put")


def getitem(x: Tensor, key: Any) -> Tensor:
    if type(key) is int:
        if x.ndim == 0:
            raise IndexError("invalid index of a 0-dim tensor, use item()")
        return _select(x, dim=0, index=key)
    view, picks = _basic(x, _parts(x, key))
    return _pick(view, picks) if picks else view


def setitem(x: Tensor, key: Any, value: Any) -> None:
    given, value = value, _as_value(x, value)
    if type(key) is int and x.ndim:
        _select(x, dim=0, index=key)._assign(_fitting(value, x.ndim - 1))
        return
    is_mask = isinstance(key, Tensor) and key.dtype is _types.bool
    if is_mask and value.numel() == 1 and key.shape == x.shape[: key.ndim]:
        mask = key.reshape(key.shape + (1,) * (x.ndim - key.ndim))
        x._assign(F.where(mask, value.reshape(()), x))
        return
    view, picks = _basic(x, _parts(x, key))
    if not picks:
        view._assign(_fitting(value, view.ndim))
        return
    if isinstance(given, Tensor):
        check_types("index_put", x, given)
    view._assign(_scattered(view, picks, value))


def check_types(name: str, x: Tensor, value: Tensor) -> None:
    """Refuses elements that would have to be converted to be put at indices."""
    if value.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}: the element types of what is put and of where to must match, got "
            f"{value.dtype} and {x.dtype}"
        )


def _as_value(x: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float)):
        return _native.from_scalar(value)
    if value is None:
        raise TypeError(f"can't assign a NoneType to a {x.type()}")
    from betty._creation import as_tensor

    return as_tensor(value)


def _fitting(value: Tensor, rank: int) -> Tensor:
    """Without leading dimensions of 1 that the place does not have."""
    while value.ndim > rank and value.shape[0] == 1:
        value = value[0]
    return value


def _parts(x: Tensor, key: Any) -> list:
    """The key as a list, its ellipsis replaced and its lists made tensors."""
    parts = [_plain(part) for part in (key if _is_several(key) else (key,))]
    used = sum(_consumed(part) for part in parts)
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    places = [place for place, part in enumerate(parts) if part is Ellipsis]
    if len(places) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if places:
        parts[places[0] : places[0] + 1] = [slice(None)] * (x.ndim - used)
    return parts


def _is_several(key: Any) -> bool:
    """Whether a key is one of each dimension: a tuple, or a short list with more than numbers."""
    if not isinstance(key, list) or len(key) >= 32:
        return isinstance(key, tuple)
    kinds = (Tensor, list, tuple, range, slice)
    return any(
        part is None or part is Ellipsis or isinstance(part, kinds) or getattr(part, "shape", ())
        for part in key
    )


def _plain(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (bool, int, slice)):
        return part
    if isinstance(part, Tensor):
        # A mask without dimensions is what Python's bool is: a new dimension of 1 or 0.
        return bool(part) if part.dtype is _types.bool and part.ndim == 0 else _checked(part)
    if isinstance(part, (list, tuple, range)) or hasattr(part, "__array__"):
        from betty._creation import as_tensor

        items = as_tensor(list(part) if isinstance(part, (tuple, range)) else part)
        return _checked(items.to(_types.int64) if items.numel() == 0 else items)
    if hasattr(part, "__index__"):
        return part.__index__()
    kind = TypeError if isinstance(part, str) else IndexError
    raise kind(
        "only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors are valid "
        f"indices (got {type(part).__name__})"
    )


def _checked(index: Tensor) -> Tensor:
    if index.dtype.is_floating_point:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if index.dtype is not _types.uint8:
        return index
    warn("indexing with dtype uint8 is deprecated, please use a dtype bool instead.")
    return index.to(_types.bool)


def _consumed(part: Any) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, Tensor) and part.dtype is _types.bool:
        return part.ndim
    return 1


def _basic(x: Tensor, parts: list) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """The view that the basic parts give, and (dimension of the view, indices) of the others."""
    picks: list[tuple[int, Tensor]] = []
    dim = 0
    for part in parts:
        if part is None:
            x = _unsqueeze(x, dim=dim)
            dim += 1
        elif isinstance(part, bool):
            x = _unsqueeze(x, dim=dim)
            picks.append((dim, _native.from_buffer(_integers([0] * part))))
            dim += 1
        elif isinstance(part, int):
            x = _select(x, dim=dim, index=part)
        elif isinstance(part, slice):
            x = _sliced(x, dim, part)
            dim += 1
        elif part.dtype is _types.bool:
            picks += _mask(x, dim, part)
            dim += part.ndim
        else:
            picks.append((dim, part))
            dim += 1
    return x, picks


def _integers(values: list[int]) -> Any:
    import numpy

    return numpy.array(values, numpy.int64)


def _sliced(x: Tensor, dim: int, part: slice) -> Tensor:
    if part == slice(None):
        return x
    step = 1 if part.step is None else _integer(part.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    return _slice(x, dim=dim, start=_integer(part.start), end=_integer(part.stop), step=step)


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    if not hasattr(value, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    # Python's own slices take any integer; what is beyond 63 bits is beyond every tensor.
    return max(min(value.__index__(), 2**62), -(2**62))


def _mask(x: Tensor, dim: int, mask: Tensor) -> list[tuple[int, Tensor]]:
    from betty._overloads import nonzero

    shape = x.shape[dim : dim + mask.ndim]
    if mask.shape != shape:
        raise IndexError(
            f"the shape of the mask {list(mask.shape)} does not match the shape of the indexed "
            f"tensor {list(x.shape)} at index {dim}"
        )
    return [(dim + axis, index) for axis, index in enumerate(nonzero(mask, as_tuple=True))]


def _items(x: Tensor, picks: list[tuple[int, Tensor]]) -> list[int]:
    """What `index` is told: the tensors index their dimensions, the others are whole."""
    indexed = {dim for dim, _ in picks}
    items = []
    for dim, size in enumerate(x.shape):
        items += [3, 0, 0, 0] if dim in indexed else [1, 0, size, 1]
    return items


def _pick(x: Tensor, picks: list[tuple[int, Tensor]]) -> Tensor:
    """The elements at the indices; their dimensions stand where the first index stood, or in front
    if something lies between the indices."""
    return _index(x, *_long(picks), items=_items(x, picks))


def _scattered(x: Tensor, picks: list[tuple[int, Tensor]], value: Tensor) -> Tensor:
    """x with the elements at the indices replaced."""
    return _index_put(x, value, *_long(picks), items=_items(x, picks))


def _long(picks: list[tuple[int, Tensor]]) -> list[Tensor]:
    return [index.to(_types.int64) for _, index in picks]
