"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012).

    Args:
        params: Parameters or groups of them.
        lr: Factor of the step.
        rho: Decay of the two averages of squares.
        eps: Added to both under their roots.
        weight_decay: L2 penalty's factor.
        foreach: Accepted for migration.
        capturable: Accepted for migration.
        maximize: Ascend.
        differentiable: Accepted for migration; every update is differentiable.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([1.0, 2.0]))
        >>> optimizer = betty.optim.Adadelta([w], lr=100.0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([0.6838, 1.6838])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )
