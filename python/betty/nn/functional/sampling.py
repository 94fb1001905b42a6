"""Reading images at places of one's own, putting pooled elements back, and local normalization."""

from __future__ import annotations

import itertools
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
    """Elements at places in -1 ... 1: of images [N, C, H, W] at [N, h, w, 2] (x first), of volumes
    [N, C, D, H, W] at [N, d, h, w, 3].

    Args:
        input: Images or volumes.
        grid: Places; gradients reach them unless the mode is "nearest".
        mode: "bilinear" (of volumes trilinear), "nearest", or "bicubic" (of images).
        padding_mode: What lies outside: "zeros", "border" or "reflection".
        align_corners: Whether -1 and 1 are the middles of the corner elements, or their edges.

    Raises:
        ValueError: An unknown mode.
        RuntimeError: Shapes that do not fit.

    Example:
        >>> import betty
        >>> image = betty.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> middle = betty.zeros(1, 1, 1, 2)
        >>> betty.nn.functional.grid_sample(image, middle, align_corners=False)
        tensor([[[[2.5000]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"grid_sample: mode is 'bilinear', 'nearest' or 'bicubic', got '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode is 'zeros', 'border' or 'reflection', got '{padding_mode}'"
        )
    _warn_of_corners("grid_sample", align_corners)
    rank = input.ndim - 2
    if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != rank:
        raise RuntimeError(
            "grid_sample: expected input [N, C, H, W] and grid [N, h, w, 2], or [N, C, D, H, W] "
            f"and [N, d, h, w, 3], got {list(input.shape)} and {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sample: batch sizes differ, got {input.shape[0]} and {grid.shape[0]}"
        )
    if mode == "bicubic" and rank == 3:
        raise RuntimeError("grid_sample: bicubic mode is for 4D input, got 5D input")
    corners = bool(align_corners)

    def inside(place: Tensor, axis: int) -> Tensor:
        return _inside(place, input.shape[2 + axis], padding_mode, corners)

    places = [
        _unnormalized(grid[..., rank - 1 - axis], input.shape[2 + axis], corners)
        for axis in range(rank)
    ]
    if mode == "bicubic":
        neighbours = [_cubic_neighbours(place) for place in places]
        lines = [
            [(inside(place, axis), weight) for place, weight in line]
            for axis, line in enumerate(neighbours)
        ]
        return _weighted(input, lines)
    places = [inside(place, axis) for axis, place in enumerate(places)]
    if mode == "nearest":
        return _read(input, [ops.round(place) for place in places])
    lows = [ops.floor(place) for place in places]
    pairs = list(zip(places, lows, strict=True))
    return _weighted(
        input, [[(low, 1 - (place - low)), (low + 1, place - low)] for place, low in pairs]
    )


def _cubic_neighbours(place: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The four elements around a place and their weights: Keys' kernel (1981), slope -0.75."""
    low = ops.floor(place)
    t = place - low

    def near(d: Tensor) -> Tensor:
        return (1.25 * d - 2.25) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return -0.75 * (((d - 5) * d + 8) * d - 4)

    weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
    return [(low + offset, weight) for offset, weight in zip((-1, 0, 1, 2), weights, strict=True)]


def _weighted(input: Tensor, lines: list[list[tuple[Tensor, Tensor]]]) -> Tensor:
    """The sum over all combinations of one (place, weight) of each line."""
    result = None
    for chosen in itertools.product(*lines):
        weight = math.prod((weight for _, weight in chosen[1:]), start=chosen[0][1])
        part = _read(input, [place for place, _ in chosen]) * weight.unsqueeze(1)
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


def _read(input: Tensor, places: list[Tensor]) -> Tensor:
    """Elements at whole places, one tensor a dimension, 0 outside: [N, C, ...]."""
    channels, sizes = input.shape[1], input.shape[2:]
    within, index = None, None
    for place, size in zip(places, sizes, strict=True):
        fits = (place >= 0).logical_and(place < size)
        whole = ops.where(fits, place, 0.0).long()
        within = fits if within is None else within.logical_and(fits)
        index = whole if index is None else index * size + whole
    index = index.flatten(1).unsqueeze(1).expand(-1, channels, -1)
    found = ops.gather(input.flatten(2), 2, index).unflatten(2, tuple(places[0].shape[1:]))
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
