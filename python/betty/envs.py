"""Environments that problems share."""

from __future__ import annotations

from typing import Any

__all__ = ["Env"]


class Env:
    """A world that problems act on: subclass it and define ``step`` as you like.

    Every problem reaches it as ``self.env``, and it reaches every problem by its name.
    """

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """One step of the environment."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def set_problem_attr(self, problem: Any) -> None:
        """Makes a problem reachable as an attribute of its name."""
        setattr(self, problem.name, problem)
