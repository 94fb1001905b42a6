"""Functions that run before and after a module's forward, and around its state.

Invariant: a module without hooks has no tables of its own: calling it costs one look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from betty.nn._backward_hooks import BackwardCall
from betty.utils.hooks import RemovableHandle, register

__all__ = ["Hooked"]


class _Hook(NamedTuple):
    call: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Hooked:
    """The part of a module that keeps hooks and calls them."""

    forward: Callable[..., Any]
    _forward_pre_hooks: OrderedDict[int, _Hook] = OrderedDict()
    _forward_hooks: OrderedDict[int, _Hook] = OrderedDict()
    _backward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _backward_hooks: OrderedDict[int, Any] = OrderedDict()
    _state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _state_dict_hooks: OrderedDict[int, Any] = OrderedDict()
    _load_state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
    _load_state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks or self._is_watched:
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs)

    #: Whether the module has hooks on gradients.
    _is_watched = False

    def _call_hooked(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        result, after = None, list(self._forward_hooks.values())
        try:
            args, kwargs = self._before(args, kwargs)
            result = self._forward_watched(args, kwargs)
            while after:
                result = self._after(after.pop(0), args, kwargs, result)
        except Exception:
            for hook in after:
                if hook.always:
                    self._after(hook, args, kwargs, result)
            raise
        return result

    def _forward_watched(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Forward, with the hooks on gradients set if there are any."""
        before, after = self._backward_pre_hooks.values(), self._backward_hooks.values()
        if not before and not after:
            return self.forward(*args, **kwargs)
        call = BackwardCall(self, list(before), list(after))
        return call.leaving(self.forward(*call.entering(args), **kwargs))

    def _before(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        for hook in list(self._forward_pre_hooks.values()):
            if not hook.with_kwargs:
                changed = hook.call(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
                continue
            changed = hook.call(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {type(changed).__name__}"
                )
            args, kwargs = changed
        return args, kwargs

    def _after(self, hook: _Hook, args: tuple, kwargs: dict[str, Any], result: Any) -> Any:
        given = (args, kwargs, result) if hook.with_kwargs else (args, result)
        changed = hook.call(self, *given)
        return result if changed is None else changed

    def _table(self, name: str) -> OrderedDict[int, Any]:
        """This module's own table of hooks."""
        if name not in self.__dict__:
            object.__setattr__(self, name, OrderedDict())
        return self.__dict__[name]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before every forward; what it returns replaces the inputs.

        Args:
            hook: The function; with ``with_kwargs`` it gets ``(module, args, kwargs)`` and returns
                both or None.
            prepend: Whether it goes before the hooks that are there.
            with_kwargs: Whether it sees keyword arguments.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        return register(self._table("_forward_pre_hooks"), _Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after every forward; a result replaces the output.

        Args:
            hook: The function; with ``with_kwargs`` it gets ``(module, args, kwargs, output)``.
            prepend: Whether it goes before the hooks that are there.
            with_kwargs: Whether it sees keyword arguments.
            always_call: Whether it is called even if forward raises.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        Example:
            >>> import betty
            >>> layer, seen = betty.nn.Linear(2, 3), []
            >>> handle = layer.register_forward_hook(lambda m, args, out: seen.append(out.shape))
            >>> _ = layer(betty.zeros(4, 2))
            >>> handle.remove()
            >>> _ = layer(betty.zeros(4, 2))
            >>> seen
            [betty.Size([4, 3])]
        """
        entry = _Hook(hook, with_kwargs, always_call)
        return register(self._table("_forward_hooks"), entry, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when gradients of the inputs are known.

        Args:
            hook: Gets tuples with a gradient for each positional argument and for each output, None
                for what needs none; what it returns replaces ``grad_input``.
            prepend: Whether it goes before the hooks that are there.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        object.__setattr__(self, "_is_watched", True)
        return register(self._table("_backward_hooks"), hook, prepend)

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` when gradients of the outputs are known; what it
        returns replaces them."""
        object.__setattr__(self, "_is_watched", True)
        return register(self._table("_backward_pre_hooks"), hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before state_dict collects the state."""
        return register(self._table("_state_dict_pre_hooks"), hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` on what state_dict gives."""
        return register(self._table("_state_dict_hooks"), hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before values are loaded; it may change the dict."""
        return register(self._table("_load_state_dict_pre_hooks"), hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self.register_load_state_dict_pre_hook(lambda module, *rest: hook(*rest))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after values are loaded."""
        return register(self._table("_load_state_dict_post_hooks"), hook)
