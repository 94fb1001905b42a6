"""What every schedule of rates has. Invariant: setting a rate changes a number the next step reads;
nothing is compiled again."""

from __future__ import annotations

from typing import Any, Self

from betty._warnings import warn
from betty.optim.optimizer import Optimizer

__all__ = ["LRScheduler"]


class LRScheduler:
    """Base of the schedules: the rate of every group as a function of the number of steps.

    A schedule multiplies the rate it finds where it can, so that several of them compose.

    Args:
        optimizer: Its groups' ``"lr"`` is set at once and at every ``step``.
        last_epoch: Steps already taken; -1 starts anew.
    """

    #: Entries of the object that ``state_dict`` leaves out.
    _unsaved: tuple[str, ...] = ("optimizer",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        made._given = (args, kwargs)
        return made

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._is_initial = False
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _begin_again(self, optimizer: Optimizer) -> None:
        """As if it had been made for this optimizer."""
        args, kwargs = self._given
        if args:
            self.__init__(optimizer, *args[1:], **kwargs)  # type: ignore[misc]
        else:
            self.__init__(**{**kwargs, "optimizer": optimizer})  # type: ignore[misc]

    def rate(self, group: int, base: float, current: float) -> float:
        """The rate of a group after ``last_epoch`` steps; every schedule defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no rate")

    def closed(self, group: int, base: float) -> float:
        """The same from the base rate alone, for a jump to ``last_epoch``."""
        return self.rate(group, base, self.optimizer.param_groups[group]["lr"])

    def get_lr(self) -> list[float]:
        """The rates of all groups for the present step."""
        return [
            self.rate(index, base, group["lr"])
            for index, (base, group) in enumerate(
                zip(self.base_lrs, self.optimizer.param_groups, strict=True)
            )
        ]

    def step(self, epoch: int | None = None) -> None:
        """Moves on by one step, or to a given one."""
        self._step_count += 1
        if self._step_count == 2 and not self.optimizer._has_stepped():
            warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call "
                "them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`."
            )
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            rates = [self.closed(index, base) for index, base in enumerate(self.base_lrs)]
        self._set(rates)

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and plain functions."""
        unsaved = {*self._unsaved, "_given"}
        return {key: value for key, value in self.__dict__.items() if key not in unsaved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave."""
        self.__dict__.update(state_dict)
