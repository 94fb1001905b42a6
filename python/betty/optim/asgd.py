"""Averaged SGD. Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty import _creation
from betty.optim.per_parameter import PerParameter

__all__ = ["ASGD"]


class ASGD(PerParameter):
    """SGD whose iterates are averaged from step ``t0`` on (Polyak and Juditsky, 1992)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        if lr < 0.0 or weight_decay < 0.0:
            raise ValueError(
                f"ASGD: lr and weight_decay must not be negative, got {lr} and {weight_decay}"
            )
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], param: Any) -> None:
        state, gradient = self.state[param], -param.grad if group["maximize"] else param.grad
        if not state:
            state["step"] = _creation.tensor(0.0)
            state["eta"] = _creation.tensor(float(group["lr"]))
            state["mu"] = _creation.tensor(1.0)
            state["ax"] = _creation.zeros_like(param)
        state["step"] += 1
        step, eta = state["step"].item(), state["eta"].item()
        if group["weight_decay"]:
            gradient = gradient + param * group["weight_decay"]
        param.mul_(1 - group["lambd"] * eta)
        param.add_(gradient * -eta)
        if state["mu"].item() != 1:
            state["ax"].add_((param - state["ax"]) * state["mu"].item())
        else:
            state["ax"].copy_(param)
        rate = group["lr"] / (1 + group["lambd"] * group["lr"] * step) ** group["alpha"]
        state["eta"] = _creation.tensor(rate)
        state["mu"] = _creation.tensor(1 / max(1, step - group["t0"]))
