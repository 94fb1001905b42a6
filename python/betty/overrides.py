"""Tensor-like classes that take over functions: there are none, and programs may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from betty._native import Tensor

__all__ = [
    "get_ignored_functions", "get_overridable_functions", "handle_torch_function",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic",
    "is_tensor_like", "is_tensor_method_or_property", "resolve_name",
]  # fmt: skip


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """False: a function is not taken over by its arguments.

    Example:
        >>> import betty
        >>> betty.overrides.has_torch_function((betty.ones(1),))
        False
    """
    return False


def has_torch_function_unary(x: Any) -> bool:
    """False, as ``has_torch_function``."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """False, as ``has_torch_function``."""
    return False


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> NoReturn:
    """Refused: no argument takes a function over.

    Raises:
        TypeError: Always.
    """
    raise TypeError(f"no implementation found for '{resolve_name(public_api)}' on its arguments")


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(inp, Tensor)


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of tensors."""
    name = getattr(func, "__name__", "")
    return getattr(Tensor, name, None) is func or name == "__get__"


def resolve_name(f: Any) -> str:
    """A function's module and name."""
    module = getattr(f, "__module__", None) or "betty"
    return f"{module}.{getattr(f, '__qualname__', repr(f))}"


def get_ignored_functions() -> set[Any]:
    """None: no function is taken over."""
    return set()


def get_overridable_functions() -> dict[Any, list[Any]]:
    """None: no function is taken over."""
    return {}
