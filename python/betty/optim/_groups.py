"""Parameter groups as an optimizer shows them: a list of dicts, as PyTorch's is.

Invariant: what can be changed in them reaches the engine at once, so that schedulers and programs
that write ``group["lr"]`` need nothing else; what can't is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from betty.optim.optimizer import Optimizer

__all__ = ["Group", "Groups"]


class Group(dict):
    """A parameter group."""

    def __init__(self, values: dict[str, Any], optimizer: Optimizer, index: int) -> None:
        super().__init__(values)
        self._optimizer = optimizer
        self._index = index

    def __setitem__(self, key: str, value: Any) -> None:
        if key == "params":
            _check(self._optimizer, self, value)
        self._optimizer._push(self._index, key, value)
        super().__setitem__(key, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc, override]
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))


def _check(optimizer: Optimizer, group: Group, params: Iterable[Any]) -> None:
    """The engine has the parameters of a group for good."""
    given, own = list(params), group["params"]
    if optimizer._engine is not None and [id(p) for p in given] != [id(p) for p in own]:
        raise ValueError(
            f"{type(optimizer).__name__}: a group's parameters can't be exchanged; "
            "take add_param_group, or a new optimizer"
        )


class Groups(list):
    """The groups of an optimizer whose rule is the engine's: they can be appended, and a dict with
    the same parameters can take the place of one."""

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__()
        self._optimizer = optimizer

    def _add(self, values: dict[str, Any]) -> None:
        """What the engine has got already."""
        super().append(Group(values, self._optimizer, len(self)))

    def append(self, group: dict[str, Any]) -> None:
        self._optimizer.add_param_group(group)

    def extend(self, groups: Iterable[dict[str, Any]]) -> None:
        for group in list(groups):
            self.append(group)

    def __iadd__(self, groups: Iterable[dict[str, Any]]) -> Self:  # type: ignore[misc, override]
        self.extend(groups)
        return self

    def __setitem__(self, index: Any, group: Any) -> None:
        if isinstance(index, slice):
            self._exchange(range(*index.indices(len(self))), list(group))
        else:
            self._exchange([range(len(self))[index]], [group])

    def _exchange(self, places: Any, groups: list[dict[str, Any]]) -> None:
        if len(places) != len(groups):
            self._refuse()
        for place, group in zip(places, groups, strict=True):
            if group is self[place]:
                continue
            _check(self._optimizer, self[place], group["params"])
            values = {**group, "params": self[place]["params"]}
            made = Group({"params": values["params"]}, self._optimizer, place)
            made.update(values)
            super().__setitem__(place, made)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            f"{type(self._optimizer).__name__}: groups can be appended or exchanged, not taken out "
            "or moved; take a new optimizer"
        )

    insert = pop = remove = clear = reverse = sort = __delitem__ = __imul__ = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return (list, (list(self),))
