"""Parameters that are functions of others, under the names of `torch.nn.utils.parametrize`.

A parametrized module gets a class of its own, in which the parameter is a property: the function of
what `parametrizations.NAME` holds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from betty._native import Tensor
from betty.nn.container import ModuleDict, ModuleList
from betty.nn.module import Module
from betty.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations",
]  # fmt: skip


class ParametrizationList(ModuleList):
    """Functions one after another, and the parameters they begin with: ``original``, or
    ``original0``, ``original1``, ... where the first ``right_inverse`` gives several."""

    def __init__(self, modules: list[Module], original: Tensor) -> None:
        super().__init__(modules)
        value: Any = original.detach()
        for module in reversed(modules):
            if hasattr(module, "right_inverse"):
                # One that can't be inverted is made of the parameter as it is.
                with suppress(NotImplementedError):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        if self.is_tensor:
            self._keep("original", original, value)
        else:
            self.ntensors = len(value)
            for place, part in enumerate(value):
                self._keep(f"original{place}", original, part)

    def _keep(self, name: str, like: Tensor, value: Tensor) -> None:
        if isinstance(like, Parameter):
            setattr(self, name, Parameter(value.detach(), like.requires_grad))
        else:
            self.register_buffer(name, value.detach())

    def forward(self) -> Tensor:
        modules = list(self)
        if self.is_tensor:
            value = modules[0](self.original)
        else:
            value = modules[0](*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in modules[1:]:
            value = module(value)
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized parameters, or this one."""
    held = module._modules.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes a parameter the result of ``parametrization``, a module, of the parameter it was.

    Raises:
        ValueError: The module has no such parameter or buffer, or the shape changes.

    Example:
        >>> import betty
        >>> from betty.nn.utils import parametrize
        >>> class Symmetric(betty.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> layer = betty.nn.Linear(3, 3)
        >>> _ = parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = module.parametrizations[tensor_name]
        held.append(parametrization)
        return module
    table = next((t for t in (module._parameters, module._buffers) if tensor_name in t), None)
    if table is None or table[tensor_name] is None:
        raise ValueError(
            f"Module '{type(module).__name__}' does not have a parameter, a buffer, or a "
            f"parametrized element with name '{tensor_name}'"
        )
    original = table[tensor_name]
    held = ParametrizationList([parametrization], original)
    if not unsafe and tuple(held().shape) != tuple(original.shape):
        raise ValueError(
            "Registering a parametrization may not change the shape of the tensor, unless the "
            f"`unsafe` flag is enabled: {tuple(original.shape)} became {tuple(held().shape)}"
        )
    del table[tensor_name]
    if not is_parametrized(module):
        _own_class(module)
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = held
    setattr(type(module), tensor_name, property(_reader(tensor_name), _writer(tensor_name)))
    return module


def _own_class(module: Module) -> None:
    base = type(module)

    def deepcopy(self: Module, memo: dict[int, Any]) -> Module:
        other = self.__new__(type(self))
        memo[id(self)] = other
        other.__dict__.update(copy.deepcopy(self.__dict__, memo))
        own = {k: v for k, v in vars(type(self)).items() if isinstance(v, property)}
        object.__setattr__(other, "__class__", type(type(self).__name__, (base,), own | shared))
        return other

    shared = {"__deepcopy__": deepcopy}
    name = f"Parametrized{base.__name__}"
    object.__setattr__(module, "__class__", type(name, (base,), dict(shared)))


_cache: dict[tuple[int, str], Tensor] | None = None


@contextmanager
def cached() -> Iterator[None]:
    """Inside, a parametrized parameter is computed once."""
    global _cache
    outer, _cache = _cache, {} if _cache is None else _cache
    try:
        yield
    finally:
        _cache = outer


def _reader(name: str) -> Any:
    def read(self: Module) -> Tensor:
        if _cache is None:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    return read


def _writer(name: str) -> Any:
    def write(self: Module, value: Tensor) -> None:
        held = self.parametrizations[name]
        for module in reversed(list(held)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
            value = module.right_inverse(value)
        parts = {"original": value} if held.is_tensor else {}
        for place, part in enumerate(() if held.is_tensor else value):
            parts[f"original{place}"] = part
        for key, part in parts.items():
            getattr(held, key).data.copy_(part.detach())

    return write


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Makes a parameter plain again: with its present value, or as the original was.

    Raises:
        ValueError: It is not parametrized.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"Module {type(module).__name__} does not have a parametrization on {tensor_name}"
        )
    held = module.parametrizations[tensor_name]
    if not leave_parametrized and not held.is_tensor:
        raise ValueError("cannot leave unparametrized a tensor that is made of several")
    value = held().detach() if leave_parametrized else held.original.detach()
    first = next(iter([*held._parameters.values(), *held._buffers.values()]))
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(first, Parameter):
        module.register_parameter(tensor_name, Parameter(value, first.requires_grad))
    else:
        module.register_buffer(tensor_name, value)
    if not is_parametrized(module):
        del module.parametrizations
        object.__setattr__(module, "__class__", type(module).__bases__[0])
    return module
