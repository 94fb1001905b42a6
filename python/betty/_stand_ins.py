"""Modules that PyTorch has and that are here under other names, or parts of larger ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

__all__ = ["stand_in"]


def stand_in(name: str, contents: Mapping[str, object]) -> ModuleType:
    """Makes a module that can be imported by its name.

    A package's attribute of that name is left as it is: it may be a function.

    Args:
        name: The full name; its package is imported already.
        contents: What the module has.

    Returns:
        The module, made once.
    """
    if name in sys.modules:
        return sys.modules[name]
    made = ModuleType(name, f"What PyTorch has in the module of this name: {', '.join(contents)}.")
    vars(made).update(contents)
    made.__dict__["__all__"] = list(contents)
    sys.modules[name] = made
    return made
