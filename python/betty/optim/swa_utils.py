"""Averages of a model's weights over its training, under the names of `torch.optim.swa_utils`."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

from betty import _creation
from betty._native import Tensor
from betty.autograd import no_grad
from betty.nn.module import Module
from betty.optim.lr_scheduler import LRScheduler

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip


def _checked(decay: float) -> float:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1].")
    return decay


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """The function of an exponential moving average."""
    _checked(decay)

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """The function of an average in which every model counts alike."""

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged + (current - averaged) / (count + 1)

    return average


def _of_lists(average: Callable[..., Tensor]) -> Callable[..., None]:
    def update(averaged: list[Tensor], current: list[Tensor], count: Any) -> None:
        with no_grad():
            for old, new in zip(averaged, current, strict=True):
                old.copy_(average(old, new, count))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """The same for lists of tensors, in place."""
    return _of_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """The same for lists of tensors, in place."""
    return _of_lists(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of those it is given (Izmailov et al., 2018).

    Example:
        >>> import betty
        >>> from betty.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
        >>> model = betty.nn.Linear(2, 1)
        >>> average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        >>> average.update_parameters(model)
        >>> int(average.n_averaged)
        1
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[..., Tensor] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", _creation.tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers
        if device is not None:
            self.to(device)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _values(self, module: Module) -> list[Tensor]:
        found = [p.detach() for p in module.parameters()]
        return found + (list(module.buffers()) if self.use_buffers else [])

    def update_parameters(self, model: Module) -> None:
        """Takes a model's parameters into the average."""
        own, given = self._values(self.module), self._values(model)
        count = int(self.n_averaged.item())
        if count == 0:
            for old, new in zip(own, given, strict=True):
                old.copy_(new)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(own, given, self.n_averaged)
        else:
            _of_lists(self.avg_fn or get_swa_avg_fn())(own, given, self.n_averaged)
        if not self.use_buffers:
            for old, new in zip(self.module.buffers(), model.buffers(), strict=True):
                old.detach().copy_(new.detach())
        self.n_averaged += 1


class SWALR(LRScheduler):
    """Anneals the rate of every group to ``swa_lr`` and keeps it there."""

    def __init__(
        self,
        optimizer: Any,
        swa_lr: float | Iterable[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        for group, rate in zip(groups, rates, strict=True):
            group["swa_lr"] = rate
        self._share = _cosine if anneal_strategy == "cos" else float
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates of the next step."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        period = max(1, self.anneal_epochs)
        before = self._share(max(0.0, min(1.0, (step - 1) / period)))
        now = self._share(max(0.0, min(1.0, step / period)))
        rates = []
        for group in self.optimizer.param_groups:
            start = group["swa_lr"]
            if before != 1:
                start = (group["lr"] - before * group["swa_lr"]) / (1 - before)
            rates.append(group["swa_lr"] * now + start * (1 - now))
        return rates


def _cosine(share: float) -> float:
    return (1 - math.cos(math.pi * share)) / 2


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of a model's batch norms anew from data."""
    from betty.nn.batchnorm import _BatchNorm

    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    before, training = [m.momentum for m in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    model.train(training)
