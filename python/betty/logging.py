"""What a run prints."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Console", "format_losses"]


def format_losses(name: str, stats: Mapping[str, Any]) -> str:
    """``name | loss 0.1234 | accuracy 0.9``; values are read here and only here."""
    parts = [name]
    for key, value in stats.items():
        number = value.item() if hasattr(value, "item") else value
        parts.append(f"{key} {number:.6g}" if isinstance(number, float) else f"{key} {number}")
    return " | ".join(parts)


class Console:
    """Writes lines to the logger ``betty``, which prints to standard error unless configured."""

    def __init__(self) -> None:
        self.logger = logging.getLogger("betty")
        if not self.logger.handlers and not logging.getLogger().handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(message)s"))
            self.logger.addHandler(handler)
            self.logger.setLevel(logging.INFO)

    def log(self, text: str, step: int) -> None:
        """Writes one line."""
        self.logger.info("[%d] %s", step, text)
