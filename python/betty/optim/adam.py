"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Added to the root of the second moment.
        weight_decay: L2 penalty's factor.
        amsgrad: Divide by the largest second moment so far (Reddi, Kale, Kumar, ICLR 2018).
        maximize: Ascend.
        foreach: Accepted for migration.
        capturable: Accepted for migration.
        differentiable: Accepted for migration; every update is differentiable.
        fused: Accepted for migration; every update is fused.
        decoupled_weight_decay: Decay weights by themselves, as AdamW does.
    """

    _pairs = {"betas": ("beta1", "beta2")}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def _rule_class(self, defaults: dict[str, Any]) -> type:
        is_adamw = type(self) is Adam and defaults["decoupled_weight_decay"]
        return AdamW if is_adamw else super()._rule_class(defaults)


_DECOUPLED = {"decoupled_weight_decay": True}


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **{**options, **_DECOUPLED})
