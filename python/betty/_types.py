"""Element types, sizes and devices, under PyTorch's names.

Invariant: there are eight element types, each one object; the only device is the processor.
"""

from __future__ import annotations

import builtins as _builtins
import math
from collections.abc import Iterable
from operator import index
from typing import Any, NamedTuple, NoReturn

from betty._native import (
    bfloat16,
    bool,
    dtype,
    float16,
    float32,
    float64,
    int32,
    int64,
    uint8,
)

half = float16
float = float32
double = float64
int = int32
long = int64

_WIDTHS = {bool: 0, uint8: 1, int32: 3, int64: 4, float16: 5, bfloat16: 5, float32: 6, float64: 7}
_default = float32


class Size(tuple):
    """The dimensions of a tensor: a tuple that prints as PyTorch's."""

    __slots__ = ()

    def __new__(cls, lengths: Iterable[Any] = ()) -> Any:
        found = tuple(lengths)
        for place, length in enumerate(found):
            if not hasattr(length, "__index__"):
                kind = type(length).__name__
                raise TypeError(f"Size: takes an iterable of integers, item {place} is a {kind}")
        return super().__new__(cls, map(index, found))

    def numel(self) -> Any:
        return math.prod(self)

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return Size(item) if isinstance(key, slice) else item

    def __add__(self, other) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(f"Size: can be joined with a tuple only, got {type(other).__name__}")
        return Size(tuple.__add__(self, other))

    def __repr__(self) -> str:
        return f"betty.Size({list(self)})"


class device:
    """Where a tensor is: always the processor. Others can be named, not used."""

    __slots__ = ("index", "type")

    def __init__(self, type: str | device, index: Any = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if not isinstance(type, str):
            raise TypeError(f"device: expected a string, got {type!r}")
        name, _, number = type.partition(":")
        if name not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError(f"device: there is no device '{type}'")
        if number:
            if not number.isdigit():
                raise RuntimeError(f"device: '{number}' is no device number in '{type}'")
            index = _int(number)
        self.type = name
        self.index = index

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> Any:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __reduce__(self):
        return device, (self.type, self.index)


_int = _builtins.int
CPU = device("cpu")


def check_device(given: Any) -> None:
    """Refuses every device but the processor; None and numbers of GPUs included."""
    if given is None or given is CPU or given == "cpu":
        return
    wanted = device(f"cuda:{given}") if isinstance(given, _int) else device(given)
    if wanted.type != "cpu":
        refuse_device(str(wanted))


def refuse_device(name: str) -> NoReturn:
    raise RuntimeError(
        f"device: '{name}' is not available, Betty computes on the processor ('cpu')"
    )


class _Arrangement:
    """How elements lie: a name, one object each."""

    __slots__ = ("_name",)
    _all: dict[str, Any] = {}

    def __new__(cls, name: str) -> Any:
        if name not in cls._all:
            cls._all[name] = super().__new__(cls)
            cls._all[name]._name = name
        return cls._all[name]

    def __repr__(self) -> str:
        return f"betty.{self._name}"

    def __reduce__(self):
        return type(self), (self._name,)


class layout(_Arrangement):
    """How a tensor's elements are kept: always all of them, ``betty.strided``."""

    __slots__ = ()
    _all: dict[str, Any] = {}


class memory_format(_Arrangement):
    """The order of dimensions in memory: there is one, and the others are accepted."""

    __slots__ = ()
    _all: dict[str, Any] = {}


strided, sparse_coo, sparse_csr = map(layout, ("strided", "sparse_coo", "sparse_csr"))
contiguous_format, preserve_format, channels_last, channels_last_3d = map(
    memory_format, ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")
)


class _Range(NamedTuple):
    dtype: dtype
    bits: Any
    min: Any
    max: Any


class iinfo:
    """Limits of an integer type."""

    def __init__(self, type: dtype) -> None:
        limits = {uint8: (0, 255), int32: (-(2**31), 2**31 - 1), int64: (-(2**63), 2**63 - 1)}
        if type not in limits:
            raise TypeError(f"iinfo: expected an integer type, got {type}")
        self.dtype = type
        self.min, self.max = limits[type]
        self.bits = type.itemsize * 8

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={str(self.dtype)[6:]})"


class finfo:
    """Limits of a floating type."""

    # bits of the fraction, largest and smallest exponent of two
    _FORMS = {float64: (52, 1023), float32: (23, 127), float16: (10, 15), bfloat16: (7, 127)}

    def __init__(self, type: dtype | None = None) -> None:
        type = get_default_dtype() if type is None else type
        if type not in self._FORMS:
            raise TypeError(f"finfo: expected a floating type, got {type}")
        fraction, exponent = self._FORMS[type]
        self.dtype = type
        self.bits = type.itemsize * 8
        self.eps = 2.0**-fraction
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = 10.0 ** -math.floor(fraction * math.log10(2))

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={str(self.dtype)[6:]})"
        )


def compute_type(type: dtype) -> dtype:
    """What a floating type is computed in: float32 for a short one, else itself.

    Draws that go through a function are drawn in it: of a short type one in 256 is 0.
    """
    return float32 if type in (float16, bfloat16) else type


def get_default_dtype() -> dtype:
    return _default


def set_default_dtype(d: dtype) -> None:
    """The type that Python floats get: float32 or float64 (or a short one)."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"set_default_dtype: only floating types are supported, got {d}")
    _default = d


def _check_dtypes(name: str, *types: Any) -> None:
    for given in types:
        if not isinstance(given, dtype):
            raise TypeError(f"{name}: expected two dtypes, got {given!r}")


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The type that holds values of both."""
    _check_dtypes("promote_types", type1, type2)
    if type1 is type2:
        return type1
    low, high = sorted((type1, type2), key=_WIDTHS.__getitem__)
    if _WIDTHS[low] == _WIDTHS[high]:
        return float32  # float16 and bfloat16
    return high


def can_cast(from_: dtype, to: dtype) -> Any:
    """Whether a conversion keeps the kind of number: no float to an integer, no number to bool."""

    _check_dtypes("can_cast", from_, to)

    def kind(type: dtype) -> Any:
        return 2 if type.is_floating_point else 0 if type is bool else 1

    return kind(from_) <= kind(to)
