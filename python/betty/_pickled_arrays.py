"""NumPy's arrays and numbers in a pickle, as data.

NumPy pickles an array as an empty one whose content follows, and a number as its bytes. Invariant:
elements are numbers or text, never objects, and number as many as the file has bytes for.
"""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ["Refused", "dtype", "empty", "encoded", "fill", "order", "scalar"]


class Refused(Exception):
    """What the file holds cannot be read; the text goes into the message."""


_ELEMENTS = re.compile(r"[<>=|]?(?:\?|[biufc]\d{1,2}|[US]\d{1,6})")


def encoded(text: str, encoding: str = "latin1") -> bytes:
    """Bytes, which the second protocol writes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"its pickle has bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def dtype(name: Any, align: Any = False, copy: Any = False) -> Any:
    """An element type by its short name; its order of bytes follows."""
    import numpy

    if not isinstance(name, str) or not _ELEMENTS.fullmatch(name):
        raise Refused(f"holds an array of {name!r}, whose elements are neither numbers nor text")
    return numpy.dtype(name, False, True)  # one of its own, which takes another order


def order(kind: Any, state: Any) -> None:
    """Gives an element type the order of its bytes; the rest of what the file says must agree."""
    _, byteorder, *fields = state[:5]
    if fields != [None, None, None] or byteorder not in ("<", ">", "=", "|"):
        raise Refused("holds an array whose elements have parts")
    if byteorder in ("<", ">"):
        size = (kind.itemsize, kind.alignment, kind.flags) if kind.kind in "US" else (-1, -1, 0)
        kind.__setstate__((3, byteorder, None, None, None, *size))


def scalar(kind: Any, content: Any) -> Any:
    """One number of NumPy's."""
    import numpy

    return numpy.frombuffer(_bytes(content), _checked(kind), 1)[0]


def empty(kind: Any, shape: Any, code: Any) -> Any:
    """An array that will be filled."""
    import numpy

    return numpy.empty(0, numpy.float32)


def fill(array: Any, state: Any) -> None:
    """Gives an array its sizes, its element type and its numbers."""
    _, shape, kind, by_columns, content = state
    content, kind, shape = _bytes(content), _checked(kind), tuple(int(n) for n in shape)
    if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"its pickle has {len(content)} bytes for an array of sizes {shape}")
    array.__setstate__((1, shape, kind, bool(by_columns), content))


def _bytes(content: Any) -> bytes:
    """Bytes of their own; Python 2 wrote them as text."""
    if isinstance(content, str):
        return content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)):
        raise TypeError(f"its pickle has {type(content).__name__} for the bytes of an array")
    return bytes(bytearray(content))


def _checked(kind: Any) -> Any:
    import numpy

    if not isinstance(kind, numpy.dtype):
        raise TypeError(f"its pickle has {type(kind).__name__} for an element type")
    return kind
