"""What lies around the tensors of a file, as JSON and back.

A value of JSON's own stands for itself; anything else is a dict whose first key says what it is.
Invariant: an outline makes values of the types in this file and no others, and what it makes is
data: no name in it is imported and nothing of it is called.
"""

from __future__ import annotations

import base64
import sys
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any

from betty import _types
from betty._native import Tensor

__all__ = ["DTYPES", "outline", "restored"]

#: Element types by the names that they have in outlines.
DTYPES = {
    _types.float64: "float64", _types.float32: "float32", _types.float16: "float16",
    _types.bfloat16: "bfloat16", _types.int64: "int64", _types.int32: "int32",
    _types.uint8: "uint8", _types.bool: "bool",
}  # fmt: skip
_NAMED_DTYPES = {name: dtype for dtype, name in DTYPES.items()}


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _filled(space: Any, pairs: list[Any]) -> Any:
    vars(space).update(pairs)
    return space


# Values without parts of their own: (class, as JSON, from JSON)
_PLAIN: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "dtype": (_types.dtype, DTYPES.__getitem__, _NAMED_DTYPES.__getitem__),
    "size": (_types.Size, list, _types.Size),
    "device": (_types.device, str, _types.device),
    "complex": (complex, lambda x: [x.real, x.imag], lambda parts: complex(*parts)),
    "bytes": (bytes, lambda x: base64.b64encode(x).decode(), _decoded),
    "bytearray": (
        bytearray, lambda x: base64.b64encode(x).decode(), lambda text: bytearray(_decoded(text)),
    ),
    "range": (range, lambda x: [x.start, x.stop, x.step], lambda parts: range(*parts)),
    "path": (PurePath, str, Path),
}  # fmt: skip

# Values that are made of others in a row: (class, made again)
_ROWS: dict[str, tuple[type, Callable[[list[Any]], Any]]] = {
    "list": (list, list), "tuple": (tuple, tuple), "slice": (slice, lambda parts: slice(*parts)),
    "set": (set, set), "frozenset": (frozenset, frozenset),
}  # fmt: skip

# Values that are made of pairs, the special ones before what they are kinds of.
_PAIRS: dict[str, tuple[type, Callable[[list[Any]], Any]]] = {
    "ordered": (OrderedDict, OrderedDict),
    "counter": (Counter, lambda pairs: Counter(dict(pairs))),
    "dict": (dict, dict),
    "namespace": (Namespace, lambda pairs: _filled(Namespace(), pairs)),
    "simple": (SimpleNamespace, lambda pairs: _filled(SimpleNamespace(), pairs)),
}

# What a defaultdict may make; another function of a program's own is left out.
_FACTORIES = {
    kind.__name__: kind for kind in (bool, dict, float, int, list, set, str, tuple, OrderedDict)
}

#: Takes a tensor or an array at a place out of the outline; gives the name that it has in the file.
Put = Callable[[str, Any], str]


# ---- writing -----------------------------------------------------------------------------------


def outline(obj: Any, place: str, put: Put) -> Any:
    """The object as JSON; its tensors and arrays are given to `put`.

    Raises:
        TypeError: An object of another kind; the message says where it stands.
    """
    import numpy

    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, Tensor):
        return _tensor(obj, place, put)
    if isinstance(obj, numpy.generic) and obj.dtype.kind in "biuf":
        return obj.item()
    if isinstance(obj, numpy.ndarray) and obj.dtype.kind in "biuf":
        return {"array": put(place, obj), "dtype": obj.dtype.str}
    for kind, (plain, write, _) in _PLAIN.items():
        if isinstance(obj, plain):
            return {kind: write(obj)}
    if isinstance(obj, deque):
        return {"deque": _parts(obj, place, put), "maxlen": obj.maxlen}
    if isinstance(obj, tuple) and hasattr(obj, "_fields"):
        pairs = _pairs(zip(obj._fields, obj, strict=True), place, put)
        return {"named": pairs, "name": type(obj).__name__}
    if isinstance(obj, (set, frozenset)):
        return {_kind(_ROWS, obj): [_key(each, place) for each in obj]}
    if isinstance(obj, slice):
        return {"slice": [outline(x, place, put) for x in (obj.start, obj.stop, obj.step)]}
    if isinstance(obj, (list, tuple)):
        return {_kind(_ROWS, obj): _parts(obj, place, put)}
    if isinstance(obj, defaultdict):
        made = getattr(obj.default_factory, "__name__", None)
        name = made if _FACTORIES.get(made or "") is obj.default_factory else None
        return {"defaultdict": _pairs(obj.items(), place, put), "of": name}
    if isinstance(obj, dict):
        return {_kind(_PAIRS, obj): _pairs(obj.items(), place, put)}
    if isinstance(obj, (Namespace, SimpleNamespace)):
        return {_kind(_PAIRS, obj): _pairs(vars(obj).items(), place, put)}
    raise TypeError(_refusal(obj, place))


def _refusal(obj: Any, place: str) -> str:
    """Why it cannot be saved, and what can be in its place."""
    name = obj.__name__ if isinstance(obj, type) else type(obj).__name__
    if hasattr(obj, "state_dict") and not isinstance(obj, type):
        instead = "save its state_dict()"
    elif callable(obj):
        instead = "a file holds data, no code: save its name"
    else:
        instead = (
            "takes tensors, arrays, numbers, text, None and Python's containers; of an object of "
            "a class of your own save vars(object)"
        )
    return f"save: cannot save {name} at '{place or 'the top'}'; {instead}"


def _tensor(x: Tensor, place: str, put: Put) -> dict[str, Any]:
    made: dict[str, Any] = {"tensor": put(place, x)}
    module = sys.modules.get("betty.nn.parameter")  # who has not imported it has no parameters
    if module is not None and isinstance(x, module.Parameter):
        made["parameter"] = x.requires_grad
    return made


def _kind(kinds: dict[str, tuple[type, Any]], obj: Any) -> str:
    return next(kind for kind, (made, _) in kinds.items() if isinstance(obj, made))


def _inner(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _parts(items: Iterable[Any], place: str, put: Put) -> list[Any]:
    return [outline(each, _inner(place, index), put) for index, each in enumerate(items)]


def _pairs(items: Iterable[tuple[Any, Any]], place: str, put: Put) -> list[Any]:
    return [[_key(key, place), outline(x, _inner(place, key), put)] for key, x in items]


def _key(key: Any, place: str) -> Any:
    """A key of a dict or an element of a set, neither of which holds tensors."""
    try:
        return outline(key, place, _no_tensors)
    except TypeError:
        raise TypeError(
            f"save: a key of '{place or 'the top'}' is {type(key).__name__}; keys, and elements of "
            "sets, are numbers, text, None, or tuples of them"
        ) from None


def _no_tensors(place: str, found: Any) -> str:
    raise TypeError


# ---- reading -----------------------------------------------------------------------------------


@cache
def _named(name: str, fields: tuple[str, ...]) -> Any:
    """The class of a named tuple; names that are none of Python's become numbers."""
    return namedtuple(name if name.isidentifier() else "row", fields, rename=True)  # noqa: PYI024


def _with_tensor(record: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    found = tensors[record["tensor"]]
    if "parameter" not in record:
        return found
    from betty.nn.parameter import Parameter

    return Parameter(found, requires_grad=bool(record["parameter"]))


def restored(record: Any, tensors: dict[str, Tensor]) -> Any:
    """What `outline` was made of."""
    if not isinstance(record, dict):
        return record
    (kind, content), *_ = record.items()
    if kind == "tensor":
        return _with_tensor(record, tensors)
    if kind == "array":
        return tensors[content].numpy().astype(record["dtype"], copy=False)
    if kind in _PLAIN:
        return _PLAIN[kind][2](content)
    if kind in _ROWS or kind == "deque":
        parts = [restored(each, tensors) for each in content]
        return deque(parts, record["maxlen"]) if kind == "deque" else _ROWS[kind][1](parts)
    pairs = [(restored(key, tensors), restored(each, tensors)) for key, each in content]
    if kind == "named":
        fields = tuple(str(field) for field, _ in pairs)
        return _named(record["name"], fields)(*(each for _, each in pairs))
    if kind == "defaultdict":
        of = record["of"]
        return defaultdict(None if of is None else _FACTORIES[of], pairs)
    return _PAIRS[kind][1](pairs)
