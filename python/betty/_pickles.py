"""The pickles of PyTorch's checkpoints, read as data.

A pickle is a program of small instructions that build objects. They are interpreted here one by
one and make containers, numbers, text, arrays and tensors. Invariant: a name in a file is looked
up in `_MAKERS` and `_KINDS` and nowhere else, so nothing is imported or called on the file's
behalf; whatever is not known is refused by its name.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from betty import _native, _types
from betty import _pickled_arrays as arrays
from betty._pickled_arrays import Refused

__all__ = ["ELEMENTS", "Fetch", "Refused", "Storage", "interpret"]

# Element types by PyTorch's names: (NumPy's type in the file, the tensor's type)
ELEMENTS = {
    "float64": ("f8", _types.float64), "float32": ("f4", _types.float32),
    "float16": ("f2", _types.float16), "bfloat16": ("u2", _types.bfloat16),
    "int64": ("i8", _types.int64), "int32": ("i4", _types.int32), "int16": ("i2", _types.int32),
    "int8": ("i1", _types.int32), "uint8": ("u1", _types.uint8), "bool": ("?", _types.bool),
}  # fmt: skip
_STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip


class Storage(NamedTuple):
    """Where the elements of a tensor lie: an entry of the file and what it is made of."""

    element: str
    key: str
    count: int


class _Name(NamedTuple):
    """A global name in the file. It stands for itself until it is called."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


# The elements of a storage as an array; the second argument says that nobody else will see it.
Fetch = Callable[[Storage, bool], Any]


# ---- what names stand for ----------------------------------------------------------------------


def _tensor(
    fetch: Fetch, storage: Storage, offset: int, size: Any, stride: Any, grad: bool, *_: Any
) -> Any:
    """A tensor over a storage: element (i, j, …) lies at offset + i stride₀ + j stride₁ + …"""
    import numpy

    size, stride = [int(n) for n in size], [int(n) for n in stride]
    dense = [math.prod(size[place + 1 :]) for place in range(len(size))]
    is_whole = offset == 0 and stride == dense and math.prod(size) == storage.count
    array = fetch(storage, is_whole)
    if array is None:
        return None
    if len(size) != len(stride) or min([0, offset, *size, *stride]) < 0:
        raise Refused(f"a tensor of it has sizes {size} and strides {stride}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= len(array):
        raise Refused(f"a tensor of it reaches beyond its {len(array)} numbers")
    if 0 in size:
        array = numpy.empty(size, array.dtype)
    else:
        steps = [step * array.itemsize for step in stride]
        array = numpy.lib.stride_tricks.as_strided(array[offset:], size, steps)
    dtype = ELEMENTS[storage.element][1]
    if dtype is _types.bfloat16:
        array = (array.astype(numpy.uint32) << 16).view(numpy.float32)
    elif dtype is _types.int32:
        array = array.astype(numpy.int32)
    convert = numpy.asarray if is_whole else numpy.array  # a view is copied
    array = convert(array, array.dtype.newbyteorder("="), order="C")
    made = _native.from_buffer(array).to(dtype)
    return made.requires_grad_() if grad else made


def _parameter(fetch: Fetch, data: Any, requires_grad: bool = True, *_: Any) -> Any:
    from betty.nn import Parameter

    return None if data is None else Parameter(data, requires_grad=requires_grad)


def _parameter_with_state(
    fetch: Fetch, data: Any, requires_grad: bool, hooks: Any, state: Any
) -> Any:
    """A parameter with attributes of the program's own; those that hide nothing are kept."""
    made = _parameter(fetch, data, requires_grad)
    if made is not None and isinstance(state, dict):
        for name, value in state.items():
            if isinstance(name, str) and not name.startswith("_") and not hasattr(made, name):
                setattr(made, name, value)
    return made


def _of_type(fetch: Fetch, maker: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor with attributes of the program's own, which tensors here don't have."""
    if maker not in _REBUILT or kind not in _KINDS:
        raise Refused(f"holds a tensor of a kind that is not here ({kind})")
    return _MAKERS[maker](fetch, *arguments)


_REBUILT = {
    _Name("torch._utils", "_rebuild_tensor_v2"), _Name("torch._utils", "_rebuild_parameter"),
}  # fmt: skip
_KINDS = {
    _Name("torch", "Tensor"), _Name("torch.nn.parameter", "Parameter"), _Name("numpy", "ndarray"),
}  # fmt: skip
_MAKERS: dict[_Name, Callable[..., Any]] = {
    _Name("torch._utils", "_rebuild_tensor_v2"): _tensor,
    _Name("torch._utils", "_rebuild_parameter"): _parameter,
    _Name("torch._utils", "_rebuild_parameter_with_state"): _parameter_with_state,
    _Name("torch._tensor", "_rebuild_from_type_v2"): _of_type,
    _Name("collections", "Counter"): lambda fetch, counts=(): Counter(dict(counts)),
    _Name("collections", "OrderedDict"): lambda fetch, pairs=(): OrderedDict(pairs),
    _Name("torch", "Size"): lambda fetch, sizes=(): _types.Size(sizes),
    _Name("torch", "device"): lambda fetch, *_: _types.device("cpu"),
    _Name("builtins", "set"): lambda fetch, items=(): set(items),
    _Name("__builtin__", "set"): lambda fetch, items=(): set(items),
    _Name("builtins", "bytes"): lambda fetch: b"",
    _Name("__builtin__", "bytes"): lambda fetch: b"",
    _Name("_codecs", "encode"): lambda fetch, *given: arrays.encoded(*given),
    _Name("numpy", "dtype"): lambda fetch, *given: arrays.dtype(*given),
}
for _module in ("numpy._core.multiarray", "numpy.core.multiarray"):  # NumPy 2 and 1
    _MAKERS[_Name(_module, "scalar")] = lambda fetch, *given: arrays.scalar(*given)
    _MAKERS[_Name(_module, "_reconstruct")] = lambda fetch, *given: arrays.empty(*given)


def _named(module: str, name: str) -> Any:
    if module == "torch" and name in ELEMENTS:
        return ELEMENTS[name][1]
    found = _Name(module, name)
    if found in _MAKERS or found in _KINDS or (module == "torch" and name.endswith("Storage")):
        return found
    if name.startswith("_rebuild_"):
        raise Refused(f"holds a tensor of a kind that is not here ({found})")
    raise Refused(
        f"holds {found}, and only tensors, arrays, numbers, text and containers are read; "
        "where PyTorch is, save state_dict() instead of the object"
    )


# ---- the instructions --------------------------------------------------------------------------

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def interpret(program: Iterable[Any], fetch: Fetch | None) -> Any:
    """Runs the instructions of one pickle; without `fetch` there may be no tensors."""
    machine = _Machine(fetch)
    for operation, argument, _ in program:
        name = operation.name
        if name in _VALUES:
            machine.stack.append(argument)
        elif name in _CONSTANTS:
            machine.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            machine.stack.append(_EMPTY[name]())
        elif name in _SHORT_TUPLES:
            machine.stack.append(tuple(machine.take(_SHORT_TUPLES[name])))
        elif name == "STOP":
            return machine.stack.pop()
        else:
            step = getattr(machine, f"on_{name.lower()}", None)
            if step is None:
                raise Refused(f"its pickle has the instruction {name}, which builds other objects")
            step(argument)
    raise EOFError("its pickle has no end")


class _Machine:
    """The stack of values, the marks in it, and the values kept under numbers."""

    def __init__(self, fetch: Fetch | None) -> None:
        self.fetch = fetch
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError("its pickle takes more values than there are")
        start = len(self.stack) - count
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def taken_to_mark(self) -> list[Any]:
        return self.take(len(self.stack) - self.marks.pop())

    def top(self, *kinds: type) -> Any:
        found = self.stack[-1]
        if not isinstance(found, kinds):
            raise TypeError(f"its pickle fills a {type(found).__name__}")
        return found

    def on_proto(self, version: int) -> None:
        pass

    on_frame = on_proto

    def on_mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def on_tuple(self, _: None) -> None:
        self.stack.append(tuple(self.taken_to_mark()))

    def on_append(self, _: None) -> None:
        (value,) = self.take(1)
        self.top(list).append(value)

    def on_appends(self, _: None) -> None:
        values = self.taken_to_mark()
        self.top(list).extend(values)

    def on_additems(self, _: None) -> None:
        values = self.taken_to_mark()
        self.top(set).update(values)

    def on_setitem(self, _: None) -> None:
        key, value = self.take(2)
        self.top(dict)[key] = value

    def on_setitems(self, _: None) -> None:
        values = self.taken_to_mark()
        self.top(dict).update(zip(values[::2], values[1::2], strict=True))

    def on_binput(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    on_long_binput = on_binput

    def on_memoize(self, _: None) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def on_binget(self, place: int) -> None:
        self.stack.append(self.memo[place])

    on_long_binget = on_binget

    def on_global(self, argument: str) -> None:
        self.stack.append(_named(*argument.split(" ", 1)))

    def on_stack_global(self, _: None) -> None:
        self.stack.append(_named(*self.take(2)))

    def on_binpersid(self, _: None) -> None:
        """A storage: ('storage', its class, key, device, count), in the old layout a view too."""
        (described,) = self.take(1)
        word, kind, key, _device, count, *view = described
        if word != "storage" or (view and view[0] is not None):
            raise Refused("a tensor of it lies in a part of a storage, as PyTorch 0.4 wrote it")
        element = _STORAGES.get(kind.name, kind.name)
        self.stack.append(Storage(element, str(key), int(count)))

    def on_reduce(self, _: None) -> None:
        called, arguments = self.take(2)
        if called not in _MAKERS:
            raise TypeError(f"its pickle calls {called}")
        self.stack.append(_MAKERS[called](self.fetch, *arguments))

    def on_build(self, _: None) -> None:
        """The content of an array, or attributes: of a state, the versions of its modules."""
        import numpy

        (attributes,) = self.take(1)
        found = self.top(OrderedDict, numpy.ndarray, numpy.dtype)
        if isinstance(found, numpy.ndarray):
            arrays.fill(found, attributes)
            return
        if isinstance(found, numpy.dtype):
            arrays.order(found, attributes)
            return
        if isinstance(attributes, dict) and isinstance(attributes.get("_metadata"), dict):
            found._metadata = attributes["_metadata"]
