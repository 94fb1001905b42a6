"""Losses scaled up, so that small gradients in fp16 are not rounded to 0, and gradients down again.

Invariant: an optimizer steps with gradients of the loss itself, and not with any that are not
finite.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from betty import _functions as F
from betty._native import Tensor
from betty.autograd import no_grad

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses by a factor that grows while gradients are finite and shrinks when one is not.

    A problem of an engine does so by itself: ``Config(precision="fp16")``.

    Args:
        device: ``"cpu"``; with ``"cuda"``, which is not there, the scaler warns and is off.
        init_scale: The factor at first.
        growth_factor: What it grows by.
        backoff_factor: What it shrinks by.
        growth_interval: Steps with finite gradients after which it grows.
        enabled: False: losses and gradients stay as they are.

    Raises:
        ValueError: Factors that do not let it grow and shrink.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.ones(1))
        >>> optimizer = betty.optim.SGD([w], lr=0.5)
        >>> scaler = betty.amp.GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale((w * w).sum()).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> w.tolist()
        [0.0]
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device == "cuda":
            warnings.warn("GradScaler: device 'cuda' is not available, disabled", stacklevel=2)
            enabled = False
        if enabled and not 0.0 < backoff_factor < 1.0 < growth_factor:
            raise ValueError(
                "GradScaler: growth_factor must be above 1 and backoff_factor between 0 and 1, "
                f"got {growth_factor} and {backoff_factor}"
            )
        self._enabled = enabled
        self._scale = float(init_scale)
        self._is_started = False
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        # Of each optimizer since the last update: whether all its gradients are finite.
        self._is_finite: dict[int, bool] = {}
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """A loss, or several in a list or tuple, times the factor."""
        if not self._enabled:
            return outputs
        self._is_started = True
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError(
            f"GradScaler.scale: takes tensors and iterables of them, got {type(outputs).__name__}"
        )

    def unscale_(self, optimizer: Any) -> None:
        """Divides an optimizer's gradients by the factor, to be clipped before the step.

        Raises:
            AssertionError: Nothing was scaled yet.
            RuntimeError: It was done before since the last ``update``.
        """
        if not self._enabled:
            return
        self._check_started("unscale_")
        if id(optimizer) in self._is_finite:
            raise RuntimeError("unscale_() has already been called on this optimizer")
        params = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in params if p.grad is not None]
        with no_grad():
            for gradient in gradients:
                gradient.mul_(1.0 / self._scale)
            finite = [F.isfinite(gradient).all() for gradient in gradients]
        self._is_finite[id(optimizer)] = all(bool(each) for each in finite)

    def _check_started(self, what: str) -> None:
        if not self._is_started:
            raise AssertionError(f"GradScaler.{what}: nothing was scaled yet, call scale() first")

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Lets an optimizer step, unless one of its gradients is not finite.

        Raises:
            AssertionError: Nothing was scaled yet, or the optimizer has no gradient.
            RuntimeError: It has stepped since the last ``update``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("GradScaler.step: takes no closure")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update()")
        self._check_started("step")
        if id(optimizer) not in self._is_finite:
            self.unscale_(optimizer)
        if not any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
            raise AssertionError("GradScaler.step: no parameter of the optimizer has a gradient")
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **kwargs) if self._is_finite[id(optimizer)] else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapts the factor to what the gradients since the last time were like, or sets it."""
        if not self._enabled:
            return
        self._check_started("update")
        if new_scale is None and not self._is_finite:
            raise AssertionError("GradScaler.update: no gradients were unscaled before")
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not all(self._is_finite.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale *= self._growth_factor
                self._growth_tracker = 0
        self._is_finite.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The factor; 1 if the scaler is off."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and how it changes; nothing if the scaler is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave.

        Raises:
            RuntimeError: The state is that of a scaler that was off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("GradScaler: the state is empty, its scaler was disabled")
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = int(state_dict["_growth_tracker"])
