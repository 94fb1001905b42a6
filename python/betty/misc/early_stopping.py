"""Stops a run when validation no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from betty.configs import EngineConfig

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Counts validations without improvement.

    Args:
        metric: Key of the metric in what ``validation`` returns.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        tolerance: Validations without improvement before stopping.

    Example:
        >>> from betty.misc.early_stopping import EarlyStopping
        >>> stop = EarlyStopping(tolerance=2)
        >>> [stop({"loss": value}) for value in (3.0, 2.0, 2.5, 2.1)]
        [False, False, False, True]
    """

    def __init__(self, metric: str = "loss", mode: str = "min", tolerance: int = 5) -> None:
        self.metric = metric
        self.mode = mode
        self.tolerance = tolerance
        self.best: float | None = None
        self.count = 0

    @classmethod
    def of(cls, config: EngineConfig) -> EarlyStopping | None:
        """The one that a configuration asks for, if any."""
        if not config.early_stopping:
            return None
        return cls(
            config.early_stopping_metric,
            config.early_stopping_mode,
            config.early_stopping_tolerance,
        )

    def __call__(self, stats: Mapping[str, Any]) -> bool:
        """Takes the results of a validation; says whether to stop."""
        if self.metric not in stats:
            raise KeyError(
                f"early stopping: validation gave no '{self.metric}', only {sorted(stats)}"
            )
        value = float(stats[self.metric])
        better = self.best is None or (
            value < self.best if self.mode == "min" else value > self.best
        )
        if better:
            self.best, self.count = value, 0
        else:
            self.count += 1
        return self.count >= self.tolerance
