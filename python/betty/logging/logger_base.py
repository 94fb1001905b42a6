"""What every logger can do: lines for people. The others add a place for the figures."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["LoggerBase", "format_losses", "get_logger", "scalars"]


def get_logger() -> logging.Logger:
    """Python's logger ``betty``: it writes to standard error unless something is configured."""
    found = logging.getLogger("betty")
    if not found.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        found.addHandler(handler)
        found.setLevel(logging.INFO)
    return found


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def scalars(stats: Mapping[str, Any] | None, tag: str | None = None) -> Iterator[tuple[str, Any]]:
    """The figures of a record: ``tag/key``, and ``tag/key_0`` … for those in a list or tuple."""
    for key, value in (stats or {}).items():
        name = key if tag is None else f"{tag}/{key}"
        if isinstance(value, (list, tuple)):
            for index, part in enumerate(value):
                yield f"{name}_{index}", _number(part)
        else:
            yield name, _number(value)


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
            stats: Numbers, tensors of one element, or lists of them, by name.
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
