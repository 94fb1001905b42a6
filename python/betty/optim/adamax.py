"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adamax: Adam with the infinity norm (Kingma and Ba, ICLR 2015, section 7.1).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the first moment and of the norm.
        eps: Added to the gradient's size.
        weight_decay: L2 penalty's factor.
        foreach: Accepted for migration.
        maximize: Ascend.
        differentiable: Accepted for migration; every update is differentiable.
        capturable: Accepted for migration.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([1.0, 2.0]))
        >>> optimizer = betty.optim.Adamax([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([0.5000, 1.5000])
    """

    _pairs = {"betas": ("beta1", "beta2")}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )
