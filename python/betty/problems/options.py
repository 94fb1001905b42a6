"""Options of a problem that it takes from its Config when it is made, as attributes of its own.

Invariant: what the engine has been told is `_told` of what the attributes and the Config say now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from betty.configs import Config

__all__ = ["Option", "ProblemOptions"]


class Option:
    """An option as an attribute; setting it reaches the engine at once.

    Args:
        name: Its name in :class:`~betty.configs.Config`.
        doc: What it is.
    """

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __get__(self, problem: Any, kind: type | None = None) -> Any:
        return self if problem is None else problem._taken[self.name]

    def __set__(self, problem: Any, value: Any) -> None:
        problem._set_option(self.name, value)


class ProblemOptions:
    """The part of :class:`~betty.problems.Problem` that knows its options."""

    if TYPE_CHECKING:
        _handle: Any
        _is_by_parts: bool
        _repeats: bool

    gradient_clipping = Option("gradient_clipping", "Largest total norm of a gradient; 0 is off.")
    warmup_steps = Option("warmup_steps", "Micro-steps before the parents are first stepped.")
    precision = Option("precision", "The precision of its parameters.")
    log_step = Option("log_step", "Steps between two records of the log; -1 is never.")
    log_local_step = Option("log_local_step", "Whether the log's axis is this problem's count.")
    _unroll_steps = Option("unroll_steps", "Updates between two steps of the parents.")
    _accumulation = Option("gradient_accumulation", "Micro-steps of an update.")

    def _take_options(self, config: Config) -> None:
        self._config = config
        options = [each for each in vars(ProblemOptions).values() if isinstance(each, Option)]
        self._taken = {option.name: getattr(config, option.name) for option in options}

    @property
    def config(self) -> Config:
        """The problem's options."""
        return self._config

    @property
    def gas(self) -> int:
        """Micro-steps of the present update: a step that is repeated after a roll-back is whole."""
        return 1 if self._repeats else self._accumulation

    @gas.setter
    def gas(self, steps: int) -> None:
        self._accumulation = steps

    def _told(self) -> dict[str, Any]:
        """The options as the engine takes them."""
        told = self._config.options() | self._taken
        # A step that Python takes part by part is no program to be run again.
        return told | {"replay": False} if self._is_by_parts else told

    def _set_option(self, name: str, value: Any) -> None:
        before = self._taken[name]
        self._taken[name] = value
        try:
            self._tell()
        except Exception:
            self._taken[name] = before
            raise

    def _heed(self, name: str) -> None:
        """Called by the Config when one of its options has been set."""
        if self._handle is None:
            return
        if name in self._taken:
            self._set_option(name, getattr(self._config, name))
        else:
            self._tell()

    def _tell(self) -> None:
        if self._handle is not None:
            self._handle.set_options(self._told())
