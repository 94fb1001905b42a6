"""The state of an optimizer whose rule is the engine's, as the dict that PyTorch has.

Invariant: nothing is kept here; what is read is the engine's, what is written it has at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

from betty._native import Tensor, evaluate

if TYPE_CHECKING:
    from betty.optim.optimizer import Optimizer

__all__ = ["EngineState"]


class _Entries(dict):
    """The state of one parameter, by the engine's names; empty before its first update."""

    def __init__(self, entries: dict[str, Any], load: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(entries)
        self._load = load

    def __setitem__(self, name: str, value: Any) -> None:
        self._load({**self, name: value})
        super().__setitem__(name, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def clear(self) -> None:
        self._load({})
        super().clear()

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))


class EngineState(MutableMapping):
    """The state by parameter: those that have been updated.

    A parameter that is taken out, as all are by ``clear``, begins anew.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def _places(self) -> Iterator[tuple[int, Tensor]]:
        for index, group in enumerate(self._optimizer.param_groups):
            for param in group["params"]:
                yield index, param

    def _group(self, param: Tensor) -> int:
        for index, each in self._places():
            if each is param:
                return index
        raise KeyError(f"{type(self._optimizer).__name__}: the parameter is in none of its groups")

    def __getitem__(self, param: Tensor) -> dict[str, Any]:
        index = self._group(param)
        entries = self._optimizer._state_of(index, param)
        return _Entries(entries, partial(self._optimizer._load_entries, index, param))

    def __setitem__(self, param: Tensor, entries: dict[str, Any]) -> None:
        self._optimizer._load_entries(self._group(param), param, entries)

    def __delitem__(self, param: Tensor) -> None:
        self.pop(param)

    def get(self, param: Tensor, default: Any = None) -> Any:
        """The state of a parameter, if it has one."""
        if param not in self:
            return default
        return self[param]

    def pop(self, param: Tensor, *default: Any) -> Any:
        """Takes the state of a parameter out, and gives what it was."""
        if param not in self:
            if default:
                return default[0]
            raise KeyError(f"{type(self._optimizer).__name__}: the parameter has no state")
        was = {
            name: value.detach().clone() if isinstance(value, Tensor) else value
            for name, value in self[param].items()
        }
        evaluate(*(value for value in was.values() if isinstance(value, Tensor)))
        self[param] = {}
        return was

    def __contains__(self, param: object) -> bool:
        return any(each is param for each in self)

    def __iter__(self) -> Iterator[Tensor]:
        for index, param in self._places():
            if self._optimizer._has_state(index, param):
                yield param

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))
