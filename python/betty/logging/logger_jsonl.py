"""A record a line, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from betty.logging.logger_base import LoggerBase, scalars

__all__ = ["JsonLinesLogger"]


class JsonLinesLogger(LoggerBase):
    """Appends ``{"step": 10, "tag": "classifier", "loss": 0.3}`` to a file.

    Args:
        path: The file; each record is written through, so that it can be read meanwhile.
    """

    def __init__(self, path: str | Path = "betty_log.jsonl") -> None:
        super().__init__()
        self.path = Path(path)

    def log(
        self, stats: Mapping[str, Any] | None, tag: str | None = None, step: int | None = None
    ) -> None:
        if stats is None:
            return
        record = {"step": step, "tag": tag}
        record |= {key: _plain(value) for key, value in scalars(stats)}
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are written as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (int, float, str, type(None))) else str(value)
