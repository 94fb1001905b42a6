"""Learning-rate schedules, under PyTorch's names."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "MultiStepLR", "StepLR"]


class LRScheduler:
    """Base of the schedules: the rate of every group as a function of the number of steps.

    Args:
        optimizer: Its groups' ``"lr"`` is set at once and at every ``step``.
        last_epoch: Steps already taken; -1 starts anew.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group["initial_lr"] = group["lr"]
            elif "initial_lr" not in group:
                raise KeyError("param 'initial_lr' is not specified in a group to be resumed")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, group: int, base: float, current: float) -> float:
        """The rate of a group after ``last_epoch`` steps; every schedule defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no rate")

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
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate

    def get_last_lr(self) -> list[float]:
        """The rates in force."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        return {
            key: value
            for key, value in self.__dict__.items()
            if key != "optimizer" and not key.startswith("_")
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave."""
        self.__dict__.update(state_dict)


class LambdaLR(LRScheduler):
    """The base rate times a function of the step.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.zeros(1))
        >>> optimizer = betty.optim.SGD([w], lr=1.0)
        >>> schedule = betty.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 ** step)
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(lambdas) != groups:
            raise ValueError(f"expected {groups} lr_lambdas, got {len(lambdas)}")
        self._lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        return base * self._lambdas[group](self.last_epoch)


class StepLR(LRScheduler):
    """The rate times ``gamma`` every ``step_size`` steps."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return current
        return current * self.gamma


class MultiStepLR(LRScheduler):
    """The rate times ``gamma`` at each milestone."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        reached = bisect_right(self.milestones, self.last_epoch)
        before = bisect_right(self.milestones, self.last_epoch - 1)
        return current * self.gamma ** (reached - before) if self.last_epoch else current


class CosineAnnealingLR(LRScheduler):
    """From the base rate to ``eta_min`` along half a cosine of ``T_max`` steps, and back
    (Loshchilov and Hutter, ICLR 2017, eq. 5, without restarts)."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        phase = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * phase
