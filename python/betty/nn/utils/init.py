"""Modules whose first values do not matter."""

from __future__ import annotations

from typing import Any

from betty.nn.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters are to be loaded. Initial values are recorded and not computed
    unless they are read, so there is nothing to skip.

    Raises:
        RuntimeError: The class is no module.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    return module_cls(*args, **kwargs)
