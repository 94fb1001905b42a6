"""Functions that run around an optimizer's steps and its state.

A problem of an engine takes its steps as one program, without calling ``step``.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from betty.utils.hooks import RemovableHandle, register

__all__ = ["Hooked"]


class Hooked:
    """The part of an optimizer that keeps hooks; one without any has no tables of its own."""

    _step_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _step_post_hooks: OrderedDict[int, Any] = OrderedDict()
    _state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()
    _load_state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _load_state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()
    _is_watched = False

    def _hook(self, name: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        return register(self.__dict__.setdefault(name, OrderedDict()), hook, prepend)

    def _watch_steps(self) -> None:
        """Lets `step`, whichever class defines it, call the hooks."""
        if self._is_watched:
            return
        self._is_watched = True
        step = self.step  # type: ignore[attr-defined]

        @functools.wraps(step)
        def watched(*args: Any, **kwargs: Any) -> Any:
            for hook in list(self._step_pre_hooks.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not isinstance(changed, tuple) or len(changed) != 2:
                        raise RuntimeError(
                            f"{type(self).__name__}: a hook before a step gives None or "
                            f"(args, kwargs), got {type(changed).__name__}"
                        )
                    args, kwargs = changed
            result = step(*args, **kwargs)
            for hook in list(self._step_post_hooks.values()):
                hook(self, args, kwargs)
            return result

        self.step = watched

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before each step; what it returns replaces both.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        self._watch_steps()
        return self._hook("_step_pre_hooks", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        Example:
            >>> import betty
            >>> w, seen = betty.nn.Parameter(betty.ones(1)), []
            >>> optimizer = betty.optim.SGD([w], lr=0.1)
            >>> handle = optimizer.register_step_post_hook(lambda *_: seen.append("stepped"))
            >>> optimizer.step()
            >>> seen
            ['stepped']
        """
        self._watch_steps()
        return self._hook("_step_post_hooks", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(optimizer)`` before ``state_dict``."""
        return self._hook("_state_dict_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` after it; what it returns replaces the state."""
        return self._hook("_state_dict_post_hooks", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` before a state is loaded; what it returns replaces
        the state."""
        return self._hook("_load_state_dict_pre_hooks", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after a state is loaded."""
        return self._hook("_load_state_dict_post_hooks", hook, prepend)
