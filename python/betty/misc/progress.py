"""A progress bar with the last loss of each level."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from betty.engine import Engine

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows the steps of a run with tqdm; losses are read when it is drawn, twice a second.

    Args:
        engine: Whose run is shown.

    Raises:
        ImportError: tqdm is not installed.
    """

    def __init__(self, engine: Engine) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress=True needs the package tqdm: pip install tqdm") from error
        self._make = tqdm
        self._bar: Any = None
        self._start = 0
        self._drawn = 0.0
        self.problems = engine.problems
        self.engine = engine

    def begin(self) -> None:
        """A run begins: its first step is the next one."""
        self._start = self.engine.global_step
        self._bar = self._make(total=self.engine.train_iters, mininterval=0)

    def update(self) -> None:
        """Draws the bar unless that was done a moment ago."""
        if self._bar is None or time.monotonic() - self._drawn < 0.5:
            return
        self._drawn = time.monotonic()
        self._draw(self.engine.global_step)

    def _draw(self, step: int) -> None:
        losses = {problem.name: problem.stats().get("loss") for problem in self.problems}
        shown = {name: f"{loss:.4g}" for name, loss in losses.items() if loss is not None}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(step - self._start - self._bar.n)

    def close(self) -> None:
        """Draws the last state and leaves it on the screen."""
        if self._bar is not None:
            self._draw(self.engine.global_step)
            self._bar.close()
            self._bar = None
