"""RAdam. Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from betty import _creation
from betty.optim.per_parameter import PerParameter

__all__ = ["RAdam"]


class RAdam(PerParameter):
    """Adam with a warm-up that follows from the variance of its rate (Liu et al., ICLR 2020)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        if lr < 0.0 or eps < 0.0 or weight_decay < 0.0:
            raise ValueError(
                f"RAdam: lr, eps and weight_decay must not be negative, got {lr}, {eps} and "
                f"{weight_decay}"
            )
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"RAdam: betas must be in [0, 1), got {betas}")
        defaults = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], param: Any) -> None:
        state = self.state[param]
        if not state:
            state["step"] = _creation.tensor(0.0)
            state["exp_avg"] = _creation.zeros_like(param)
            state["exp_avg_sq"] = _creation.zeros_like(param)
        state["step"] += 1
        step, (beta1, beta2) = state["step"].item(), group["betas"]
        gradient = -param.grad if group["maximize"] else param.grad
        if group["weight_decay"]:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - group["lr"] * group["weight_decay"])
            else:
                gradient = gradient + param * group["weight_decay"]
        state["exp_avg"].lerp_(gradient, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        mean = state["exp_avg"] / (1 - beta1**step)
        left = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / left
        if length <= 5.0:
            param.add_(mean * -group["lr"])
            return
        rectified = math.sqrt(
            (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        )
        adaptive = math.sqrt(left) / (state["exp_avg_sq"].sqrt() + group["eps"])
        param.add_(mean * adaptive * (-group["lr"] * rectified))
