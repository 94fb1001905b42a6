"""Stops a run when validation no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from betty.configs import EngineConfig
from betty.logging.logger_base import number

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Counts validations without improvement.

    Args:
        metric: Key of the metric in what ``validation`` returns.
        tolerance: Validations without improvement before stopping.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.

    Raises:
        ValueError: ``mode`` is neither.

    Example:
        >>> from betty.misc.early_stopping import EarlyStopping
        >>> stop = EarlyStopping(tolerance=2)
        >>> [stop({"loss": value}) for value in (3.0, 2.0, 2.5, 2.1)]
        [False, False, False, True]
    """

    def __init__(self, metric: str = "loss", tolerance: int = 5, mode: str = "min") -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"early stopping: mode must be 'min' or 'max', got {mode!r}")
        if tolerance < 1:
            raise ValueError(f"early stopping: tolerance must be at least 1, got {tolerance}")
        self.metric = metric
        self.tolerance = tolerance
        self.mode = mode
        self.best_score: float | None = None
        self.counter = 0

    @classmethod
    def of(cls, config: EngineConfig) -> EarlyStopping | None:
        """The one that a configuration asks for, if any."""
        if not config.early_stopping:
            return None
        return cls(
            config.early_stopping_metric,
            config.early_stopping_tolerance,
            config.early_stopping_mode,
        )

    def __call__(self, validation_stats: Mapping[str, Any]) -> bool:
        """Takes the results of a validation; says whether to stop. NaN is no improvement."""
        if self.metric not in validation_stats:
            raise KeyError(
                f"early stopping: validation gave no '{self.metric}', "
                f"only {sorted(validation_stats)}"
            )
        score = float(number(self.metric, validation_stats[self.metric]))
        better = score == score and (
            self.best_score is None
            or (score < self.best_score if self.mode == "min" else score > self.best_score)
        )
        if better:
            self.best_score, self.counter = score, 0
        else:
            self.counter += 1
        return self.counter >= self.tolerance
