"""Mixed precision in a program's own ``autograd.Function``: its two halves alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from betty._native import Tensor
from betty.amp.autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled

__all__ = ["custom_bwd", "custom_fwd", "is_autocast_available"]


def is_autocast_available(device_type: str) -> bool:
    """Whether mixed precision can be recorded: on the processor."""
    return device_type == "cpu"


def _check(name: str, device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"{name}: device_type must be a string, got {type(device_type).__name__}")


def _cast(value: Any, dtype: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _cast(each, dtype) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        made = [_cast(each, dtype) for each in value]
        return tuple(made) if isinstance(value, tuple) else made
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None
) -> Any:
    """For ``forward`` of an ``autograd.Function``: tells ``custom_bwd`` how it was recorded.

    Args:
        fwd: The method; without it this gives a decorator.
        device_type: ``"cpu"``; with ``"cuda"``, which is not there, nothing is cast.
        cast_inputs: Within ``autocast``, inputs take this element type and the method is recorded
            outside of it.

    Example:
        >>> import betty
        >>> class Square(betty.autograd.Function):
        ...     @staticmethod
        ...     @betty.amp.custom_fwd(device_type="cpu", cast_inputs=betty.float32)
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...     @staticmethod
        ...     @betty.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, gradient):
        ...         return 2 * ctx.saved_tensors[0] * gradient
        >>> with betty.autocast("cpu"):
        ...     Square.apply(betty.ones(2).bfloat16()).dtype
        betty.float32
    """
    _check("custom_fwd", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def call(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        context._dtype = get_autocast_dtype(device_type)
        is_on = is_autocast_enabled(device_type)
        context._fwd_used_autocast = is_on and cast_inputs is None
        if not is_on or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, cast_inputs), **_cast(kwargs, cast_inputs))

    return call


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """For ``backward`` of an ``autograd.Function``: recorded as ``forward`` was.

    Args:
        bwd: The method; without it this gives a decorator.
        device_type: That of ``custom_fwd``.
    """
    _check("custom_bwd", device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def call(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        with autocast("cpu", enabled=context._fwd_used_autocast, dtype=context._dtype):
            return bwd(*args, **kwargs)

    return call
