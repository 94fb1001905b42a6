"""Scalars for Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from betty.logging.logger_base import LoggerBase, scalars

__all__ = ["WandBLogger"]


class WandBLogger(LoggerBase):
    """Logs to the run that is under way, or starts one in the project ``betty``.

    Without a network, set ``WANDB_MODE=offline``: wandb then writes to its folder.

    Raises:
        ImportError: wandb is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            raise ImportError(
                "logger_type 'wandb' needs the package wandb: pip install wandb"
            ) from error
        self.run = wandb.run
        if self.run is None:
            self.run = wandb.init(project="betty")
            # Charts over the steps of the run: by itself wandb counts records.
            self.run.define_metric("global_step")
            self.run.define_metric("*", step_metric="global_step")

    def log(
        self, stats: Mapping[str, Any] | None, tag: str | None = None, step: int | None = None
    ) -> None:
        record = dict(scalars(stats, tag))
        if record:
            self.run.log({**record, "global_step": step})
