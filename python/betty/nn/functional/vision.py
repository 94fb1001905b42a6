"""Images of other sizes and patches of images."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._functions import pixel_shuffle, pixel_unshuffle
from betty._native import Tensor
from betty._warnings import warn
from betty.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d
from betty.nn.functional.volumes import adaptive_avg_pool3d

__all__ = [
    "channel_shuffle",
    "fold",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

# Modes that interpolate, and the number of the input's dimensions.
_SMOOTH = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
_MODES = {"nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), **_SMOOTH}
_MEANS = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The image in another size.

    Args:
        input: [N, C, W], [N, C, H, W] or [N, C, D, H, W].
        size: Spatial sizes of the result.
        scale_factor: Instead of ``size``: what the sizes are multiplied by.
        mode: "nearest", "nearest-exact", "area", "linear" (3D), "bilinear" or "bicubic" (4D),
            "trilinear" (5D).
        align_corners: For linear and cubic modes: whether the corners' centres are the ends of the
            scale.
        recompute_scale_factor: Whether positions follow from the sizes alone.
        antialias: For 4D linear and cubic modes: whether shrinking takes all elements into account.

    Raises:
        ValueError: Neither or both of size and scale_factor, an option that the mode has not.
        NotImplementedError: A mode that does not fit the input.

    Example:
        >>> import betty
        >>> betty.nn.functional.interpolate(betty.tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    if align_corners is not None and mode not in _SMOOTH:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            + " | ".join(_SMOOTH)
        )
    rank = input.dim()
    if antialias and not (mode in ("bilinear", "bicubic") and rank == 4):
        raise ValueError(
            "interpolate: antialias is for bilinear and bicubic modes of 4D input, got "
            f"{rank}D input and mode '{mode}'"
        )
    sizes, scales = _target(input, rank - 2, size, scale_factor, recompute_scale_factor)
    if mode not in _MODES:
        known = ", ".join(_MODES)
        raise NotImplementedError(f"interpolate: mode is one of {known}, got '{mode}'")
    if rank not in _MODES[mode]:
        raise NotImplementedError(
            f"Got {rank}D input, but {mode} mode needs {_MODES[mode][0]}D input"
        )
    if mode == "area":
        return _MEANS[rank](input, tuple(sizes))
    options: dict[str, Any] = {}
    for name, scale in zip(("scale_w", "scale_h", "scale_d"), reversed(scales or []), strict=False):
        options[name] = float(scale)
    return ops.interpolate(
        input,
        size=tuple(sizes),
        mode=mode,
        align_corners=bool(align_corners),
        antialias=antialias,
        **options,
    )


def _target(
    input: Tensor, dims: int, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float] | None]:
    """The sizes of the result, and the scales if they count."""
    if dims not in (1, 2, 3):
        raise NotImplementedError(f"interpolate: takes 3D, 4D or 5D input, got {input.dim()}D")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None and recompute:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    given = size if size is not None else scale_factor
    values = list(given) if isinstance(given, Sequence) else [given] * dims
    if len(values) != dims:
        raise ValueError(
            f"interpolate: input has {dims} spatial dimensions, got {len(values)} sizes {values}"
        )
    if size is not None:
        return [int(v) for v in values], None
    sizes = [math.floor(n * s) for n, s in zip(input.shape[2:], values, strict=True)]
    return sizes, None if recompute else values


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The old name of ``interpolate``."""
    warnings.warn("upsample is deprecated, use interpolate", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """The old name of ``interpolate`` with the nearest elements."""
    warn("`nn.functional.upsample_nearest` is deprecated, use `nn.functional.interpolate`")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """The old name of ``interpolate`` between corners that stay where they are."""
    warn("`nn.functional.upsample_bilinear` is deprecated, use `nn.functional.interpolate`")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Sliding blocks of [N, C, H, W] as columns: [N, C * kernel, L]."""
    return ops.unfold(
        input, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns [N, C * kernel, L] added up into images [N, C, H, W]: the transpose of unfold."""
    return ops.fold(
        input,
        output_size=output_size,
        kernel_size=kernel_size,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of [N, C, ...] dealt from ``groups`` groups in turn."""
    batch, channels, *rest = input.shape
    if groups <= 0 or channels % groups:
        raise RuntimeError(
            f"channel_shuffle: channels must be divisible by groups, got {channels} and {groups}"
        )
    open_ = input.reshape(batch, groups, channels // groups, *rest)
    return open_.transpose(1, 2).reshape(batch, channels, *rest)
