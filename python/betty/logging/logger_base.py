"""What every logger can do: lines for people. The others add a place for the figures."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["LoggerBase", "format_losses", "get_logger", "number", "scalars"]


def get_logger() -> logging.Logger:
    """Python's logger ``betty``: it writes to standard error unless something is configured."""
    found = logging.getLogger("betty")
    if not found.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        found.addHandler(handler)
        found.setLevel(logging.INFO)
    return found


def number(key: str, value: Any) -> Any:
    """The number of a tensor or an array, the mean of those it has several of; the rest as it is.

    Raises:
        TypeError: There is no mean of what it holds.

    Example:
        >>> import betty
        >>> from betty.logging.logger_base import number
        >>> number("per_class", betty.tensor([1.0, 2.0, 6.0])), number("note", "a text")
        (3.0, 'a text')
    """
    if not hasattr(value, "item"):
        return value
    if math.prod(getattr(value, "shape", ())) == 1:
        return value.item()
    try:
        several = value.detach().double() if hasattr(value, "detach") else np.asarray(value, float)
        return several.mean().item()
    except (TypeError, ValueError) as error:
        what = f"{type(value).__name__} of shape {list(value.shape)}"
        raise TypeError(f"log: '{key}' has no mean, it is a {what}: {error}") from error


def scalars(stats: Mapping[str, Any] | None, tag: str | None = None) -> Iterator[tuple[str, Any]]:
    """The figures of a record: ``tag/key``, and ``tag/key_0`` … for those in a list or tuple.

    Each is a number, for a tensor or an array of several their mean, or what else is no number.
    """
    for key, value in (stats or {}).items():
        name = key if tag is None else f"{tag}/{key}"
        if isinstance(value, (list, tuple)):
            for index, part in enumerate(value):
                yield f"{name}_{index}", number(f"{key}_{index}", part)
        else:
            yield name, number(key, value)


def format_losses(name: str, stats: Mapping[str, Any]) -> str:
    """``name | loss 0.1234 | accuracy 0.9``; values are read here and only here."""
    parts = [name]
    for key, value in scalars(stats):
        parts.append(f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}")
    return " | ".join(parts)


class LoggerBase:
    """Writes lines. A subclass defines ``log`` and, if it holds something open, ``close``."""

    def __init__(self) -> None:
        get_logger()

    def log(
        self, stats: Mapping[str, Any] | None, tag: str | None = None, step: int | None = None
    ) -> None:
        """Keeps the figures of a record; this logger keeps none.

        Args:
            stats: Numbers, tensors (their mean is kept), or lists of them, by name.
            tag: Who they belong to.
            step: Where they belong on the axis.
        """

    def flush(self) -> None:
        """Called at the end of a run."""

    @staticmethod
    def debug(msg: str, *args: Any, **kwargs: Any) -> None:
        """A line for those who look for an error."""
        get_logger().debug(msg, *args, **kwargs)

    @staticmethod
    def info(msg: str, *args: Any, **kwargs: Any) -> None:
        """A line."""
        get_logger().info(msg, *args, **kwargs)

    @staticmethod
    def warning(msg: str, *args: Any, **kwargs: Any) -> None:
        """A line about what may be wrong."""
        get_logger().warning(msg, *args, **kwargs)

    @staticmethod
    def error(msg: str, *args: Any, **kwargs: Any) -> None:
        """A line about what is wrong."""
        get_logger().error(msg, *args, **kwargs)
