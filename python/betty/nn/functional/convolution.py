"""Convolutions over one or two spatial dimensions, of [N, C, ...] or of one sample [C, ...]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._functions import conv_transpose1d, conv_transpose2d
from betty._native import Tensor
from betty._warnings import warn

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]

Sizes = int | Sequence[int]


def warn_of_sides(padding: Any, weight: Tensor, dilation: Sizes) -> None:
    """Warns where padding="same" has one element more on one side."""
    if not isinstance(padding, str) or padding != "same":
        return
    kernel = weight.shape[2:]
    gaps = [dilation] * len(kernel) if isinstance(dilation, int) else list(dilation)
    if any(gap * (size - 1) % 2 for size, gap in zip(kernel, gaps, strict=False)):
        warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a "
            "zero-padded copy of the input be created"
        )


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of [N, C, L] with weight [K, C / groups, size]; padding may be "same" or
    "valid"."""
    warn_of_sides(padding, weight, dilation)
    return ops.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of [N, C, H, W] with weight [K, C / groups, height, width]; padding may be "same"
    or "valid"."""
    warn_of_sides(padding, weight, dilation)
    return ops.conv2d(input, weight, bias, stride, padding, dilation, groups)
