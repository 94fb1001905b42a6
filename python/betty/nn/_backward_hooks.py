"""Hooks of modules on gradients, made of hooks of tensors.

Inputs and outputs of a hooked module are seen through identities of their own, so that their
gradients are those of this call alone. A module whose inputs need no gradient has its hooks called
with the gradients of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _native
from betty._native import Tensor
from betty._trees import leaves_of, rebuild

__all__ = ["BackwardCall"]


def _own(x: Any) -> Any:
    """The same tensor as another node of the recording."""
    return x.view_as(x) if isinstance(x, Tensor) and x.requires_grad else x


class BackwardCall:
    """One call of a module: its gradients as they come in, and the hooks that wait for them."""

    def __init__(self, module: Any, before: list[Callable], after: list[Callable]) -> None:
        self._module = module
        self._before, self._after = before, after
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._missing: set[int] = set()

    def entering(self, args: tuple) -> tuple:
        """The arguments that forward gets."""
        if not _native.grad_mode_get():
            return args
        seen = tuple(map(_own, args))
        self._inputs = [None] * len(seen)
        for place, x in enumerate(seen):
            if isinstance(x, Tensor) and x.requires_grad:
                self._missing.add(place)
                x.register_hook(lambda gradient, place=place: self._input(place, gradient))
        return seen

    def leaving(self, result: Any) -> Any:
        """The result that the caller gets."""
        leaves = leaves_of(result)
        seen = [_own(x) for x in leaves]
        self._outputs = [None] * len(seen)
        waiting = [i for i, x in enumerate(seen) if isinstance(x, Tensor) and x.requires_grad]
        for place in waiting:
            is_last = place == waiting[0]
            seen[place].register_hook(
                lambda gradient, place=place, is_last=is_last: self._output(
                    place, gradient, is_last
                )
            )
        return rebuild(result, iter(seen))

    def _output(self, place: int, gradient: Tensor, is_last: bool) -> Tensor | None:
        self._outputs[place] = gradient
        changed = None
        for hook in self._before:
            found = hook(self._module, tuple(self._outputs))
            if found is not None:
                given = found if isinstance(found, tuple) else (found,)
                changed = self._outputs[place] = given[place]
        if not self._missing and is_last:
            for hook in self._after:
                hook(self._module, tuple(self._inputs), tuple(self._outputs))
        return changed

    def _input(self, place: int, gradient: Tensor) -> Tensor | None:
        self._inputs[place] = gradient
        self._missing.discard(place)
        if self._missing:
            return None
        wanted = [x is not None for x in self._inputs]
        changed = None
        for hook in self._after:
            found = hook(self._module, tuple(self._inputs), tuple(self._outputs))
            if found is None:
                continue
            given = found if isinstance(found, tuple) else (found,)
            if sum(wanted) > 1:
                raise RuntimeError(
                    "full_backward_hook: gradients can be replaced for modules of one input that "
                    f"needs a gradient, this call has {sum(wanted)}"
                )
            changed = self._inputs[place] = given[place]
        return changed
