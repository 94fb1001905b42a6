"""Optimizers whose step is Python, one parameter after the other.

Invariant: gradients are computed before anything is changed, so that one that cannot be leaves
parameters and state as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty._native import evaluate
from betty.autograd import enable_grad, no_grad
from betty.optim.optimizer import Optimizer

__all__: list[str] = []


class PerParameter(Optimizer):
    """What they share; a subclass defines ``_update(group, param)``, called without grad mode."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient.

        Args:
            closure: Computes the loss and its gradients anew.

        Returns:
            The closure's loss; None without one.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        groups = [(group, p) for group in self.param_groups for p in group["params"]]
        due = [(group, param) for group, param in groups if param.grad is not None]
        evaluate(*(param.grad for _, param in due))
        with no_grad():
            for group, param in due:
                self._update(group, param)
        return loss

    def _update(self, group: dict[str, Any], param: Any) -> None:
        raise NotImplementedError
