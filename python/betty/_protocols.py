"""What Python and NumPy ask of a tensor: membership, formatting, numbers, pickling, copying."""

from __future__ import annotations

from collections.abc import Callable
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


# ---- numbers -----------------------------------------------------------------------------------


def _number(plain: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """A conversion to one of Python's numbers, for tensors of one element."""

    def convert(self: Tensor) -> Any:
        try:
            return plain(self)
        except RuntimeError:
            if self.numel() == 1:
                raise
            raise ValueError(
                "only one element tensors can be converted to Python scalars"
            ) from None

    return convert


def _missing(method: str, dtype: str) -> Callable[..., Any]:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        raise NotImplementedError(f"{method}: there is no element type {dtype}; int() gives int32")

    return convert


# ---- NumPy -------------------------------------------------------------------------------------


def wrapped(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """What NumPy's functions of elements give of tensors: a tensor, as PyTorch has it.

    Truth values become uint8. An array of elements that no tensor has stays an array.

    Raises:
        RuntimeError: A tensor that requires a gradient, which NumPy would lose.
    """
    given = (self, *context[1]) if context else (self,)
    if any(isinstance(x, Tensor) and x.requires_grad for x in given):
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if array.dtype == bool:
        array = array.astype("uint8")
    try:
        return _native.from_buffer(array)
    except TypeError:
        return array


METHODS = {
    "__float__": _number(Tensor.__float__),
    "__int__": _number(Tensor.__int__),
    "__array_wrap__": wrapped,
    "short": _missing("short", "int16"),
    "char": _missing("char", "int8"),
}
