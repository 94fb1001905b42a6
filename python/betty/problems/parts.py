"""A descent step taken apart: what a program may call itself, or put its own in the place of.

The engine takes a step as one program. Where a subclass defines one of the parts, the step is taken
part by part, in the order of :meth:`ProblemParts.one_step_descent`.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from betty import autograd
from betty._native import Tensor
from betty.nn.utils import clip_grad_norm_
from betty.problems.access import ProblemAccess

__all__ = ["ProblemParts"]

#: Values of Config(type=...) that need to know what an update makes of a gradient.
DIFFERENTIATED = ("iterative", "forward", "sama")
PARTS = ("get_loss", "backward", "optimizer_step", "zero_grad", "clip_grad")


class ProblemParts(ProblemAccess):
    """The part of :class:`~betty.problems.Problem` that a descent step is made of."""

    def one_step_descent(self, batch: Any = None) -> dict[str, Any]:
        """One descent step, without count, schedule, log or upper problems, on a batch or the next
        one; gives what ``training_step`` returned.

        Called by hand with a batch, it leaves ``cur_batch`` what it is, and with it the loss that
        problems above differentiate: that of the last batch drawn, at the parameters as they are.

        Defined by a subclass, it takes the place of the engine's: it calls ``get_loss``,
        ``backward``, ``optimizer_step`` and ``zero_grad``.
        """
        if self._is_taken_apart:
            return self._descend_by_parts(batch)
        if batch is not None and batch is not self.cur_batch and not self._is_descending:
            return self._descend_aside(batch)
        if batch is not None:
            self.cur_batch = batch
        self._handle.descend(batch is None)
        return self.stats()

    def _descend_aside(self, batch: Any) -> dict[str, Any]:
        before = self.cur_batch
        if self._is_parallel:
            self._given = (batch,)
        else:
            self._aside = (batch,)
        try:
            self._handle.descend_aside()
        finally:
            self._aside = self._given = None
            self.cur_batch = before
        return self.stats()

    def _batch_of_step(self, fresh: bool) -> Any:
        """What ``training_step`` is to see, but for the replicas' shares of it."""
        if self._aside is not None:
            return self._aside[0]
        if self._held:
            self.cur_batch = self._held[self._handle.batch_index]
        elif self._dealt is not None:
            self.cur_batch = tuple(map(self._handle.batch, range(len(self._dealt[0]))))
        elif not self._is_drawn and (fresh or self.cur_batch is None):
            self.cur_batch = self.get_batch()
        return self.cur_batch

    def _descend_by_parts(self, batch: Any) -> dict[str, Any]:
        if batch is None:
            self.cur_batch = batch = self.get_batch()
        loss, stats = self.get_loss(batch)
        self.backward(loss, self.trainable_parameters(), self.paths)
        if self.is_implemented("grad_callback"):
            self.grad_callback()
        if self.gradient_accumulation_boundary():
            self.optimizer_step()
            if self.is_implemented("param_callback"):
                self.param_callback()
            self.zero_grad()
        return stats

    def _descend(self, fresh: bool) -> None:
        """What the engine calls where a part, or the whole, is a subclass's own."""
        self._repeats, self._is_descending = not fresh, True
        try:
            stats = self.one_step_descent(None if fresh else self.cur_batch)
            self._records = [(1.0, stats or {})]
        finally:
            self._repeats = self._is_descending = False

    def _own_parts(self, base: type) -> bool:
        """Whether a step is Python: a subclass defines a part or the whole, or the optimizer is a
        program's own. A whole that calls ``super().one_step_descent`` has the parts called too."""
        kind = type(self)
        own = [name for name in PARTS if getattr(kind, name) is not getattr(base, name)]
        self._is_taken_apart = bool(own) or self._steps_in_python()
        return self._is_taken_apart or kind.one_step_descent is not base.one_step_descent

    def _steps_itself(self) -> bool:
        """Whether a subclass says how its optimizer steps."""
        own = (getattr(type(self), name) for name in ("optimizer_step", "one_step_descent"))
        parts = (ProblemParts.optimizer_step, ProblemParts.one_step_descent)
        return self.is_implemented("custom_optimizer_step") or tuple(own) != parts

    def _steps_in_python(self) -> bool:
        """Whether the updates are those of an optimizer without a rule of the engine."""
        has_rule = self.optimizer is None or self.optimizer._engine is not None
        return not has_rule and not self.is_implemented("custom_optimizer_step")

    def _check_optimizer(self) -> None:
        if not self._steps_in_python() or not self.parents:
            return
        kind, type_ = type(self.optimizer).__name__, self._told()["type"]
        if type_ in DIFFERENTIATED:
            raise TypeError(
                f"problem '{self.name}': type '{type_}' differentiates the optimizer's step, and "
                f"that of {kind} is Python; take an optimizer with a rule of the engine"
            )
        if self._engine.config.roll_back:
            raise TypeError(
                f"problem '{self.name}': roll_back can't undo the steps of {kind}, which are "
                "Python; take an optimizer with a rule of the engine"
            )

    def _engine_optimizer(self) -> Any:
        """What the engine updates parameters with."""
        if self.optimizer is None or (self._is_by_parts and self._steps_in_python()):
            return None
        if self.is_implemented("custom_optimizer_step"):
            return self.optimizer._engine
        return self.optimizer._handle

    def get_loss(self, batch: Any) -> tuple[Any, dict[str, Any]]:
        """The loss of a batch over the micro-steps of an update, and all that was returned."""
        self._loss_batch = batch
        result = self.training_step_exec(batch)
        stats = result if isinstance(result, dict) else {"loss": result}
        return stats["loss"] / self.gas, {**stats, "loss": stats["loss"].item()}

    def backward(
        self,
        loss: Tensor,
        params: Iterable[Tensor] | None = None,
        paths: list[list[Any]] | None = None,
        create_graph: bool = False,
        retain_graph: bool = True,
        allow_unused: bool = True,
    ) -> None:
        """Adds the gradient of a loss to those that the trainable parameters have.

        In a step, or of ``cur_batch``, it is the loss that problems above differentiate. That of
        another batch, asked for by hand, leaves them with the last step's.

        Args:
            loss: As ``get_loss`` gives it, already divided by ``gas``.
            params: Accepted: they are the trainable parameters. With ``paths=[]`` any others.
            paths: Those of the problem, along which implicit gradients are added; none if empty.
            create_graph: Accepted; nothing here is differentiated again.
            retain_graph: Accepted; the recording stays.
            allow_unused: Accepted; parameters without a gradient are left alone.

        Raises:
            ValueError: ``paths`` are neither all of the problem's nor none.
        """
        is_own = self._is_descending or self._loss_batch is self.cur_batch
        if (paths is None or list(paths) == self.paths) and (is_own or self.paths):
            self._handle.backward(loss)
            return
        if paths is not None and list(paths):
            raise ValueError(f"problem '{self.name}': backward takes all of its paths, or none")
        wanted = list(self.trainable_parameters() if params is None else params)
        self.set_grads(wanted, autograd.grad(loss, wanted, allow_unused=True))

    def set_grads(self, params: Iterable[Tensor], grads: Iterable[Tensor | None]) -> None:
        """Adds gradients to those that parameters have."""
        for param, grad in zip(params, grads, strict=True):
            if grad is not None:
                param.grad = grad if param.grad is None else param.grad + grad

    def zero_grad(self) -> None:
        """Drops the gradients of the trainable parameters."""
        for param in self.trainable_parameters():
            param.grad = None

    def clip_grad(self) -> None:
        """Scales the gradients so that their norm is at most ``gradient_clipping``."""
        clip_grad_norm_(self.trainable_parameters(), self.gradient_clipping)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Clips if that is asked for, and updates the parameters from the gradients they have."""
        if self.gradient_clipping > 0:
            self.clip_grad()
        if self.is_implemented("custom_optimizer_step"):
            self.custom_optimizer_step(*args, **kwargs)
        else:
            self.optimizer.step()

    def gradient_accumulation_boundary(self) -> bool:
        """Whether the present step ends with an update."""
        return self.count % self.gas == 0

    def cache_states(self) -> None:
        """Remembers parameters, buffers and optimizer state. Roll-back does so by itself."""
        optimizer = None if self.optimizer is None else self.optimizer.state_dict()
        self._cached = deepcopy((self.module.state_dict(), optimizer))

    def recover_states(self, clean: bool = True) -> None:
        """Puts back what ``cache_states`` remembered, and forgets it if ``clean``.

        Raises:
            RuntimeError: Nothing is remembered.
        """
        if self._cached is None:
            raise RuntimeError(f"problem '{self.name}': recover_states before cache_states")
        module, optimizer = self._cached
        self.module.load_state_dict(module)
        if optimizer is not None:
            self.optimizer.load_state_dict(optimizer)
        if clean:
            self._cached = None
