"""The older names of mixed precision, which mean a GPU: contexts and scalers warn and are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import amp
from betty._types import float16

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """``betty.autocast`` of a GPU."""

    def __init__(
        self, enabled: bool = True, dtype: Any = float16, cache_enabled: bool = True
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """``betty.amp.GradScaler`` of a GPU."""

    def __init__(self, init_scale: float = 2.0**16, *args: Any, **options: Any) -> None:
        super().__init__("cuda", init_scale, *args, **options)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: Any = None) -> Any:
    """``betty.amp.custom_fwd`` of a GPU."""
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any] | None = None) -> Any:
    """``betty.amp.custom_bwd`` of a GPU."""
    return amp.custom_bwd(bwd, device_type="cuda")
