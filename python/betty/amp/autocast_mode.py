"""Recording in mixed precision, as a context."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Self

from betty import _native
from betty._types import bfloat16, float16

__all__ = ["autocast", "get_autocast_dtype", "is_autocast_enabled"]


class autocast:
    """Records what is inside in mixed precision: a context, or a decorator.

    Products, convolutions and attention take f32 operands rounded to ``dtype`` and give results of
    it. Sums, norms, softmax, losses, exp and log are done in f32. What else there is follows its
    operands; where they differ, they are widened. Leave it before ``backward``: gradients have the
    types of what was recorded.

    Args:
        device_type: ``"cpu"``; with ``"cuda"``, which is not there, the context warns and is off.
        dtype: ``betty.bfloat16``, the default, or ``betty.float16``.
        enabled: False turns an outer context off inside this one.
        cache_enabled: Accepted for migration: equal casts are computed once in any case.

    Raises:
        RuntimeError: There is no such device type.

    Example:
        >>> import betty
        >>> with betty.autocast("cpu", dtype=betty.bfloat16):
        ...     product = betty.ones(2, 3) @ betty.ones(3, 2)
        >>> product.dtype, product.sum().item()
        (betty.bfloat16, 12.0)
    """

    def __init__(
        self,
        device_type: str = "cpu",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(
                f"autocast: device_type must be a string, got {type(device_type).__name__}"
            )
        if device_type not in ("cpu", "cuda"):
            raise RuntimeError(f"autocast: unsupported device_type {device_type!r}, use 'cpu'")
        if enabled and device_type == "cuda":
            warnings.warn("autocast: device_type 'cuda' is not available, disabled", stacklevel=2)
            enabled = False
        dtype = bfloat16 if dtype is None else dtype
        if enabled and dtype not in (bfloat16, float16):
            warnings.warn(
                f"autocast: supports betty.bfloat16 and betty.float16, got {dtype}, disabled",
                stacklevel=2,
            )
            enabled = False
        self.device = device_type
        self.fast_dtype = dtype
        self._wanted = dtype if enabled else None
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before.append(_native.autocast_set(self._wanted))
        return self

    def __exit__(self, *exception: object) -> None:
        _native.autocast_set(self._before.pop())

    def __call__(self, func: Callable) -> Callable:
        """The function, recorded in mixed precision whenever it is called."""

        @functools.wraps(func)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with self:
                return func(*arguments, **keywords)

        return call


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether calls on this thread are recorded in mixed precision."""
    return device_type == "cpu" and _present_dtype() is not None


def get_autocast_dtype(device_type: str = "cpu") -> Any:
    """What products are rounded to, or would be."""
    return _present_dtype() or (bfloat16 if device_type == "cpu" else float16)


def _present_dtype() -> Any:
    present = _native.autocast_set(None)
    _native.autocast_set(present)
    return present
