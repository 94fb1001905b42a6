"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        alpha: Decay of the mean of squares.
        eps: Added to the root of the mean of squares.
        weight_decay: L2 penalty's factor.
        momentum: Factor of the running direction.
        centered: Divide by the deviation instead of the root mean square (Graves, 2013).
        capturable: Accepted for migration.
        foreach: Accepted for migration.
        maximize: Ascend.
        differentiable: Accepted for migration; every update is differentiable.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )
