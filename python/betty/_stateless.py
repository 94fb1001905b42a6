"""Modules as functions of their parameters, under the names of `torch.func`.

Invariant: a module's own parameters and buffers are back in place when the call is over, also when
it raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from betty import _functions as F
from betty._native import Tensor

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Iterable[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other tensors in place of its parameters and buffers.

    Args:
        module: The module; it is as before afterwards.
        parameter_and_buffer_dicts: Tensors by dotted name, in one dict or several; what the module
            does not have is ignored.
        args: The argument, or a tuple of them.
        kwargs: Keyword arguments.
        tie_weights: Whether a tensor given under one name of a shared parameter goes to all.
        strict: Whether every parameter and buffer must be given, and nothing else.

    Raises:
        ValueError: A name in two of the dicts, or two tensors for one shared parameter.
        RuntimeError: ``strict``, and names that are missing or unexpected.

    Example:
        >>> import betty
        >>> layer = betty.nn.Linear(2, 1)
        >>> given = {"weight": betty.ones(1, 2), "bias": betty.zeros(1)}
        >>> betty.func.functional_call(layer, given, betty.tensor([[1.0, 2.0]]))
        tensor([[3.]])
    """
    given = _joined(parameter_and_buffer_dicts)
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"functional_call: '{name}' must be a Tensor, got {type(value).__name__}"
            )
    places = _places(module)
    if strict:
        missing, unexpected = places.keys() - given.keys(), given.keys() - places.keys()
        if missing or unexpected:
            raise RuntimeError(
                f"functional_call: missing keys {sorted(missing)}, unexpected keys "
                f"{sorted(unexpected)}"
            )
    if tie_weights:
        given = _tied(given, places)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(given, places):
        return module(*arguments, **(kwargs or {}))


def _joined(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Iterable):
        raise ValueError(
            "functional_call: expected parameter_and_buffer_dicts to be a dict or a list or tuple "
            f"of dicts, got {type(dicts).__name__}"
        )
    given: dict[str, Tensor] = {}
    for part in dicts:
        if not isinstance(part, Mapping):
            raise ValueError(
                f"functional_call: expected a sequence of dicts, got {type(part).__name__}"
            )
        twice = given.keys() & part.keys()
        if twice:
            raise ValueError(
                f"functional_call: {sorted(twice)} appeared in multiple dictionaries; behavior of "
                "functional call is ambiguous"
            )
        given.update(part)
    return given


def _places(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """The table and key behind each dotted name."""
    found = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for name, value in table.items():
                if value is not None:
                    found[f"{path}.{name}" if path else name] = (table, name)
    return found


def _tied(given: dict[str, Tensor], places: dict[str, Any]) -> dict[str, Tensor]:
    """Tensors given under one name of what is shared, under all of its names."""
    names: dict[int, list[str]] = {}
    for name, (table, key) in places.items():
        names.setdefault(id(table[key]), []).append(name)
    tied = dict(given)
    for group in names.values():
        values = {id(given[name]): given[name] for name in group if name in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call: keys {group} are tied but were given different values"
            )
        for value in values.values():
            tied.update(dict.fromkeys(group, value))
    return tied


@contextmanager
def _swapped(given: Mapping[str, Tensor], places: dict[str, Any]) -> Iterator[None]:
    before = []
    try:
        for name, value in given.items():
            if name not in places:
                continue
            table, key = places[name]
            before.append((table, key, table[key]))
            table[key] = value
        yield
    finally:
        for table, key, value in reversed(before):
            table[key] = value


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of equal modules, each stacked in a new first dimension.

    Raises:
        RuntimeError: No modules, of different classes or modes.
    """
    given = list(models)
    if not given:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({(type(m), m.training) for m in given}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have one class and one mode")

    def stacked(named: str) -> dict[str, Tensor]:
        tables = [dict(getattr(m, named)()) for m in given]
        made = {}
        for name, first in tables[0].items():
            made[name] = F.stack([table[name].detach() for table in tables])
            if first.requires_grad:
                made[name].requires_grad = True
        return made

    return stacked("named_parameters"), stacked("named_buffers")
