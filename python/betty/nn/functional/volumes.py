"""Convolution and pooling over three spatial dimensions, of [N, C, D, H, W] or [C, D, H, W].

Each is the operation over planes with the depth folded away: a convolution takes its slices along
the depth as more channels, a pooling window is one over the plane and then one over the depth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from betty import _functions as ops
from betty._native import Tensor
from betty.nn.functional import pooling
from betty.nn.functional.convolution import warn_of_sides
from betty.nn.functional.layers import pad

__all__ = [
    "adaptive_avg_pool3d",
    "adaptive_max_pool3d",
    "avg_pool3d",
    "conv3d",
    "conv_transpose3d",
    "lp_pool3d",
    "max_pool3d",
]

Sizes = int | Sequence[int]


def _three(value: Any, name: str, what: str) -> tuple[int, int, int]:
    sizes = (value,) * 3 if isinstance(value, int) else tuple(value)
    if len(sizes) == 1:
        sizes *= 3
    if len(sizes) != 3:
        raise RuntimeError(f"{name}: {what} takes one number or three, got {list(sizes)}")
    return sizes


def _batched(name: str, input: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The input with a batch dimension, and what takes it away again."""
    if input.ndim not in (4, 5):
        raise RuntimeError(
            f"{name}: expected 4D (unbatched) or 5D (batched) input, got {list(input.shape)}"
        )
    if input.ndim == 5:
        return input, lambda result: result
    return input.unsqueeze(0), lambda result: result.squeeze(0)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of [N, C, D, H, W] with weight [K, C / groups, depth, height, width].

    Raises:
        RuntimeError: Channels, groups or sizes that do not fit.

    Example:
        >>> import betty
        >>> F = betty.nn.functional
        >>> F.conv3d(betty.ones(1, 2, 4, 4, 4), betty.ones(3, 2, 2, 2, 2)).shape
        betty.Size([1, 3, 3, 3, 3])
    """
    x, finish = _batched("conv3d", input)
    if weight.ndim != 5:
        raise RuntimeError(f"conv3d: weight must have 5 dimensions, got {list(weight.shape)}")
    steps, gaps = _three(stride, "conv3d", "stride"), _three(dilation, "conv3d", "dilation")
    if min(steps) < 1 or min(gaps) < 1:
        raise RuntimeError(f"conv3d: stride and dilation must be positive, got {steps} and {gaps}")
    warn_of_sides(padding, weight, gaps)
    depth = weight.shape[2]
    low, high, plane = _margins(padding, steps, gaps, depth)
    window = gaps[0] * (depth - 1) + 1
    total = x.shape[2] + low + high
    if window > total or depth < 1:
        raise RuntimeError(
            f"conv3d: the kernel's depth {window} does not fit the padded input's depth {total}"
        )
    x = pad(x, (0, 0, 0, 0, low, high)) if low or high else x
    count = (total - window) // steps[0] + 1
    slices = [
        ops.slice(x, 2, place * gaps[0], place * gaps[0] + (count - 1) * steps[0] + 1, steps[0])
        for place in range(depth)
    ]
    # [N, C, depth, count, H, W] -> [N count, C depth, H, W]: the slices of a channel side by side.
    planes = ops.stack(slices, 2).permute(0, 3, 1, 2, 4, 5).flatten(2, 3).flatten(0, 1)
    filters = weight.flatten(1, 2)
    result = ops.conv2d(planes, filters, bias, steps[1:], plane, gaps[1:], groups)
    return finish(result.unflatten(0, (x.shape[0], count)).transpose(1, 2))


def _margins(
    padding: Any, steps: tuple, gaps: tuple, depth: int
) -> tuple[int, int, str | tuple[int, int]]:
    """Padding before and behind the depth, and that of the plane."""
    if padding == "valid":
        return 0, 0, padding
    if padding == "same":
        if max(steps) > 1:
            raise RuntimeError("conv3d: padding='same' is not supported for strided convolutions")
        total = gaps[0] * (depth - 1)
        return total // 2, total - total // 2, padding
    sizes = _three(padding, "conv3d", "padding") if not isinstance(padding, str) else None
    if sizes is None:
        raise ValueError(f"conv3d: padding is 'same', 'valid' or numbers, got {padding!r}")
    if min(sizes) < 0:
        raise RuntimeError(f"conv3d: negative padding is not supported, got {sizes}")
    return sizes[0], sizes[0], sizes[1:]


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution of [N, C, D, H, W] with weight [C, K / groups, depth, ...]."""
    name = "conv_transpose3d"
    x, finish = _batched(name, input)
    if weight.ndim != 5:
        raise RuntimeError(f"{name}: weight must have 5 dimensions, got {list(weight.shape)}")
    steps, gaps = _three(stride, name, "stride"), _three(dilation, name, "dilation")
    edges, extra = _three(padding, name, "padding"), _three(output_padding, name, "output_padding")
    if min(steps) < 1 or min(gaps) < 1 or min(edges) < 0 or min(extra) < 0:
        raise RuntimeError(f"{name}: stride and dilation must be positive, padding not negative")
    if extra[0] >= max(steps[0], gaps[0]):
        raise RuntimeError(
            f"{name}: output padding must be smaller than either stride or dilation, got {extra[0]}"
        )
    batch, depth, kernel = x.shape[0], x.shape[2], weight.shape[2]
    planes = ops.conv_transpose2d(
        x.transpose(1, 2).flatten(0, 1), weight.flatten(1, 2), None, steps[1:], edges[1:],
        extra[1:], groups, gaps[1:],
    )  # fmt: skip
    # [N D, K kernel, H, W] -> [N, K, kernel, D, H, W]
    parts = planes.unflatten(1, (-1, kernel)).unflatten(0, (batch, depth)).permute(0, 2, 3, 1, 4, 5)
    total = (depth - 1) * steps[0] + gaps[0] * (kernel - 1) + 1 + extra[0]
    if total <= 2 * edges[0]:
        raise RuntimeError(f"{name}: the result would have depth {total - 2 * edges[0]}")
    placed = [
        _spread(ops.select(parts, 2, place), steps[0], place * gaps[0], total)
        for place in range(kernel)
    ]
    result = ops.slice(sum(placed[1:], placed[0]), 2, edges[0], total - edges[0])
    return finish(result if bias is None else result + bias.reshape(-1, 1, 1, 1))


def _spread(x: Tensor, step: int, first: int, total: int) -> Tensor:
    """[N, K, D, H, W] in a depth of `total`: one slice every `step` from `first` on."""
    depth = x.shape[2]
    if step > 1:
        x = pad(x.unsqueeze(3), (0, 0, 0, 0, 0, step - 1)).flatten(2, 3)
        x = ops.slice(x, 2, 0, (depth - 1) * step + 1)
    return pad(x, (0, 0, 0, 0, first, total - first - x.shape[2]))


def _over_depth(x: Tensor, pool: Callable[[Tensor], Any]) -> Any:
    """Pools [N, C, D, H, W] over its depth; `pool` takes [N, L, D, 1]."""
    channels, _, height, width = x.shape[1:]
    columns = x.permute(0, 1, 3, 4, 2).flatten(1, 3).unsqueeze(-1)
    found = pool(columns)

    def back(columns: Tensor) -> Tensor:
        plane = columns.squeeze(-1).unflatten(1, (channels, height, width))
        return plane.permute(0, 1, 4, 2, 3)

    return tuple(map(back, found)) if isinstance(found, tuple) else back(found)


def _over_planes(x: Tensor, pool: Callable[[Tensor], Any]) -> Any:
    """Pools [N, C, D, H, W] over its planes; `pool` takes [N, C D, H, W]."""
    found = pool(x.flatten(1, 2))
    sizes = tuple(x.shape[1:3])
    if isinstance(found, tuple):
        return tuple(part.unflatten(1, sizes) for part in found)
    return found.unflatten(1, sizes)


def _window(name: str, kernel: Any, stride: Any, padding: Any = 0) -> tuple[tuple[int, ...], ...]:
    sizes = _three(kernel, name, "kernel_size")
    missing = stride is None or (not isinstance(stride, int) and len(stride) == 0)
    steps = sizes if missing else _three(stride, name, "stride")
    return sizes, steps, _three(padding, name, "padding")


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window; with ``return_indices`` also its place in the volume."""
    x, finish = _batched("max_pool3d", input)
    size, step, edge = _window("max_pool3d", kernel_size, stride, padding)
    gap = _three(dilation, "max_pool3d", "dilation")
    rest = {"ceil_mode": ceil_mode, "return_indices": return_indices}
    found = _over_planes(
        x, lambda p: pooling.max_pool2d(p, size[1:], step[1:], edge[1:], gap[1:], **rest)
    )
    plane = found[0] if return_indices else found

    def columns(c: Tensor) -> Any:
        sizes = ((size[0], 1), (step[0], 1), (edge[0], 0), (gap[0], 1))
        return pooling.max_pool2d(c, *sizes, **rest)

    result = _over_depth(plane, columns)
    if not return_indices:
        return finish(result)
    value, layer = result
    place = ops.gather(found[1], 2, layer) + layer * (x.shape[3] * x.shape[4])
    return finish(value), finish(place)


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; padding counts unless ``count_include_pad`` is False."""
    x, finish = _batched("avg_pool3d", input)
    size, step, edge = _window("avg_pool3d", kernel_size, stride, padding)
    if divisor_override == 0:
        raise RuntimeError("avg_pool3d: divisor must be not zero")
    if any(length < width for length, width in zip(x.shape[2:], size, strict=True)):
        raise RuntimeError(
            f"avg_pool3d: input {list(x.shape[2:])} is smaller than kernel_size {list(size)}"
        )
    rest = (ceil_mode, count_include_pad)
    one = None if divisor_override is None else 1
    plane = _over_planes(
        x, lambda p: pooling.avg_pool2d(p, size[1:], step[1:], edge[1:], *rest, one)
    )
    sizes = ((size[0], 1), (step[0], 1), (edge[0], 0))
    return finish(
        _over_depth(plane, lambda c: pooling.avg_pool2d(c, *sizes, *rest, divisor_override))
    )


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window."""
    size = _three(kernel_size, "lp_pool3d", "kernel_size")
    mean = avg_pool3d(input.pow(norm_type), size, stride, 0, ceil_mode)
    return pooling._root(mean, size[0] * size[1] * size[2], norm_type)


def _adaptive(name: str, input: Tensor, output_size: Any, pool: Any, **options: Any) -> Any:
    x, finish = _batched(name, input)
    sizes = (output_size,) * 3 if isinstance(output_size, int) else tuple(output_size)
    if len(sizes) != 3:
        raise ValueError(f"{name}: output_size takes one number or three, got {list(sizes)}")
    plane = _over_planes(x, lambda p: pool(p, sizes[1:], **options))
    return finish(_over_depth(plane, lambda c: pool(c, (sizes[0], 1), **options)))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of ``output_size`` windows that cover the input; None keeps a dimension."""
    return _adaptive("adaptive_avg_pool3d", input, output_size, pooling.adaptive_avg_pool2d)


def adaptive_max_pool3d(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Largest elements of ``output_size`` windows that cover the input."""
    if return_indices:
        return pooling.adaptive_maxima("adaptive_max_pool3d", input, 3, output_size)
    return _adaptive("adaptive_max_pool3d", input, output_size, pooling.adaptive_max_pool2d)
