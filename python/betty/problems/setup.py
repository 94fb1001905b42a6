"""What the parts that a problem is given need before they can serve it."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import Parameter as Argument
from inspect import signature
from typing import Any

from betty._native import Tensor
from betty.nn.parameter import Parameter
from betty.optim.lr_scheduler import LRScheduler

__all__ = [
    "check_parts",
    "checked_name",
    "check_schedule",
    "check_step",
    "fitted_optimizer",
    "follow",
]

#: What each part is called, and what of it is used.
PARTS = {
    "module": ("a module", ("parameters",)),
    "optimizer": ("an optimizer", ("param_groups", "step")),
    "scheduler": ("a learning-rate scheduler", ("step",)),
}

#: Those that no class defines: another problem of that name would be taken for one.
HOOKS = (
    "on_inner_loop_start", "grad_callback", "param_callback", "custom_optimizer_step",
    "epoch_callback", "param_groups", "configure_train_data_loader", "configure_module",
    "configure_optimizer", "configure_scheduler",
)  # fmt: skip


def checked_name(name: Any) -> str:
    """The name, if problems can reach one another by it."""
    if not isinstance(name, str) or name.split() != [name]:
        raise ValueError(f"Problem: name must be a word without spaces, got {name!r}")
    if name in HOOKS:
        raise ValueError(f"Problem: '{name}' is the name of a hook, take another one")
    return name


def check_parts(problem: str, **parts: Any) -> None:
    """Refuses what is no module, optimizer or scheduler, a class of them too; None is none yet."""
    for name, given in parts.items():
        what, needed = PARTS[name]
        if isinstance(given, type):
            raise TypeError(
                f"problem '{problem}': {name} is the class {given.__name__}, not {what}"
            )
        if given is not None and not all(hasattr(given, each) for each in needed):
            raise TypeError(
                f"problem '{problem}': {name} is not {what}, got {type(given).__name__}"
            )


def check_schedule(problem: str, scheduler: Any, optimizer: Any) -> None:
    """Refuses a schedule that is another optimizer's."""
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            f"problem '{problem}': the scheduler is not one of the problem's optimizer"
        )


def check_step(problem: str, optimizer: Any) -> None:
    """Refuses an optimizer that computes the loss itself, as often as it likes."""
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is Argument.empty:
        raise TypeError(
            f"problem '{problem}': {type(optimizer).__name__} computes the loss again and again "
            "in its step, but a problem's step has one loss: take another optimizer, or define "
            "custom_optimizer_step"
        )


def fitted_optimizer(
    problem: str, optimizer: Any, groups: Iterable[Any] | None, params: list[Tensor]
) -> Any:
    """The optimizer as it is, with its groups and state, if it serves the problem's parameters.

    One with ``param_groups`` of the problem's own, or one made for other parameters (the module has
    been replaced since), is made anew with the same options; state of parameters that stay is kept.
    """
    owned = {id(p) for group in optimizer.param_groups for p in group["params"]}
    served = not params or any(id(p) in owned for p in params)
    if groups is None and (served or not all(isinstance(p, Parameter) for p in params)):
        return optimizer
    if groups is None:
        groups = _moved(problem, optimizer.param_groups, params)
    made = type(optimizer)(groups, **_options(optimizer))
    old = optimizer.state
    numbers = [p for group in made.param_groups for p in group["params"]]
    state = {index: old[p] for index, p in enumerate(numbers) if p in old}
    if state:
        made.load_state_dict({**made.state_dict(), "state": state})
    return made


def _options(optimizer: Any) -> dict[str, Any]:
    """Those of its defaults that its class takes; what it sets itself it sets again."""
    taken = signature(type(optimizer)).parameters
    if any(each.kind is Argument.VAR_KEYWORD for each in taken.values()):
        return dict(optimizer.defaults)
    return {name: value for name, value in optimizer.defaults.items() if name in taken}


def _moved(problem: str, groups: list[dict[str, Any]], params: list[Tensor]) -> list[Any]:
    """The groups over other parameters: of several, each takes those at the places of its own."""
    trainable = [p for p in params if p.requires_grad]
    if len(groups) == 1:
        return [{**groups[0], "params": trainable}]
    shapes = [tuple(p.shape) for group in groups for p in group["params"]]
    for found in (params, trainable):
        if [tuple(p.shape) for p in found] == shapes:
            rest = iter(found)
            return [{**group, "params": [next(rest) for _ in group["params"]]} for group in groups]
    own = ", ".join(str(list(p.shape)) for p in trainable)
    given = ", ".join(str(list(shape)) for shape in shapes)
    raise ValueError(
        f"problem '{problem}': the optimizer's {len(groups)} groups are of parameters that are not "
        f"the problem's, and not of their shapes in their order: {given} for {own}"
    )


def follow(scheduler: Any, optimizer: Any) -> None:
    """Has a schedule go on with another optimizer's groups; one that has not begun starts there."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    if _has_begun(scheduler):
        _attach(scheduler, optimizer)
        return
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]
    _begin(scheduler, optimizer)


def _parts(scheduler: Any) -> Iterable[Any]:
    return getattr(scheduler, "_schedulers", ())


def _has_begun(scheduler: Any) -> bool:
    own = getattr(scheduler, "last_epoch", 0) > 0 or not isinstance(scheduler, LRScheduler)
    return own or any(map(_has_begun, _parts(scheduler)))


def _attach(scheduler: Any, optimizer: Any) -> None:
    for part in _parts(scheduler):
        _attach(part, optimizer)
    scheduler.optimizer = optimizer
    scheduler.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]


def _begin(scheduler: Any, optimizer: Any) -> None:
    """As if it, and what it is made of, had been made for this optimizer."""
    for part in _parts(scheduler):
        _begin(part, optimizer)
    scheduler._begin_again(optimizer)
