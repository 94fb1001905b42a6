"""Convolutions over one or two spatial dimensions, of [N, C, ...] or of one sample [C, ...]."""

from __future__ import annotations

from betty._functions import conv1d, conv2d, conv_transpose1d, conv_transpose2d

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]
