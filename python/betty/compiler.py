"""Every step is compiled: what says how, or that it should be, changes nothing."""

from __future__ import annotations

from typing import Any

from betty._derived import compile

__all__ = ["compile", "disable", "is_compiling", "reset"]


def disable(fn: Any = None, recursive: bool = True) -> Any:
    """The function as it is."""
    return (lambda given: given) if fn is None else fn


def is_compiling() -> bool:
    """False: Python runs as it is written."""
    return False


def reset() -> None:
    """Accepted: programs are kept by their structure and need not be forgotten."""
