"""Ways to choose what of a parameter is held at zero; `prune` has the functions that use them.

A pruned module has ``NAME_orig``, the parameter, and ``NAME_mask``, a buffer of ones and zeros;
``NAME`` is their product, made anew before each call.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any, ClassVar

from betty import _functions as F
from betty._creation import ones_like, rand
from betty._native import Tensor
from betty.nn.module import Module

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured",
]  # fmt: skip


class BasePruningMethod:
    """A way to choose what is pruned. A subclass defines ``compute_mask`` and says by
    ``PRUNING_TYPE`` what it is shown of a tensor that is pruned already: ``"unstructured"``, the
    elements left; ``"structured"``, the slices along its ``dim`` that have any; ``"global"``, all.
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
    """Methods that pruned one parameter, one after another."""

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


# How much, and along what.


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative "
            "integer"
        )


def _count(amount: Any, size: int) -> int:
    """How many of ``size`` an amount is."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return int(amount)


def _least_at_zero(mask: Tensor, scores: Tensor, count: int) -> Tensor:
    """A mask without the elements of the least scores."""
    flat = mask.clone().reshape(-1)
    flat[F.topk(scores.reshape(-1), count, largest=False)[1]] = 0
    return flat.reshape(mask.shape)


class _Sliced(BasePruningMethod):
    """Slices along a dimension, by a score for each."""

    PRUNING_TYPE = "structured"
    dim: int

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        amount, dim = self.amount, self.dim  # type: ignore[attr-defined]
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {tuple(t.shape)} with {t.ndim} dims"
            )
        if not -t.ndim <= dim < t.ndim:
            raise IndexError(f"Invalid index {dim} for tensor of size {tuple(t.shape)}")
        count = _count(amount, t.shape[dim])
        if not count:
            return default_mask
        scores = self._scores(t)
        kept = _least_at_zero(ones_like(scores), scores, count)
        shape = [1] * t.ndim
        shape[dim] = t.shape[dim]
        return default_mask * kept.reshape(shape).to(default_mask.dtype)


class _Single(BasePruningMethod):
    """Single elements, by a score for each."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        return _least_at_zero(default_mask, self._scores(t), count) if count else default_mask


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the module what a pruned one is."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(_Single):
    """Elements drawn at random; ``amount`` is a share (float) or a number (int) of those left."""

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.numel())


class L1Unstructured(_Single):
    """The elements nearest to 0; ``amount`` is a share (float) or a number (int) of those left."""

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()


class RandomStructured(_Sliced):
    """Slices along ``dim`` drawn at random; ``amount`` is a share or a number of those left."""

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.shape[self.dim])


class LnStructured(_Sliced):
    """The slices along ``dim`` of the least ``n``-norms; ``amount`` as above."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount, self.n, self.dim = amount, n, dim

    def _scores(self, t: Tensor) -> Tensor:
        others = [axis for axis in range(t.ndim) if axis != self.dim % t.ndim]
        return F.norm(t, p=self.n, dim=others)


class CustomFromMask(BasePruningMethod):
    """What a mask of the parameter's shape says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if tuple(self.mask.shape) != tuple(default_mask.shape):
            raise ValueError(
                f"the mask has shape {tuple(self.mask.shape)}, the parameter "
                f"{tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)
