"""Recomputation in the backward pass, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls the function; its values are kept for the backward pass like all others.

    Args:
        function: What to call.
        args: Its arguments.
        kwargs: Its arguments by name. PyTorch's own options (``use_reentrant``,
            ``preserve_rng_state``, ``context_fn``, ``determinism_check``, ``debug``) are accepted
            for migration.
    """
    for option in (
        "use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug",
    ):  # fmt: skip
        kwargs.pop(option, None)
    return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Sequence[Callable[[Any], Any]], segments: int, input: Any, **kwargs: Any
) -> Any:
    """Calls functions, or the modules of a Sequential, one after the other."""
    for function in functions:
        input = function(input)
    return input
