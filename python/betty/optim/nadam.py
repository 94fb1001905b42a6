"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from betty import _creation
from betty.optim.optimizer import Optimizer

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Added to the root of the second moment.
        weight_decay: Factor of the decay.
        momentum_decay: How fast the first factor grows to its value.
        decoupled_weight_decay: Shrink the parameters, as AdamW does, instead of an L2 penalty.
        foreach: Accepted for migration.
        maximize: Ascend.
        capturable: Accepted for migration.
        differentiable: Accepted for migration; every update is differentiable.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([1.0, 2.0]))
        >>> optimizer = betty.optim.NAdam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([0.4718, 1.4718])
    """

    _pairs = {"betas": ("beta1", "beta2")}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _derived(self, group: dict[str, Any], steps: int) -> dict[str, Any]:
        """The product of the momentum's factors so far, which PyTorch keeps in its state."""
        beta, rate = group["betas"][0], group["momentum_decay"] * math.log(0.96)
        if beta == 0:
            return {"mu_product": _creation.tensor(0.0 if steps else 1.0)}
        # The logarithm of 1 - q^t / 2 is a series of powers of q^t, and their sums are geometric.
        logarithm = steps * math.log(beta)
        for k in range(1, 60):
            power = k * rate
            ends = math.expm1(power * steps) / math.expm1(power) if power else steps
            logarithm -= math.exp(power) * ends / (k * 2**k)
        return {"mu_product": _creation.tensor(math.exp(logarithm))}
