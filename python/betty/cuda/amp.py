"""The older names of mixed precision, which mean a GPU: both warn and do nothing."""

from __future__ import annotations

from typing import Any

from betty import amp
from betty._types import float16

__all__ = ["GradScaler", "autocast"]


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
