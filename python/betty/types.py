"""Names for annotations, under those of `torch.types`."""

from collections.abc import Sequence
from typing import Any

from betty._native import Tensor
from betty._types import Size, device

Number = int | float | bool
Device = device | str | int | None

__all__ = ["Any", "Device", "Number", "Sequence", "Size", "Tensor"]
