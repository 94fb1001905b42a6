"""Tensors that a module owns and an optimizer updates."""

from __future__ import annotations

from typing import Any, Self

from betty import _native
from betty._creation import zeros
from betty._native import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Args:
        data: The initial value; a copy is not made until it is updated.
        requires_grad: Whether gradients are wanted.

    Example:
        >>> import betty
        >>> from betty import nn
        >>> nn.Parameter(betty.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        if data is None:
            data = zeros(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter: data must be a tensor, got {type(data).__name__}")
        return _native.make_parameter(cls, data, requires_grad)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (self.detach().clone(), self.requires_grad))
