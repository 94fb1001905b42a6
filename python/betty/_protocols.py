"""What Python asks of a tensor: membership, formatting, pickling, copying."""

from __future__ import annotations

from typing import Any

from betty import _native, _types
from betty._native import Tensor, dtype


def contains(self: Tensor, element: Any) -> bool:
    if not isinstance(element, (Tensor, bool, int, float)):
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in "
            f"{type(element)}."
        )
    return bool((self == element).any())


def formatted(self: Tensor, spec: str) -> str:
    if self.ndim == 0 and type(self) is Tensor:
        return format(self.item(), spec)
    return object.__format__(self, spec)


def rebuilt(array: Any, kind: dtype, requires_grad: bool) -> Tensor:
    made = _native.from_buffer(array).to(kind)
    if requires_grad:
        made.requires_grad = True
    return made


def reduced(self: Tensor, protocol: int = 2) -> tuple:
    if not self.is_leaf:
        raise RuntimeError(
            "pickle: only leaf tensors keep their meaning outside of this process, use detach()"
        )
    plain = self.detach()
    if self.dtype is _types.bfloat16:
        plain = plain.to(_types.float32)
    return rebuilt, (plain.numpy(), self.dtype, self.requires_grad)


def deepcopied(self: Tensor, memo: dict) -> Tensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment"
        )
    if id(self) not in memo:
        copied = self.detach().clone()
        copied.requires_grad = self.requires_grad
        if self.grad is not None:
            copied.grad = self.grad.detach().clone()
        memo[id(self)] = copied
    return memo[id(self)]
