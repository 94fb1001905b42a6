"""Padding as modules."""

from __future__ import annotations

from typing import Any

from betty._native import Tensor
from betty.nn import functional as F
from betty.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """Pads ``dims`` axes; one number pads every side."""

    dims = 1
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        count = 2 * self.dims
        self.padding = (padding,) * count if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != count:
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or have {count} entries, "
                f"got {self.padding}"
            )

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A constant at both ends of the last axis."""


class ConstantPad2d(_ConstantPad):
    """A constant around the last two axes: (left, right, top, bottom).

    Example:
        >>> import betty
        >>> betty.nn.ConstantPad2d(1, 2.0)(betty.zeros(1, 1, 1, 1))
        tensor([[[[2., 2., 2.],
                  [2., 0., 2.],
                  [2., 2., 2.]]]])
    """

    dims = 2


class ZeroPad1d(_Pad):
    """Zeros at both ends of the last axis."""


class ZeroPad2d(_Pad):
    """Zeros around the last two axes."""

    dims = 2


class ReflectionPad1d(_Pad):
    """The elements next to the edges of the last axis, mirrored."""

    mode = "reflect"


class ReflectionPad2d(_Pad):
    """The elements next to the edges of the last two axes, mirrored."""

    dims = 2
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The edges of the last axis repeated."""

    mode = "replicate"


class ReplicationPad2d(_Pad):
    """The edges of the last two axes repeated."""

    dims = 2
    mode = "replicate"


class CircularPad1d(_Pad):
    """The last axis continued from its other end."""

    mode = "circular"


class CircularPad2d(_Pad):
    """The last two axes continued from their other ends."""

    dims = 2
    mode = "circular"


class ConstantPad3d(_ConstantPad):
    """A constant around the last three axes."""

    dims = 3


class ZeroPad3d(_Pad):
    """Zeros around the last three axes."""

    dims = 3


class ReflectionPad3d(_Pad):
    """The elements next to the edges of the last three axes, mirrored."""

    dims = 3
    mode = "reflect"


class ReplicationPad3d(_Pad):
    """The edges of the last three axes repeated."""

    dims = 3
    mode = "replicate"


class CircularPad3d(_Pad):
    """The last three axes continued from their other ends."""

    dims = 3
    mode = "circular"
