"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan, Singer, JMLR 2011).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        lr_decay: The rate is divided by 1 + (step - 1) * lr_decay.
        weight_decay: L2 penalty's factor.
        initial_accumulator_value: Where the sum of squares starts.
        eps: Added to the root of the sum of squares.
        foreach: Accepted for migration.
        maximize: Ascend.
        differentiable: Accepted for migration; every update is differentiable.
        fused: Accepted for migration; every update is fused.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([1.0, 2.0]))
        >>> optimizer = betty.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([0.5000, 1.5000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
