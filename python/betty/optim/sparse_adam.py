"""SparseAdam: there are no sparse gradients that it could take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty.optim.per_parameter import PerParameter

__all__ = ["SparseAdam"]


class SparseAdam(PerParameter):
    """Can be made; its step refuses the gradients, which are dense, as PyTorch's does.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Factors of the running means.
        eps: Added to the denominator.
        maximize: Ascend.

    Raises:
        RuntimeError: By ``step``: take ``Adam`` instead.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": tuple(betas), "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], param: Any) -> None:
        raise RuntimeError(
            "SparseAdam does not support dense gradients, please consider Adam instead"
        )
