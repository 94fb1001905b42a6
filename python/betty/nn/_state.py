"""A module's state: what is saved, and its conversion to other element types.

Invariant: a parameter stays the same object whatever becomes of its data: optimizers keep theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from betty import _types
from betty._native import Tensor
from betty.nn._loading import EXTRA, Loadable
from betty.nn.parameter import is_lazy

if TYPE_CHECKING:
    from betty.nn.module import Module

__all__ = ["Stateful"]


class Stateful(Loadable):
    """The part of a module that deals with the values it holds."""

    #: Counts the forms that a class's state has had; saved beside it.
    _version = 1

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    modules: Callable[[], Iterator[Module]]
    _state_dict_pre_hooks: dict[int, Any]
    _state_dict_hooks: dict[int, Any]

    # State.

    def state_dict(
        self, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """Parameters and persistent buffers under their dotted names, sharing their data."""
        state = destination
        if state is None:
            state = OrderedDict()
            state._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(state, "_metadata"):
            state._metadata[prefix[:-1]] = metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in list(self._state_dict_hooks.values()):
            changed = hook(self, state, prefix, metadata)
            state = state if changed is None else changed
        return state

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """This module's own entries of the state."""
        for name, value in self._persistent():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        extra = self.get_extra_state()
        if extra is not None:
            destination[prefix + EXTRA] = extra

    def get_extra_state(self) -> Any:
        """What a module wants saved beside its tensors; ``set_extra_state`` gets it back."""
        return None

    def _persistent(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in self._parameters.items():
            if value is not None:
                yield name, value
        for name, value in self._buffers.items():
            if value is not None and name not in self._non_persistent_buffers_set:
                yield name, value

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
