"""Reading images at places of one's own, putting pooled elements back, and local normalization."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from betty import _creation, _types
from betty import _functions as ops
from betty._native import Tensor
from betty.nn.functional import pooling
from betty.nn.functional.layers import pad

__all__ = [
    "affine_grid", "grid_sample", "local_response_norm", "max_unpool1d", "max_unpool2d",
    "max_unpool3d",
]  # fmt: skip


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Places for ``grid_sample`` under affine maps: theta [N, 2, 3] and size (N, C, H, W) give
    [N, H, W, 2]; theta [N, 3, 4] and (N, C, D, H, W) give [N, D, H, W, 3]."""
    _warn_of_corners("affine_grid", align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3) or theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"affine_grid: expected theta of shape [N, {rank}, {rank + 1}] for size {tuple(size)}, "
            f"got {list(theta.shape)}"
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    lines = [_line(length, bool(align_corners), theta.dtype) for length in size[2:]]
    grids = ops.meshgrid(lines)
    places = ops.stack([*reversed(grids), ops.full_like(grids[0], 1.0)], -1)
    found = ops.matmul(places.reshape(-1, rank + 1), theta.transpose(1, 2))
    return found.reshape(size[0], *size[2:], rank)


def _line(length: int, align_corners: bool, dtype: Any) -> Tensor:
    """-1 ... 1 in so many steps: over the corners or over the middles of the elements."""
    if length == 1:
        return _creation.zeros(1, dtype=dtype)
    line = _creation.linspace(-1, 1, length, dtype=dtype)
    return line if align_corners else line * ((length - 1) / length)


def _warn_of_corners(name: str, align_corners: bool | None) -> None:
    if align_corners is None:
        warnings.warn(
            f"Default {name} behavior is align_corners=False. Please specify align_corners=True if "
            "the old behavior is desired.",
            UserWarning,
            stacklevel=3,
        )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Elements of images [N, C, H, W] at places [N, h, w, 2] in -1 ... 1 (x first): [N, C, h, w].

    Args:
        input: Images.
        grid: Places; gradients reach them in mode "bilinear".
        mode: "bilinear" or "nearest".
        padding_mode: What lies outside: "zeros", "border" or "reflection".
        align_corners: Whether -1 and 1 are the middles of the corner elements, or their edges.

    Raises:
        ValueError: An unknown mode.
        RuntimeError: Shapes that do not fit.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"grid_sample: mode is 'bilinear' or 'nearest', got '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode is 'zeros', 'border' or 'reflection', got '{padding_mode}'"
        )
    _warn_of_corners("grid_sample", align_corners)
    if input.ndim != 4 or grid.ndim != 4 or grid.shape[-1] != 2:
        raise RuntimeError(
            "grid_sample: expected input [N, C, H, W] and grid [N, h, w, 2], got "
            f"{list(input.shape)} and {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sample: batch sizes differ, got {input.shape[0]} and {grid.shape[0]}"
        )
    height, width = input.shape[2:]
    corners = bool(align_corners)
    x = _inside(_unnormalized(grid[..., 0], width, corners), width, padding_mode, corners)
    y = _inside(_unnormalized(grid[..., 1], height, corners), height, padding_mode, corners)
    if mode == "nearest":
        return _read(input, ops.round(y), ops.round(x))
    left, top = ops.floor(x), ops.floor(y)
    result = None
    for row, by in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, bx in ((left, 1 - (x - left)), (left + 1, x - left)):
            part = _read(input, row, column) * (by * bx).unsqueeze(1)
            result = part if result is None else result + part
    return result


def _unnormalized(place: Tensor, size: int, align_corners: bool) -> Tensor:
    if align_corners:
        return (place + 1) * ((size - 1) / 2)
    return ((place + 1) * size - 1) / 2


def _inside(place: Tensor, size: int, mode: str, align_corners: bool) -> Tensor:
    if mode == "zeros":
        return place
    if mode == "reflection":
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        span = high - low
        if span == 0:
            return place * 0
        place = ops.abs(place - low)
        turns = ops.floor(place / span)
        rest = place - turns * span
        place = ops.where(turns % 2 == 0, rest + low, high - rest)
    return ops.clamp(place, 0, size - 1)


def _read(input: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Elements at whole places, 0 outside: [N, C, h, w]."""
    channels, height, width = input.shape[1:]
    within = (row >= 0).logical_and(row < height)
    within = within.logical_and(column >= 0).logical_and(column < width)
    flat = ops.where(within, row * width + column, 0.0).long().flatten(1)
    index = flat.unsqueeze(1).expand(-1, channels, -1)
    found = ops.gather(input.flatten(2), 2, index).unflatten(2, tuple(row.shape[1:]))
    return found * within.unsqueeze(1).to(input.dtype)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divided by (k + alpha * the mean square of ``size`` channels around) to the power beta."""
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if size < 1:
        raise RuntimeError(f"local_response_norm: size must be at least 1, got {size}")
    if input.numel() == 0:
        return input
    flat = input.flatten(2)
    squares = (flat * flat).transpose(1, 2)
    around = pad(squares, (size // 2, (size - 1) // 2))
    mean = pooling.avg_pool1d(around, size, 1).transpose(1, 2).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


def _max_unpool(rank: int, input: Tensor, indices: Tensor, size: tuple[int, ...]) -> Tensor:
    """Elements put back at their places in planes or volumes of a size, zeros elsewhere."""
    name = f"max_unpool{rank}d"
    if indices.dtype is not _types.int64:
        raise RuntimeError(f"{name}: indices should be of dtype int64, got {indices.dtype}")
    if input.shape != indices.shape:
        raise RuntimeError(
            f"{name}: input and indices must have one shape, got {list(input.shape)} and "
            f"{list(indices.shape)}"
        )
    if input.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}: expected {rank + 1} or {rank + 2} dimensions, got {list(input.shape)}"
        )
    lead = tuple(input.shape[:-rank])
    room = _creation.zeros(*lead, math.prod(size), dtype=input.dtype)
    flat = ops.scatter(room, -1, indices.flatten(-rank), input.flatten(-rank))
    return flat.reshape(*lead, *size)


def _unpooled(
    rank: int, input: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[int, ...]:
    def each(value: Any) -> tuple[int, ...]:
        return (value,) * rank if isinstance(value, int) else tuple(value)

    sizes, edges = each(kernel), each(padding)
    steps = sizes if stride is None else each(stride)
    default = tuple(
        (length - 1) * step - 2 * edge + size
        for length, size, step, edge in zip(input.shape[-rank:], sizes, steps, edges, strict=True)
    )
    if output_size is None:
        return default
    wanted = tuple(output_size)[-rank:]
    for want, usual, step in zip(wanted, default, steps, strict=True):
        if not usual - step < want < usual + step:
            raise ValueError(
                f"invalid output_size {wanted}: dim sizes must be within a step of {default}"
            )
    return wanted


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None) -> Tensor:
    """What ``max_pool1d`` with indices gave, back at its places."""
    size = _unpooled(1, input, kernel_size, stride, padding, output_size)
    return _max_unpool(1, input, indices, size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None) -> Tensor:
    """What ``max_pool2d`` with indices gave, back at its places."""
    size = _unpooled(2, input, kernel_size, stride, padding, output_size)
    return _max_unpool(2, input, indices, size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None) -> Tensor:
    """What ``max_pool3d`` with indices gave, back at its places."""
    size = _unpooled(3, input, kernel_size, stride, padding, output_size)
    return _max_unpool(3, input, indices, size)
