"""Scalars for TensorBoard."""

from __future__ import annotations

import atexit
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from betty.logging.logger_base import LoggerBase, scalars

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(LoggerBase):
    """Writes event files with the writer of the package ``tensorboard`` or ``tensorboardX``.

    Args:
        comment: Added to the name of the run's folder below ``betty_tensorboard``.
        log_dir: The folder, instead.

    Raises:
        ImportError: Neither package is installed.
    """

    def __init__(self, comment: str = "", log_dir: str | Path | None = None) -> None:
        super().__init__()
        started = datetime.now().strftime("%b%d_%H-%M-%S")
        folder = Path("betty_tensorboard", f"{started}_{socket.gethostname()}{comment}")
        self.log_dir = Path(log_dir) if log_dir is not None else folder
        self.writer = _writer(str(self.log_dir))
        atexit.register(self.close)

    def log(
        self, stats: Mapping[str, Any] | None, tag: str | None = None, step: int | None = None
    ) -> None:
        for key, value in scalars(stats, tag):
            if isinstance(value, (int, float)):
                self.writer.add_scalar(key, value, step)

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self.writer.close()


def _writer(log_dir: str) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return _EventFile(log_dir)
    return SummaryWriter(log_dir=log_dir)


class _EventFile:
    """The two calls of a summary writer that are needed, on tensorboard's own event files."""

    def __init__(self, log_dir: str) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ImportError(
                "logger_type 'tensorboard' needs the package tensorboard or tensorboardX: "
                "pip install tensorboard"
            ) from error
        self._event, self._summary = Event, Summary
        self._file = EventFileWriter(log_dir)

    def add_scalar(
        self, tag: str, value: float, step: int | None, walltime: float | None = None
    ) -> None:
        self.add(tag, step, walltime, simple_value=value)

    def add(self, tag: str, step: int | None, walltime: float | None = None, **value: Any) -> None:
        """Writes a value of any of the kinds that a summary has."""
        summary = self._summary(value=[self._summary.Value(tag=tag, **value)])
        now = datetime.now().timestamp() if walltime is None else walltime
        event = self._event(summary=summary, wall_time=now)
        if step is not None:
            event.step = step
        self._file.add_event(event)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
