"""Adafactor (Shazeer and Stern, ICML 2018). Its step is Python: a problem does not take it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from betty import _creation, _types
from betty import _functions as F
from betty._native import Tensor
from betty.optim.per_parameter import PerParameter

__all__ = ["Adafactor"]


class Adafactor(PerParameter):
    """Steps scaled by a second moment that a matrix keeps as its means over rows and columns.

    Args:
        params: Parameters or groups of them, of any shape; of more than two dimensions the last two
            are rows and columns.
        lr: The largest step, relative to the size of a parameter.
        beta2_decay: The moment's decay at step t is ``1 - t**beta2_decay``.
        eps: Least second moment (None: the element type's epsilon), least size of a parameter.
        d: The largest root mean square of a step before it is scaled.
        weight_decay: What parameters lose a step, times ``lr``.
        foreach: Accepted for migration.
        maximize: Ascend.

    Raises:
        ValueError: An option out of range.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.ones(2, 3))
        >>> optimizer = betty.optim.Adafactor([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([[0.5000, 0.5000, 0.5000],
                [0.5000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        checks = {
            "Learning rate": lr >= 0, "beta2_decay": beta2_decay <= 0,
            "epsilon1": eps[0] is None or eps[0] >= 0, "epsilon2": eps[1] >= 0,
            "Clipping threshold d": d >= 1, "weight_decay": weight_decay >= 0,
        }  # fmt: skip
        bad = [name for name, holds in checks.items() if not holds]
        if bad:
            raise ValueError(f"Adafactor: {bad[0]} is out of range")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], param: Any) -> None:
        gradient = -param.grad if group["maximize"] else param.grad
        state = self.state[param]
        if not state:
            state.update(_first_state(gradient))
        state["step"] += 1
        step, rate = state["step"].item(), float(group["lr"])
        least = group["eps"][0]
        least = _types.finfo(param.dtype).eps if least is None else least
        size = _size(param).clamp(min=group["eps"][1]) * min(rate, 1 / math.sqrt(step))
        if group["weight_decay"]:
            param.mul_(1 - rate * group["weight_decay"])
        change = gradient / _moment(state, gradient, step ** group["beta2_decay"], least).sqrt()
        param.sub_(change * (size / (_size(change) / group["d"]).clamp(min=1.0)))


def _first_state(gradient: Tensor) -> dict[str, Tensor]:
    state = {"step": _creation.tensor(0.0)}
    if gradient.ndim > 1:
        state["row_var"] = _creation.zeros_like(gradient[..., :1])
        state["col_var"] = _creation.zeros_like(gradient[..., :1, :])
    else:
        state["variance"] = _creation.zeros_like(gradient)
    return state


def _size(value: Tensor) -> Tensor:
    """The root of the mean square."""
    return F.norm(value) / math.sqrt(value.numel())


def _moment(state: dict[str, Tensor], gradient: Tensor, weight: float, least: float) -> Tensor:
    """The second moment, of which the new square has a weight."""
    square = gradient * gradient
    if gradient.ndim == 1 or not gradient.ndim:
        return state["variance"].lerp_(square, weight).clamp(min=least * least)
    rows = state["row_var"].lerp_(square.mean(-1, keepdim=True), weight)
    columns = state["col_var"].lerp_(square.mean(-2, keepdim=True), weight)
    whole = F.matmul(rows, columns) / rows.mean(-2, keepdim=True).clamp(min=least)
    return whole.clamp(min=least * least)
