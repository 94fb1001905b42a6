"""How a state goes into modules: each takes its own entries, and may say itself how.

Invariant: a state is loaded whole or not at all; whatever a module's own ``_load_from_state_dict``
has done is undone when another one's entries do not fit.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from betty._native import Tensor, evaluate
from betty._types import Size
from betty.autograd import no_grad
from betty.nn.parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from betty.nn.module import Module

__all__ = ["EXTRA", "Loadable"]

#: The entry of a module's extra state, as PyTorch names it.
EXTRA = "_extra_state"


class _IncompatibleKeys(NamedTuple):
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


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _misfit(name: str, given: Any, value: Tensor) -> str | None:
    """Why a value cannot be loaded into a tensor of the state."""
    if not hasattr(given, "shape"):
        return f"{name}: expected a tensor, got {type(given).__name__}"
    if tuple(given.shape) == tuple(value.shape):
        return None
    return (
        f"size mismatch for {name}: copying a param with shape {Size(given.shape)} from "
        f"checkpoint, the shape in current model is {value.shape}."
    )


class _Before:
    """The tensors of all modules as they were, to be put back."""

    def __init__(self, module: Module) -> None:
        tables = [table for each in module.modules() for table in (each._parameters, each._buffers)]
        self.tables = [(table, dict(table)) for table in tables]
        # A copy is only recorded: it costs nothing unless it is put back.
        self.values = [
            (value, type(value), value.detach().clone(), value.requires_grad)
            for table in tables
            for value in table.values()
            if value is not None
        ]

    def put_back(self) -> None:
        for table, before in self.tables:
            table.clear()
            table.update(before)
        for value, kind, before, requires_grad in self.values:
            value.data = before
            if type(value) is not kind:  # its shape had become known
                value.__class__ = kind
            value.requires_grad_(requires_grad)


class Loadable:
    """The part of a module that takes a state."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _load_state_dict_pre_hooks: dict[int, Any]
    _load_state_dict_post_hooks: dict[int, Any]
    named_modules: Callable[..., Any]

    def set_extra_state(self, state: Any) -> None:
        """Takes what ``get_extra_state`` gave."""
        raise RuntimeError(f"{type(self).__name__}.set_extra_state is not defined")

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copies values into parameters and buffers; nothing is copied when anything is wrong.

        Args:
            state_dict: Tensors by dotted name.
            strict: Missing or unexpected names are an error.
            assign: The tensors given take the places of parameters and buffers, with their element
                types. An optimizer made before keeps the parameters that were there.

        Raises:
            TypeError: ``state_dict`` is no mapping.
            RuntimeError: Names or shapes that do not match, all of them named.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"Expected state_dict to be dict-like, got {type(state_dict).__name__}."
            )
        given = OrderedDict(state_dict)
        evaluate(*(x for x in given.values() if isinstance(x, Tensor) and not x._is_evaluated))
        metadata = getattr(state_dict, "_metadata", None)
        if metadata is not None:
            given._metadata = metadata  # type: ignore[attr-defined]
        found = _IncompatibleKeys([], [])
        before = _Before(self)  # type: ignore[arg-type]
        try:
            wrong = _load(self, given, metadata or {}, assign, "", found)
            if strict and found.unexpected_keys:
                wrong.insert(0, f"Unexpected key(s) in state_dict: {_quoted(found[1])}.")
            if strict and found.missing_keys:
                wrong.insert(0, f"Missing key(s) in state_dict: {_quoted(found[0])}.")
            if wrong:
                title = f"Error(s) in loading state_dict for {type(self).__name__}:"
                raise RuntimeError(" ".join([title, *wrong]))
        except BaseException:
            before.put_back()
            raise
        for path, module in self.named_modules(remove_duplicate=False):
            name = f"{path}.{EXTRA}" if path else EXTRA
            if _has_extra(module) and name in given:
                module.set_extra_state(given[name])
        return found

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Takes this module's own entries; a class that has changed its names renames them first.

        Args:
            state_dict: The entries of this module and of those below it, which may be changed.
            prefix: What their names begin with.
            local_metadata: ``version`` of the module that was saved, if it is known.
            strict: Whether names are compared.
            missing_keys: Names that are not there are added to it.
            unexpected_keys: Names of nothing in this module are added to it.
            error_msgs: What does not fit is added to it.
        """
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(
                self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                error_msgs,
            )  # fmt: skip
        own = {
            name: value
            for name, value in itertools.chain(self._parameters.items(), self._buffers.items())
            if value is not None and name not in self._non_persistent_buffers_set
        }
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, value in own.items():
            if prefix + name in state_dict:
                error_msgs += self._take(name, value, state_dict, prefix, assign)
            elif strict:
                missing_keys.append(prefix + name)
        if not strict:
            return
        known = {*own, EXTRA} if _has_extra(self) else own
        if _has_extra(self) and prefix + EXTRA not in state_dict:
            missing_keys.append(prefix + EXTRA)
        for key in state_dict:
            first, *below = key.removeprefix(prefix).split(".", 1)
            if key.startswith(prefix) and first not in (self._modules if below else known):
                unexpected_keys.append(key)

    def _take(
        self, name: str, value: Tensor, state_dict: dict[str, Any], prefix: str, assign: bool
    ) -> list[str]:
        """Takes one entry; gives what is wrong with it."""
        given = state_dict[prefix + name]
        if is_lazy(value):
            if is_lazy(given) or not hasattr(given, "shape"):
                return []
            value.materialize(given.shape)
        if tuple(value.shape) == () and tuple(getattr(given, "shape", ())) == (1,):
            given = given[0]  # numbers were vectors in PyTorch 0.3
        if misfit := _misfit(prefix + name, given, value):
            return [misfit]
        try:
            with no_grad():
                if not assign:
                    value.data.copy_(given)
                elif not isinstance(value, Parameter):
                    setattr(self, name, given)
                elif isinstance(given, Parameter):
                    setattr(self, name, given.requires_grad_(value.requires_grad))
                else:
                    setattr(self, name, Parameter(given, requires_grad=value.requires_grad))
        except Exception as error:
            return [f"{prefix}{name}: {error}"]
        return []


def _has_extra(module: Any) -> bool:
    return type(module).set_extra_state is not Loadable.set_extra_state


def _load(
    module: Any,
    given: OrderedDict[str, Any],
    metadata: Mapping[str, Any],
    assign: bool,
    prefix: str,
    found: _IncompatibleKeys,
) -> list[str]:
    """Loads a module and those below it; gives what is wrong."""
    own = dict(metadata.get(prefix[:-1], {}))
    if assign:
        own["assign_to_params_buffers"] = True
    wrong: list[str] = []
    module._load_from_state_dict(given, prefix, own, True, *found, wrong)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = OrderedDict((key, x) for key, x in given.items() if key.startswith(below))
            wrong += _load(child, part, metadata, assign, below, found)
    for hook in list(module._load_state_dict_post_hooks.values()):
        hook(module, found)
    return wrong
