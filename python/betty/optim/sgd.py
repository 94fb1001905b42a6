"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: Factor of the running direction.
        dampening: What of a new gradient does not enter it.
        weight_decay: L2 penalty's factor.
        nesterov: Nesterov's momentum.
        maximize: Ascend.
        foreach: Accepted for migration.
        differentiable: Accepted for migration; every update is differentiable.
        fused: Accepted for migration; every update is fused.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([1.0, 2.0]))
        >>> optimizer = betty.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([0.8000, 1.6000])
    """

    _counts = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
