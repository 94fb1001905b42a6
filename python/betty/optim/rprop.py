"""Rprop. Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty import _creation
from betty import _functions as F
from betty.optim.per_parameter import PerParameter

__all__ = ["Rprop"]


class Rprop(PerParameter):
    """Steps that grow while a gradient keeps its sign and shrink when it turns (Riedmiller and
    Braun, 1993)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], param: Any) -> None:
        state, gradient = self.state[param], -param.grad if group["maximize"] else param.grad
        if not state:
            state["step"] = _creation.tensor(0.0)
            state["prev"] = _creation.zeros_like(param)
            state["step_size"] = F.full_like(gradient, group["lr"])
        state["step"] += 1
        (smaller, larger), (least, most) = group["etas"], group["step_sizes"]
        turned = gradient * state["prev"]
        # Of the gradient's type: numbers alone would be rounded to the default one.
        kept, grown = F.full_like(gradient, 1.0), F.full_like(gradient, larger)
        factor = F.where(turned > 0, grown, F.where(turned < 0, smaller, kept))
        state["step_size"].mul_(factor).clamp_(least, most)
        kept = F.where(turned < 0, 0.0, gradient)
        param.add_(-kept.sign() * state["step_size"])
        state["prev"].copy_(kept)
