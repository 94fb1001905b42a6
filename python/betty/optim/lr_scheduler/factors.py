"""Schedules that multiply the rate: at milestones, by a function, along a line or a power."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from betty.optim.lr_scheduler.base import LRScheduler
from betty.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

Function = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """Schedules by functions of the step. Callable objects are saved by their attributes."""

    _unsaved = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Function | list[Function], last_epoch: int = -1
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        groups = len(optimizer.param_groups)
        lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lambdas)}")
        for each in lambdas:
            if not callable(each):
                raise TypeError(f"lr_lambda should be a function, but got {type(each).__name__}")
        self.lr_lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and plain functions."""
        kept = [
            None if isinstance(each, types.FunctionType) else dict(vars(each))
            for each in self.lr_lambdas
        ]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave."""
        rest = {key: value for key, value in state_dict.items() if key != "lr_lambdas"}
        super().load_state_dict(rest)
        for function, kept in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if kept is not None:
                vars(function).update(kept)


class LambdaLR(_OfFunctions):
    """The base rate times a function of the step.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.zeros(1))
        >>> optimizer = betty.optim.SGD([w], lr=1.0)
        >>> schedule = betty.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 ** step)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def rate(self, group: int, base: float, current: float) -> float:
        return base * self.lr_lambdas[group](self.last_epoch)


class MultiplicativeLR(_OfFunctions):
    """The present rate times a function of the step."""

    def rate(self, group: int, base: float, current: float) -> float:
        return current if self._is_initial else current * self.lr_lambdas[group](self.last_epoch)


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

    def closed(self, group: int, base: float) -> float:
        return base * self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times ``gamma`` at each milestone."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave; milestones in a plain dict are counted too."""
        super().load_state_dict(state_dict)
        self.milestones = Counter(self.milestones)

    def rate(self, group: int, base: float, current: float) -> float:
        return current * self.gamma ** self.milestones[self.last_epoch]

    def closed(self, group: int, base: float) -> float:
        reached = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return base * self.gamma**reached


class ExponentialLR(LRScheduler):
    """The rate times ``gamma`` at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        return current if self._is_initial else current * self.gamma

    def closed(self, group: int, base: float) -> float:
        return base * self.gamma**self.last_epoch


class ConstantLR(LRScheduler):
    """The rate times ``factor`` until ``total_iters`` steps are taken."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor must be between 0 and 1, got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        if self.last_epoch == 0:
            return current * self.factor
        return current * (1.0 / self.factor) if self.last_epoch == self.total_iters else current

    def closed(self, group: int, base: float) -> float:
        return base if self.last_epoch >= self.total_iters else base * self.factor


class LinearLR(LRScheduler):
    """The base rate times a factor on a line from ``start_factor`` to ``end_factor``."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must be between 0 and 1, got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        if self.last_epoch == 0:
            return current * self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return current
        way = self.end_factor - self.start_factor
        return current * (
            1.0 + way / (self.total_iters * self.start_factor + (self.last_epoch - 1) * way)
        )

    def closed(self, group: int, base: float) -> float:
        part = min(self.total_iters, self.last_epoch) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class PolynomialLR(LRScheduler):
    """From the base rate to nought along a power of what is left of ``total_iters`` steps."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return current
        left = 1.0 - self.last_epoch / self.total_iters
        return current * (left / (1.0 - (self.last_epoch - 1) / self.total_iters)) ** self.power

    def closed(self, group: int, base: float) -> float:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return base * left**self.power
