"""Tensors that a module owns: parameters, which an optimizer updates, and buffers."""

from __future__ import annotations

from typing import Any, Self

from betty import _native
from betty._creation import zeros
from betty._native import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedParameter", "is_lazy"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Args:
        data: The initial value. The two share memory: a change in place of one shows in the other,
            unless ``data`` is a view, requires a gradient or lies on a parameter already.
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


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; ``materialize`` makes it a plain one."""

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Self:
        return _native.make_parameter(cls, zeros(0, dtype=dtype), requires_grad)

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "the shape of an uninitialized parameter is not known: call materialize, or the module"
        )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives it a shape; its values are to be set."""
        self.data = zeros(tuple(shape), dtype=dtype or self.dtype)
        self.__class__ = Parameter

    def __repr__(self) -> str:
        return "<UninitializedParameter>"

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        copied = memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (self.requires_grad, None, self.dtype))


#: What a parameter without a shape can do: it has a type, wants gradients or not, and is copied.
_EVER = {
    "to", "type", "cpu", "cuda", "float", "double", "half", "bfloat16", "requires_grad_", "detach",
    "detach_", "is_floating_point", "is_complex", "as_subclass", "register_hook", "retain_grad",
    "share_memory_", "is_shared", "size",
}  # fmt: skip
_OPERATORS = {
    f"__{way}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or")
    for way in ("", "r")
} | {"__len__", "__getitem__", "__iter__", "__neg__", "__abs__", "__float__", "__int__", "__bool__"}


def _refusing(name: str) -> Any:
    def refuse(self: UninitializedParameter, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            f"{name}: attempted to use an uninitialized parameter; call its module on a batch, or "
            "its materialize, first"
        )

    return refuse


for _name in dir(Tensor):
    _is_public = not _name.startswith("_") and callable(getattr(Tensor, _name))
    if _name in _OPERATORS or (_is_public and _name not in _EVER):
        setattr(UninitializedParameter, _name, _refusing(_name))


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to: state that is not trained.

    Args:
        data: The tensor, of any shape, whose memory it shares; an empty one by default.
        persistent: Whether ``state_dict`` has it.

    Raises:
        TypeError: ``data`` is no tensor.

    Example:
        >>> import betty
        >>> from betty import nn
        >>> layer = nn.Linear(2, 1)
        >>> layer.count = nn.Buffer(betty.zeros(3), persistent=False)
        >>> [name for name, _ in layer.named_buffers()], list(layer.state_dict())
        (['count'], ['weight', 'bias'])
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        if data is None:
            data = zeros(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Buffer: data must be a tensor, got {type(data).__name__}")
        wanted = data.requires_grad
        held = data.detach().requires_grad_() if wanted else data
        made = held.as_subclass(cls)
        made.persistent = persistent
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        value = self.detach().clone().requires_grad_(self.requires_grad)
        copied = memo[id(self)] = type(self)(value, persistent=self.persistent)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_buffer, (self.detach().clone(), self.requires_grad, self.persistent))


def _buffer(value: Tensor, requires_grad: bool, persistent: bool) -> Buffer:
    return Buffer(value.requires_grad_(requires_grad), persistent=persistent)


def is_lazy(value: Any) -> bool:
    """Whether it is a parameter whose shape is not known yet."""
    return isinstance(value, UninitializedParameter)
