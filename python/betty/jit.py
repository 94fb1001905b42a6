"""Decorators of TorchScript, which change nothing here: every step is compiled as it is recorded.

Programs written for PyTorch carry them; with these they run unchanged.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

__all__ = [
    "Final", "annotate", "export", "ignore", "is_scripting", "is_tracing", "script",
    "script_method", "unused",
]  # fmt: skip

_T = TypeVar("_T")


def script(obj: _T, *args: Any, **kwargs: Any) -> _T:
    """Returns the function, class or module that it is given."""
    return obj


def export(fn: _T) -> _T:
    """Returns the function."""
    return fn


script_method = unused = _overload_method = _overload = export


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Returns the function, or a decorator that does: both spellings are in use."""
    return drop if callable(drop) else export


def annotate(the_type: Any, the_value: _T) -> _T:
    """Returns the value."""
    return the_value


def is_scripting() -> bool:
    """False: code runs as Python."""
    return False


def is_tracing() -> bool:
    """False: code runs as Python."""
    return False
