"""Pooling over one or two spatial dimensions, of [N, C, ...] or of one sample [C, ...]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from betty import _functions as ops
from betty._creation import tensor
from betty._native import Tensor, int64

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "lp_pool1d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
]

Sizes = int | Sequence[int]


def _sizes(value: Any) -> Any:
    return value if isinstance(value, int) else tuple(value)


def _stride(stride: Sizes | None) -> dict[str, Any]:
    """No stride is the kernel's, and so is PyTorch's empty one."""
    if stride is None or (not isinstance(stride, int) and len(stride) == 0):
        return {}
    return {"stride": _sizes(stride)}


def _max_pool(operation: Any, input: Tensor, kernel: Sizes, stride: Sizes | None, **rest: Any):
    options = {key: _sizes(value) for key, value in rest.items()}
    return operation(input, kernel_size=_sizes(kernel), **_stride(stride), **options)


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, ...]:
    """The largest element of each window; with ``return_indices`` also its place."""
    return _max_pool(
        ops.max_pool1d,
        input,
        kernel_size,
        stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, ...]:
    """The largest element of each window; with ``return_indices`` also its place in the plane.

    Args:
        input: [N, C, H, W] or [C, H, W].
        kernel_size: Height and width of the window, or one number for both.
        stride: Steps between windows, the kernel by default.
        padding: Rows and columns around the image, at most half of the window.
        dilation: Distance between the elements of a window.
        ceil_mode: Whether a last window may reach over the edge.
        return_indices: Whether to give places too.

    Raises:
        RuntimeError: A padding larger than half of the window, or no room for one window.

    Example:
        >>> import betty
        >>> betty.nn.functional.max_pool2d(betty.arange(16.0).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    return _max_pool(
        ops.max_pool2d,
        input,
        kernel_size,
        stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window."""
    return _max_pool(
        ops.avg_pool1d,
        input,
        kernel_size,
        stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; padding counts unless ``count_include_pad`` is False."""
    options = {} if divisor_override is None else {"divisor_override": divisor_override}
    return _max_pool(
        ops.avg_pool2d,
        input,
        kernel_size,
        stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        **options,
    )


def _adaptive(output_size: Any) -> Any:
    """The engine's sizes, where -1 keeps a dimension."""
    if output_size is None:
        return -1
    sizes = (output_size,) if isinstance(output_size, int) else tuple(output_size)
    if any(size is not None and size < 0 for size in sizes):
        raise RuntimeError(f"output_size must be 0 or more, got {output_size}")
    if isinstance(output_size, int):
        return output_size
    return tuple(-1 if size is None else size for size in sizes)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of ``output_size`` windows that cover the input."""
    return ops.adaptive_avg_pool1d(input, output_size=_adaptive(output_size))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of ``output_size`` windows that cover the input; None keeps a dimension."""
    return ops.adaptive_avg_pool2d(input, output_size=_adaptive(output_size))


def adaptive_max_pool1d(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Tensor | tuple[Tensor, ...]:
    """Largest elements of ``output_size`` windows that cover the input."""
    if return_indices:
        return adaptive_maxima("adaptive_max_pool1d", input, 1, output_size)
    return ops.adaptive_max_pool1d(input, output_size=_adaptive(output_size))


def adaptive_max_pool2d(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Tensor | tuple[Tensor, ...]:
    """Largest elements of ``output_size`` windows that cover the input.

    Example:
        >>> import betty
        >>> image = betty.arange(15.0).reshape(1, 3, 5)
        >>> betty.nn.functional.adaptive_max_pool2d(image, 2, return_indices=True)[1]
        tensor([[[ 7,  9],
                 [12, 14]]])
    """
    if return_indices:
        return adaptive_maxima("adaptive_max_pool2d", input, 2, output_size)
    return ops.adaptive_max_pool2d(input, output_size=_adaptive(output_size))


def adaptive_maxima(name: str, input: Tensor, dims: int, output_size: Any) -> tuple[Tensor, ...]:
    """Largest elements of windows that cover the input, and their places in it.

    Window o of an axis runs from floor(o n / count) to ceil((o + 1) n / count); where that is
    shorter than the longest, its last element stands for the missing ones.
    """
    sizes = tuple(input.shape[input.ndim - dims :])
    if input.ndim not in (dims + 1, dims + 2) or not all(input.shape[input.ndim - dims - 1 :]):
        raise RuntimeError(
            f"{name}: expected non-empty {dims + 1}D or {dims + 2}D input, got {list(input.shape)}"
        )
    given = _adaptive(output_size)
    wanted = (given,) * dims if isinstance(given, int) else given
    if len(wanted) != dims or min(wanted) < -1:
        raise RuntimeError(f"{name}: output_size must be {dims} sizes, got {output_size}")
    counts = [n if count == -1 else count for n, count in zip(sizes, wanted, strict=True)]
    windows, place, lead = input, None, input.ndim - dims
    for axis, (n, count) in enumerate(zip(sizes, counts, strict=True)):
        starts = [o * n // count for o in range(count)]
        ends = [-(-(o + 1) * n // count) for o in range(count)]
        width = max((end - start for start, end in zip(starts, ends, strict=True)), default=1)
        rows = [
            [min(start + k, end - 1) for k in range(width)]
            for start, end in zip(starts, ends, strict=True)
        ]
        index = tensor(rows, dtype=int64).reshape(count, width)
        at = lead + 2 * axis
        windows = ops.index_select(windows, at, index.reshape(-1)).unflatten(at, (count, width))
        shape = [1] * (2 * dims)
        shape[2 * axis : 2 * axis + 2] = [count, width]
        along = index.reshape(shape)
        place = along if place is None else place * n + along
    # [..., count, width, count, width] -> [..., counts, one window]
    order = [*range(lead), *range(lead, lead + 2 * dims, 2), *range(lead + 1, lead + 2 * dims, 2)]
    spread = place.expand(*windows.shape).permute(order).flatten(-dims)
    value, best = ops.max(windows.permute(order).flatten(-dims), dim=-1)
    return value, ops.gather(spread, -1, best.unsqueeze(-1)).squeeze(-1)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window."""
    mean = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(mean, kernel_size, norm_type)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window."""
    both = isinstance(kernel_size, int)
    height, width = (kernel_size, kernel_size) if both else tuple(kernel_size)
    mean = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(mean, height * width, norm_type)


def _root(mean: Tensor, count: int, norm_type: float) -> Tensor:
    return (mean.sign() * ops.relu(mean.abs())).mul(count).pow(1.0 / norm_type)
