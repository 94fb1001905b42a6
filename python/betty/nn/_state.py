"""A module's state: what is saved and loaded, and its conversion to other element types.

Invariant: a parameter stays the same object whatever becomes of its data: optimizers keep theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

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


class Stateful:
    """The part of a module that deals with the values it holds."""

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    modules: Callable[[], Iterator[Module]]

    # State.

    def state_dict(
        self, destination: dict | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Tensor]:
        """Parameters and persistent buffers under their dotted names, sharing their data."""
        state = OrderedDict() if destination is None else destination
        for name, value in self._persistent():
            state[prefix + name] = value if keep_vars else value.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(state, f"{prefix}{name}.", keep_vars)
        return state

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
            RuntimeError: Names or shapes that do not match, all of them named.
        """
        own = self.state_dict(keep_vars=True)
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        wrong = [
            f"size mismatch for {name}: {tuple(state_dict[name].shape)} given, "
            f"{tuple(value.shape)} in the module"
            for name, value in own.items()
            if name in state_dict and tuple(state_dict[name].shape) != tuple(value.shape)
        ]
        if strict:
            if unexpected:
                wrong.insert(0, f"unexpected keys: {', '.join(unexpected)}")
            if missing:
                wrong.insert(0, f"missing keys: {', '.join(missing)}")
        if wrong:
            raise RuntimeError(f"loading state_dict of {type(self).__name__}: " + "; ".join(wrong))
        for name, value in own.items():
            if name in state_dict:
                value.data.copy_(state_dict[name])
        return _Incompatible(missing, unexpected)

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

        def convert(tensor: Tensor) -> Tensor:
            moved = tensor.to(*args, **kwargs)
            if moved.dtype != tensor.dtype and not tensor.is_floating_point():
                return tensor
            return moved

        return self._apply(convert)

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
