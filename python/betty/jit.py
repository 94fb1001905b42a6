"""Names of TorchScript, which change nothing here: every step is compiled as it is recorded.

Programs written for PyTorch carry them; with these they run unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

__all__ = [
    "Final", "ScriptFunction", "ScriptModule", "annotate", "export", "fork", "freeze", "ignore",
    "interface", "is_scripting", "is_tracing", "load", "optimize_for_inference", "save", "script",
    "script_if_tracing", "script_method", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

_T = TypeVar("_T")


def script(obj: _T, *args: Any, **kwargs: Any) -> _T:
    """Returns the function, class or module that it is given."""
    return obj


def export(fn: _T) -> _T:
    """Returns the function."""
    return fn


script_method = unused = _overload_method = _overload = interface = script_if_tracing = export


def trace(func: _T, example_inputs: Any = None, *args: Any, **kwargs: Any) -> _T:
    """Returns the function or module; it is not called.

    Args:
        func: The function or module.
        example_inputs: Accepted for migration, as are all that follow.
        args: See ``example_inputs``.
        kwargs: See ``example_inputs``.

    Example:
        >>> import betty
        >>> layer = betty.nn.Linear(2, 3)
        >>> betty.jit.trace(layer, betty.zeros(1, 2)) is layer
        True
    """
    return func


def trace_module(mod: _T, inputs: Any = None, *args: Any, **kwargs: Any) -> _T:
    """Returns the module, as ``trace`` does."""
    return mod


def freeze(mod: _T, *args: Any, **kwargs: Any) -> _T:
    """Returns the module."""
    return mod


optimize_for_inference = freeze


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function gives: it is called at once."""
    return func(*args, **kwargs)


def wait(future: _T) -> _T:
    """What ``fork`` gave."""
    return future


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(
        f"jit.{name}: there are no files of programs; save a module's state_dict() with betty.save "
        "and make the module in Python"
    )


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Refused: a program is not written to a file.

    Raises:
        RuntimeError: Always; it says what there is instead.
    """
    _refuse("save")


def load(f: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused, as ``save``.

    Raises:
        RuntimeError: Always; it says what there is instead.
    """
    _refuse("load")


class ScriptModule:
    """The class of compiled modules: nothing is an instance."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("jit.ScriptModule: derive from betty.nn.Module, every step is compiled")


class ScriptFunction(ScriptModule):
    """The class of compiled functions: nothing is an instance."""


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
