"""A module's state: what is saved and loaded, and its conversion to other element types.

Invariant: a parameter stays the same object whatever becomes of its data: optimizers keep theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from betty import _types
from betty._native import Tensor

if TYPE_CHECKING:
    from betty.nn.module import Module

__all__ = ["Stateful"]


class _Incompatible(NamedTuple):
    """What ``load_state_dict`` found missing or unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


#: The entry of a module's extra state, as PyTorch names it.
_EXTRA = "_extra_state"


def _misfit(name: str, given: Any, value: Any) -> str | None:
    """Why a value cannot be loaded into an entry of the state."""
    if not isinstance(value, Tensor):
        return None
    if not hasattr(given, "shape"):
        return f"{name}: expected a tensor, got {type(given).__name__}"
    if tuple(given.shape) == tuple(value.shape):
        return None
    return (
        f"size mismatch for {name}: {tuple(given.shape)} given, {tuple(value.shape)} in the module"
    )


class Stateful:
    """The part of a module that deals with the values it holds."""

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    modules: Callable[[], Iterator[Module]]
    named_modules: Callable[..., Iterator[tuple[str, Module]]]
    _state_dict_hooks: dict[int, Any]

    # State.

    def state_dict(
        self, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """Parameters and persistent buffers under their dotted names, sharing their data."""
        state = OrderedDict() if destination is None else destination
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in list(self._state_dict_hooks.values()):
            changed = hook(self, state, prefix, {})
            state = state if changed is None else changed
        return state

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """This module's own entries of the state."""
        for name, value in self._persistent():
            destination[prefix + name] = value if keep_vars else value.detach()
        extra = self.get_extra_state()
        if extra is not None:
            destination[prefix + _EXTRA] = extra

    def get_extra_state(self) -> Any:
        """What a module wants saved beside its tensors; ``set_extra_state`` gets it back."""
        return None

    def set_extra_state(self, state: Any) -> None:
        """Takes what ``get_extra_state`` gave."""
        raise RuntimeError(f"{type(self).__name__}.set_extra_state is not defined")

    def _persistent(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in self._parameters.items():
            if value is not None:
                yield name, value
        for name, value in self._buffers.items():
            if value is not None and name not in self._non_persistent_buffers_set:
                yield name, value

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _Incompatible:
        """Copies values into parameters and buffers; nothing is copied when anything is wrong.

        Args:
            state_dict: Tensors by dotted name.
            strict: Missing or unexpected names are an error.
            assign: Accepted for migration; values are always copied.

        Raises:
            TypeError: ``state_dict`` is no mapping.
            RuntimeError: Names or shapes that do not match, all of them named.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"Expected state_dict to be dict-like, got {type(state_dict).__name__}."
            )
        given = OrderedDict(state_dict)
        wrong: list[str] = []
        missing: list[str] = []
        unexpected: list[str] = []
        paths = dict(self.named_modules(remove_duplicate=False))
        for path, module in paths.items():
            for hook in list(module._load_state_dict_pre_hooks.values()):
                prefix = f"{path}." if path else ""
                hook(module, given, prefix, {}, strict, missing, unexpected, wrong)
        own = self.state_dict(keep_vars=True)
        missing += [name for name in own if name not in given]
        unexpected += [name for name in given if name not in own]
        wrong += [
            problem
            for name, value in own.items()
            if name in given and (problem := _misfit(name, given[name], value))
        ]
        if strict:
            if unexpected:
                wrong.insert(0, f"unexpected keys: {', '.join(unexpected)}")
            if missing:
                wrong.insert(0, f"missing keys: {', '.join(missing)}")
        if wrong:
            raise RuntimeError(f"loading state_dict of {type(self).__name__}: " + "; ".join(wrong))
        for name, value in own.items():
            if name not in given:
                continue
            if isinstance(value, Tensor):
                value.data.copy_(given[name])
            else:
                paths[name.removesuffix(_EXTRA).removesuffix(".")].set_extra_state(given[name])
        result = _Incompatible(missing, unexpected)
        for module in paths.values():
            for hook in list(module._load_state_dict_post_hooks.values()):
                hook(module, result)
        return result

    # Conversion.

    def _apply(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Replaces the data of every parameter and buffer; parameters stay the same objects."""
        for module in self.modules():
            for param in module._parameters.values():
                if param is not None:
                    param.data = function(param.data)
                    if param.grad is not None:
                        param.grad = function(param.grad)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = function(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and converts floating parameters and buffers, as ``Tensor.to``."""

        kind = next((x for x in (*args, kwargs.get("dtype")) if isinstance(x, _types.dtype)), None)
        if kind is not None and not kind.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point dtypes, but got desired dtype={kind}"
            )

        def convert(tensor: Tensor) -> Tensor:
            moved = tensor.to(*args, **kwargs)
            if moved.dtype != tensor.dtype and not tensor.is_floating_point():
                return tensor
            return moved

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Converts all parameters and buffers, as ``Tensor.type``."""
        return self._apply(lambda t: t.type(dst_type))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Parameters and buffers of the same shapes with values that do not matter."""
        return self.to(device)

    def share_memory(self) -> Self:
        """Does nothing: threads share memory anyway."""
        return self

    def double(self) -> Self:
        """Converts floating parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def float(self) -> Self:
        """Converts floating parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Converts floating parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Converts floating parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Does nothing: everything is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raises: there is no GPU."""
        return self.to("cuda" if device is None else device)
