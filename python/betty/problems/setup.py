"""What an optimizer that is given needs before it can serve a problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty._native import Tensor
from betty.nn.parameter import Parameter

__all__ = ["fitted_optimizer", "follow"]


def fitted_optimizer(optimizer: Any, groups: Iterable[Any] | None, params: list[Tensor]) -> Any:
    """The optimizer as it is, with its groups and state, if it serves the problem's parameters.

    One with ``param_groups`` of the problem's own, or one made for other parameters (the module has
    been replaced since), is made anew with the same options; state of parameters that stay is kept.
    """
    owned = {id(p) for group in optimizer.param_groups for p in group["params"]}
    served = not params or any(id(p) in owned for p in params)
    if groups is None and (served or not all(isinstance(p, Parameter) for p in params)):
        return optimizer
    trainable = [p for p in params if p.requires_grad]
    made = type(optimizer)(trainable if groups is None else groups, **optimizer.defaults)
    old = optimizer.state
    numbers = [p for group in made.param_groups for p in group["params"]]
    state = {index: old[p] for index, p in enumerate(numbers) if p in old}
    if state:
        made.load_state_dict({**made.state_dict(), "state": state})
    return made


def follow(scheduler: Any, optimizer: Any) -> None:
    """Has a schedule go on with another optimizer's groups."""
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    scheduler.optimizer = optimizer
    scheduler.base_lrs = [group["lr"] for group in optimizer.param_groups]
