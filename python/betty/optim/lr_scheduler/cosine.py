"""Schedules along cosines (Loshchilov and Hutter, ICLR 2017, eq. 5)."""

from __future__ import annotations

import math

from betty.optim.lr_scheduler.base import LRScheduler
from betty.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """From the base rate to ``eta_min`` along half a cosine of ``T_max`` steps, and back."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        if self._is_initial:
            return current
        if self._step_count == 1 and self.last_epoch > 0:
            return self.closed(group, base)
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            return current + (base - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return now / before * (current - self.eta_min) + self.eta_min

    def closed(self, group: int, base: float) -> float:
        phase = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * phase


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines of ``T_0``, ``T_0 * T_mult``, ... steps, each from the base rate to ``eta_min``.

    Example:
        >>> import betty
        >>> from betty.optim.lr_scheduler import CosineAnnealingWarmRestarts
        >>> optimizer = betty.optim.SGD([betty.nn.Parameter(betty.zeros(1))], lr=1.0)
        >>> schedule = CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, base: float, current: float) -> float:
        phase = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return self.eta_min + (base - self.eta_min) * phase

    def step(self, epoch: float | None = None) -> None:
        """Moves on by one step, or to a given one, which may be a fraction."""
        self._step_count += 1
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _jump(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
