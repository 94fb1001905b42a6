"""Muon. Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from betty import _creation, _types
from betty import _functions as F
from betty._native import Tensor
from betty.optim.per_parameter import PerParameter

__all__ = ["Muon"]

# Rates for matrices of m rows and n columns, as parts of the group's.
_ADJUSTMENTS = {
    None: lambda m, n: math.sqrt(max(1.0, m / n)),
    "original": lambda m, n: math.sqrt(max(1.0, m / n)),
    "match_rms_adamw": lambda m, n: 0.2 * math.sqrt(max(m, n)),
    "spectral_unclamped": lambda m, n: math.sqrt(m / n),
}


class Muon(PerParameter):
    """Momentum whose singular values are made alike, for the matrices of hidden layers.

    The iteration that does so is a polynomial in bfloat16 (Jordan et al., 2024). Vectors, and the
    matrices of embeddings and of the last layer, belong to another optimizer.

    Args:
        params: Matrices or groups of them.
        lr: Learning rate.
        weight_decay: The part of a parameter that a step takes away, times ``lr``.
        momentum: Factor of the running direction.
        nesterov: Nesterov's momentum.
        ns_coefficients: The polynomial's: of x, x³ and x⁵.
        eps: The smallest norm that a direction is divided by.
        ns_steps: How often the polynomial is applied.
        adjust_lr_fn: How the rate follows a matrix's shape: ``"original"`` (also None),
            ``"match_rms_adamw"`` or ``"spectral_unclamped"``.

    Raises:
        ValueError: A parameter is no matrix, or an option is out of range.

    Example:
        >>> import betty
        >>> layer = betty.nn.Linear(3, 2)
        >>> optimizer = betty.optim.Muon([layer.weight], lr=0.02)
        >>> layer(betty.ones(1, 3)).sum().backward()
        >>> optimizer.step()
        >>> list(optimizer.state[layer.weight])
        ['momentum_buffer']
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if value < 0.0:
                raise ValueError(f"Muon: {name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in _ADJUSTMENTS:
            raise ValueError(f"Muon: adjust_lr_fn {adjust_lr_fn!r} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": tuple(ns_coefficients), "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{param.shape}"
                    )

    def _update(self, group: dict[str, Any], param: Any) -> None:
        state = self.state[param]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = _creation.zeros_like(param)
        buffer, momentum = state["momentum_buffer"], group["momentum"]
        buffer.lerp_(param.grad, 1 - momentum)
        direction = param.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        direction = _evened(
            direction, group["ns_coefficients"], group["ns_steps"], group["eps"]
        ).to(param.dtype)
        rate = group["lr"] * _ADJUSTMENTS[group["adjust_lr_fn"]](*param.shape)
        param.mul_(1 - group["lr"] * group["weight_decay"])
        param.add_(direction, alpha=-rate)


def _evened(x: Tensor, factors: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """A matrix with singular values near 1: a x + (b x xᵀ + c (x xᵀ)²) x, again and again."""
    a, b, c = factors
    is_tall = x.shape[0] > x.shape[1]
    x = x.to(_types.bfloat16)
    x = F.transpose(x, 0, 1) if is_tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ F.transpose(x, 0, 1)
        x = F.addmm(x, F.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return F.transpose(x, 0, 1) if is_tall else x
