"""Hooks on gradients: ``Tensor.register_hook``.

A hook is called when backward has the whole gradient of its tensor, and may give another in its
place. Where there are hooks, backward goes part by part, from one tensor with hooks to the next;
where there are none it is one operation, as always.

Invariant: a tensor that a recorded operation made keeps its hooks until its history is given up.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from betty import _native
from betty._native import Tensor
from betty.utils.hooks import RemovableHandle

__all__ = ["TensorHandle", "accumulated", "any_hooks", "hooked_in", "through_hooks"]

Hook = Callable[[Tensor], Any]
MOST = 4096

# By id of the tensor's object; the oldest first.
_entries: dict[int, _Entry] = {}


class _Entry:
    """The hooks of one tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.hooks: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}  # called with the tensor, once it has its gradient
        # What an operation made lives on in what follows from it, without this object.
        self._tensor: Any = lambda: tensor
        if type(tensor) is not Tensor:
            # A parameter may go, and its hooks with it.
            key = id(tensor)
            self._tensor = weakref.ref(tensor, lambda _: _entries.pop(key, None))

    @property
    def tensor(self) -> Tensor | None:
        return self._tensor()


class TensorHandle(RemovableHandle):
    """The handle of a hook on a tensor; a tensor without hooks is forgotten."""

    def __init__(self, tensor: Tensor, hook: Hook, after: bool = False) -> None:
        self._key = id(tensor)
        self._entry = _entries.setdefault(self._key, _Entry(tensor))
        held = self._entry.after if after else self._entry.hooks
        super().__init__(held)
        held[self.id] = hook

    def remove(self) -> None:
        """Takes the hook away; a second time does nothing."""
        super().remove()
        if self._entry.hooks or self._entry.after:
            return
        if _entries.get(self._key) is self._entry:
            del _entries[self._key]


def _register_hook(self: Tensor, hook: Hook) -> TensorHandle:
    """Has a function called with this tensor's gradient whenever backward has computed it.

    Args:
        hook: Takes the gradient; gives None, or the gradient that goes on in its place. It must not
            change its argument in place.

    Returns:
        A handle whose ``remove`` takes the hook away.

    Raises:
        RuntimeError: The tensor does not require grad.

    Example:
        >>> import betty
        >>> x = betty.tensor([1.0, 2.0], requires_grad=True)
        >>> h = x * x
        >>> handle = h.register_hook(lambda grad: grad * 10)
        >>> h.sum().backward()
        >>> x.grad
        tensor([20., 40.])
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if len(_entries) >= MOST:
        # Of graphs that nobody went back through.
        oldest = next(
            (k for k, e in _entries.items() if e.tensor is None or not e.tensor.is_leaf), None
        )
        _entries.pop(oldest, None)
    return TensorHandle(self, hook)


def _register_after(self: Tensor, hook: Hook) -> TensorHandle:
    """Has a function called with this leaf whenever ``backward`` has added to its ``grad``.

    Args:
        hook: Takes the tensor. It may use its gradient and drop it.

    Returns:
        A handle whose ``remove`` takes the hook away.

    Raises:
        RuntimeError: The tensor is no leaf, or does not require grad.

    Example:
        >>> import betty
        >>> x = betty.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
        >>> (x * x).sum().backward()
        tensor([2., 4.])
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not self.is_leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return TensorHandle(self, hook, after=True)


Tensor.register_hook = _register_hook  # type: ignore[method-assign]
Tensor.register_post_accumulate_grad_hook = _register_after


def accumulated(tensor: Tensor, gradient: Tensor, create_graph: bool) -> None:
    """Adds to a tensor's gradient, and calls who wants to know."""
    tensor._accumulate_grad(gradient, create_graph)
    entry = _entries.get(id(tensor))
    for hook in list(entry.after.values()) if entry is not None else ():
        hook(tensor)


def any_hooks() -> bool:
    """Whether a tensor has hooks."""
    return bool(_entries)


def hooked_in(outputs: Sequence[Tensor]) -> bool:
    """Whether a tensor with hooks has a part in what outputs were recorded from."""
    tensors = tuple(t for e in list(_entries.values()) if (t := e.tensor) is not None)
    found = _native.backward_order(tuple(outputs), tensors, 0) if tensors else []
    return any(position >= 0 for position in found)


def _called(tensor: Tensor, gradient: Tensor) -> Tensor:
    """What a tensor's hooks make of its gradient."""
    entry = _entries.get(id(tensor))
    for hook in list(entry.hooks.values()) if entry is not None else ():
        made = hook(gradient)
        if made is None:
            continue
        if not isinstance(made, Tensor):
            kind = type(made).__name__
            raise TypeError(f"expected a hook to return None or a tensor, got {kind}")
        if made.shape != gradient.shape or made.dtype != gradient.dtype:
            raise RuntimeError(
                f"hook: the gradient is {gradient.dtype}{list(gradient.shape)}, the hook gave "
                f"{made.dtype}{list(made.shape)}"
            )
        gradient = made
    return gradient


def _ones(output: Tensor) -> Tensor:
    return _native.operation("zeros_like")(output) + 1


def through_hooks(
    outputs: tuple[Tensor, ...],
    cotangents: tuple[Tensor | None, ...] | None,
    wanted: tuple[Tensor, ...] | None,
    keep: bool,
    create: bool,
) -> list[Tensor | None]:
    """Backward part by part. The gradients of ``wanted``; without, leaves get theirs added."""
    before = _native.grad_mode_set(create)
    try:
        return _by_parts(outputs, cotangents, wanted, keep, create)
    finally:
        _native.grad_mode_set(before)


def _by_parts(
    outputs: tuple[Tensor, ...],
    cotangents: tuple[Tensor | None, ...] | None,
    wanted: tuple[Tensor, ...] | None,
    keep: bool,
    create: bool,
) -> list[Tensor | None]:
    stops = {id(t): t for e in list(_entries.values()) if (t := e.tensor) is not None}
    asked = {id(t): t for t in wanted or ()}
    given = (*(t for key, t in stops.items() if key not in asked), *asked.values())
    stops |= asked
    places = _native.backward_order(outputs, given, -1 if wanted is None else len(asked))
    order = sorted((p, i) for i, p in enumerate(places) if p >= 0)[::-1]
    reached = tuple(given[i] for _, i in order)
    sums: dict[int, Tensor] = {}

    def part(outs: tuple, cots: tuple | None, ends: tuple[Tensor, ...]) -> None:
        made = _native.backward_part(outs, cots, ends, wanted is None, create)
        for end, gradient in zip(ends, made, strict=True):
            add(end, gradient)

    def add(tensor: Tensor, gradient: Tensor | None) -> None:
        if gradient is not None:
            known = sums.get(id(tensor))
            sums[id(tensor)] = gradient if known is None else known + gradient

    pairs = list(zip(outputs, cotangents or (None,) * len(outputs), strict=True))
    plain = [(o, c) for o, c in pairs if id(o) not in stops]
    for output, cotangent in pairs:
        if id(output) in stops:
            add(output, _ones(output) if cotangent is None else cotangent)
    if plain:
        part(tuple(o for o, _ in plain), tuple(c for _, c in plain), reached)
    for place, tensor in enumerate(reached):
        gradient = sums.get(id(tensor))
        if gradient is None:
            continue
        gradient = sums[id(tensor)] = _called(tensor, gradient)
        if not tensor.is_leaf:
            part((tensor,), (gradient,), reached[place + 1 :])
        elif wanted is None:
            accumulated(tensor, gradient, create)
    if not keep:
        _native.backward_end(outputs)
        for tensor in reached:
            if not tensor.is_leaf:
                _entries.pop(id(tensor), None)
    return [sums.get(id(tensor)) for tensor in wanted or ()]
