"""What is refused before it is recorded: sizes, and numbers that a type or a draw cannot take."""

from __future__ import annotations

import threading
from typing import Any

from betty._native import Tensor, int32, int64, uint8
from betty._native import bool as bool_

# What Python numbers may be that become one of these types; a negative one counts from the end.
_RANGES = {uint8: (-255, 255), int32: (-(2**31), 2**31 - 1), int64: (-(2**63), 2**63 - 1)}
_HELD = {**_RANGES, uint8: (0, 255), bool_: (0, 1)}
#: How many `vmap`s are under way on this thread, as `level`.
nesting = threading.local()


def check_range(name: str, values: Any, kind: Any) -> None:
    """Refuses numbers (one, or an array) that an integer type does not hold."""
    if kind not in _RANGES:
        return
    low, high = _RANGES[kind]
    fits = (values >= low) & (values < high + 1)
    if fits if isinstance(fits, bool) else fits.all():
        return
    bad = values if isinstance(fits, bool) else values[~fits].flat[0]
    raise RuntimeError(f"{name}: {bad} cannot be converted to {kind} without overflow")


def check_integer(number: Any) -> None:
    """Refuses an integer that no type holds."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ValueError(f"tensor: {number} does not fit into 64 bits")


def is_readable() -> bool:
    """Whether values may be read for a check: not of one example among many."""
    return not getattr(nesting, "level", 0)


def check_tensor(name: str, what: str, given: Any) -> None:
    """Refuses a number or anything else where only a tensor will do."""
    if not isinstance(given, Tensor):
        raise TypeError(f"{name}: {what} must be a Tensor, got {type(given).__name__}")


def check_flag(name: str, what: str, given: Any) -> None:
    """Refuses everything but True and False."""
    if not isinstance(given, bool):
        raise TypeError(f"{name}: {what} must be True or False, got {given!r}")


def check_deviation(name: str, std: Any) -> None:
    """Refuses a negative number; those of a tensor are read."""
    if isinstance(std, Tensor):
        if is_readable() and std.numel() and bool((std < 0).any()):
            raise RuntimeError(f"{name}: expects all elements of std >= 0.0")
    elif std < 0:
        raise RuntimeError(f"{name}: expects std >= 0.0, but found std {std}")


def check_positive(name: str, what: str, scale: float) -> None:
    """Refuses a scale that is not above 0."""
    if not scale > 0:
        raise RuntimeError(f"{name}: expects {what} > 0.0, but found {what}={scale}")


def check_draws(name: str, low: Any, high: Any, kind: Any) -> None:
    """Refuses ends of [low, high) that a type does not hold."""
    if kind not in _HELD:
        return
    least, most = _HELD[kind]
    for what, end in (("low", low), ("high - 1", high - 1)):
        if not least <= end <= most:
            raise RuntimeError(f"{name}: {what} must be in [{least}, {most}] of {kind}, got {end}")


def check_probability(name: str, p: Any) -> None:
    """Refuses a number that is no probability; those of a tensor are checked as they are read."""
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise RuntimeError(f"{name}: expects p to be in [0, 1], but got p={p}")


def check_counts(name: str, **counts: Any) -> None:
    """Refuses numbers of features, channels or rows that are no counts."""
    for option, count in counts.items():
        if not hasattr(count, "__index__"):
            raise TypeError(f"{name}: {option} must be an integer, got {type(count).__name__}")
        if count < 0:
            raise RuntimeError(f"{name}: {option} must not be negative, got {count}")


def lengths(name: str, size: tuple, named: Any = None) -> tuple:
    """Sizes given one by one or as one, by position or by name."""
    given = named
    if named is None:
        given = size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size
    if not hasattr(given, "__iter__"):
        raise TypeError(f"{name}: size must be integers, got {type(given).__name__}")
    found = tuple(given)
    for length in found:
        if not hasattr(length, "__index__"):
            raise TypeError(f"{name}: size must be integers, got {type(length).__name__}")
    return found
