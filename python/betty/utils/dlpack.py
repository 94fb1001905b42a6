"""Tensors of other libraries over DLPack, under PyTorch's names.

Invariant: both ways share memory where the other side can live with it.
"""

from __future__ import annotations

from typing import Any

from betty._creation import from_dlpack
from betty._native import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule that another library makes a tensor of, once.

    Example:
        >>> import betty
        >>> from betty.utils.dlpack import from_dlpack, to_dlpack
        >>> from_dlpack(to_dlpack(betty.ones(2)))
        tensor([1., 1.])
    """
    return tensor.__dlpack__()
