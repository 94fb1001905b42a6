"""Convolutions as modules.

Initial weights are PyTorch's: uniform within 1 / sqrt(fan in), biases too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from betty._checks import check_counts
from betty._creation import zeros
from betty._native import Tensor
from betty.nn import functional as F
from betty.nn import init
from betty.nn.module import Module
from betty.nn.parameter import Parameter

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
]  # fmt: skip

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate"}
_MODES["circular"] = "circular"


class _ConvNd(Module):
    """What convolutions of any rank share; ``dims`` is the number of spatial axes."""

    dims = 2
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_counts(name, in_channels=in_channels, out_channels=out_channels)
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._each("kernel_size", kernel_size)
        self.stride = self._each("stride", stride)
        self.padding = padding if isinstance(padding, str) else self._each("padding", padding)
        self.dilation = self._each("dilation", dilation)
        self.output_padding = self._each("output_padding", output_padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check_padding()
        pair = (out_channels, in_channels)
        first, second = reversed(pair) if self.transposed else pair
        self.weight = Parameter(zeros(first, second // groups, *self.kernel_size, dtype=dtype))
        if bias:
            self.bias = Parameter(zeros(out_channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()
        if device is not None:
            self.to(device)

    def _each(self, option: str, value: Any) -> tuple[int, ...]:
        """An option for each axis."""
        name = type(self).__name__
        if not isinstance(value, Iterable):
            check_counts(name, **{option: value})
            return (value,) * self.dims
        values = tuple(value)
        for each in values:
            check_counts(name, **{option: each})
        return values

    def _check_padding(self) -> None:
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be one of {{'same', 'valid'}}"
                )
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_MODES)}, but got "
                f"padding_mode={self.padding_mode!r}"
            )
        if self.transposed and self.padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight.shape[1] * math.prod(self.kernel_size)
            bound = 1 / math.sqrt(fan_in) if fan_in else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        none = (0,) * self.dims
        if self.padding != none:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != none:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Convolution(_ConvNd):
    function: Any = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _margins(self) -> list[int]:
        """What F.pad takes to pad every side: the last axis first."""
        margins = []
        for axis in reversed(range(self.dims)):
            if self.padding == "valid":
                low = high = 0
            elif self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                low, high = total // 2, total - total // 2
            else:
                low = high = self.padding[axis]
            margins += [low, high]
        return margins

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._margins(), _MODES[self.padding_mode])
            padding = 0
        return type(self).function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(_Convolution):
    """Convolution of [N, C, L] or [C, L]."""

    dims = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """Convolution of [N, C, H, W] or [C, H, W] with weight [out, C / groups, height, width].

    Args:
        in_channels: Channels C.
        out_channels: Channels of the result.
        kernel_size: Height and width of the filters, or one number for both.
        stride: Steps between windows.
        padding: Rows and columns around the image, or "same" or "valid".
        dilation: Distance between the elements of a window.
        groups: Parts that the channels are divided into; each sees only its own.
        bias: Whether a number a channel is added.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Raises:
        ValueError: Channels that do not divide by the groups, or an unknown padding.

    Example:
        >>> import betty
        >>> layer = betty.nn.Conv2d(3, 16, 3, padding=1)
        >>> layer
        Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
        >>> layer(betty.zeros(2, 3, 8, 8)).shape
        betty.Size([2, 16, 8, 8])
    """

    dims = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Convolution):
    """Convolution of [N, C, D, H, W] or [C, D, H, W]."""

    dims = 3
    function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    transposed = True
    function: Any = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution; ``output_size`` picks one of the sizes that fit."""
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = self._output_padding(input, output_size)
        return type(self).function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        wanted = tuple(output_size)[-self.dims :]
        found = []
        for axis, size in enumerate(wanted):
            window = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            steps = (input.shape[axis - self.dims] - 1) * self.stride[axis]
            least = steps - 2 * self.padding[axis] + window
            if not least <= size < least + self.stride[axis]:
                raise ValueError(
                    f"requested an output size of {wanted}, but axis {axis} must be from {least} "
                    f"to {least + self.stride[axis] - 1}"
                )
            found.append(size - least)
        return tuple(found)


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of [N, C, L] or [C, L]."""

    dims = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution of [N, C, H, W] or [C, H, W]."""

    dims = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of [N, C, D, H, W] or [C, D, H, W]."""

    dims = 3
    function = staticmethod(F.conv_transpose3d)
