"""What holds parts of a parameter at zero; `prune_choices` has the ways to choose them.

A pruned module has ``NAME_orig``, the parameter, and ``NAME_mask``, a buffer of ones and zeros;
``NAME`` is their product, made anew before each call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from betty._creation import ones_like
from betty._native import Tensor
from betty.nn.module import Module

__all__ = ["BasePruningMethod", "PruningContainer"]


class BasePruningMethod:
    """A way to choose what is pruned. A subclass defines ``compute_mask`` and says by
    ``PRUNING_TYPE`` what it is shown of a tensor that is pruned already: ``"unstructured"``, the
    elements left; ``"structured"``, the slices along its ``dim`` that have any; ``"global"``, all.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> class Negative(prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         return default_mask * (t > 0)
        >>> layer = betty.nn.Linear(2, 1)
        >>> layer.weight.data = betty.tensor([[3.0, -4.0]])
        >>> method = Negative.apply(layer, "weight")
        >>> layer.weight_mask
        tensor([[1., 0.]])
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor of scores, at most ``default_mask``; of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute_mask")

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        name = self._tensor_name
        mask, original = getattr(module, f"{name}_mask"), getattr(module, f"{name}_orig")
        return mask.to(original.dtype) * original

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """A tensor with what is pruned of it at zero; mask and scores are of its shape."""
        scores = t if importance_scores is None else importance_scores
        _check_scores(scores, t)
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), mask)

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prunes a parameter of a module, or more of one; other arguments are the class's own."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        return _apply(module, name, method, importance_scores)

    def remove(self, module: Module) -> None:
        """Makes what is left the parameter itself; the hook stays: see ``prune.remove``."""
        name = self._tensor_name
        value = self.apply_mask(module).detach()
        original = module._parameters[f"{name}_orig"]
        original.data.copy_(value)
        for held in (name, f"{name}_orig", f"{name}_mask"):
            delattr(module, held)
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Methods that pruned one parameter, one after another: what its second pruning makes of them.

    Raises:
        TypeError: What is added is no method.
        ValueError: It is of another parameter.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = prune.l1_unstructured(betty.nn.Linear(4, 2), "weight", amount=2)
        >>> len(prune.L1Unstructured.apply(layer, "weight", 1)), layer.weight_mask.sum()
        (2, tensor(5.))
    """

    PRUNING_TYPE = "global"

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in args:
            self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Adds a method for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: Any) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What the last method leaves of what the others left."""
        return narrowed(self._pruning_methods[-1], t, default_mask)


def _apply(
    module: Module, name: str, method: BasePruningMethod, scores: Tensor | None
) -> BasePruningMethod:
    before = method_of(module, name)
    fresh = before is None
    original = getattr(module, name) if fresh else getattr(module, f"{name}_orig")
    if scores is not None:
        _check_scores(scores, original)
    mask = ones_like(original.detach()) if fresh else getattr(module, f"{name}_mask")
    # The mask comes first: one that cannot be made leaves the module as it is.
    shown = (getattr(module, name) if scores is None else scores).detach()
    mask = narrowed(method, shown, mask.detach()) if not fresh else method.compute_mask(shown, mask)
    if fresh:
        del module._parameters[name]
        module.register_parameter(f"{name}_orig", original)
    else:
        drop_hook(module, name)
        if not isinstance(before, PruningContainer):
            before = PruningContainer(before)  # type: ignore[arg-type]
        before.add_pruning_method(method)
        method = before
    module.register_buffer(f"{name}_mask", mask.to(original.dtype))
    setattr(module, name, method.apply_mask(module))
    module.register_forward_pre_hook(method)
    return method


def narrowed(method: BasePruningMethod, t: Tensor, mask: Tensor) -> Tensor:
    """The mask once a method has pruned what a mask has left, as far as its type shows it."""
    if method.PRUNING_TYPE == "global":
        return method.compute_mask(t, mask)
    if method.PRUNING_TYPE == "unstructured":
        left: Any = mask == 1
    elif method.PRUNING_TYPE == "structured":
        axis = method.dim % t.ndim  # type: ignore[attr-defined]
        others = [place for place in range(t.ndim) if place != axis]
        alive = (mask != 0).sum(others).nonzero().reshape(-1)
        left = (*(slice(None) for _ in range(axis)), alive)
    else:
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    narrowed = mask.clone()
    narrowed[left] = method.compute_mask(t[left], mask[left]).to(mask.dtype)
    return narrowed


def method_of(module: Module, name: str) -> BasePruningMethod | None:
    for hook in module._forward_pre_hooks.values():
        method = hook.call
        if isinstance(method, BasePruningMethod) and method._tensor_name == name:
            return method
    return None


def drop_hook(module: Module, name: str) -> None:
    method = method_of(module, name)
    for key, hook in list(module._forward_pre_hooks.items()):
        if hook.call is method:
            del module._forward_pre_hooks[key]


def _check_scores(scores: Tensor, t: Tensor) -> None:
    if tuple(scores.shape) != tuple(t.shape):
        raise ValueError(
            "importance_scores should have the same shape as parameter, got "
            f"{tuple(scores.shape)} and {tuple(t.shape)}"
        )
