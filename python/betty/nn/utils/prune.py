"""Parts of parameters held at zero, under the names of `torch.nn.utils.prune`.

A pruned module has ``NAME_orig``, the parameter, and ``NAME_mask``, a buffer of ones and zeros;
``NAME`` is their product, made anew before each call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty import _functions as F
from betty._creation import ones_like
from betty._native import Tensor
from betty.nn.module import Module
from betty.nn.utils import prune_methods
from betty.nn.utils.prune_choices import (
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    RandomStructured,
    RandomUnstructured,
)
from betty.nn.utils.prune_methods import BasePruningMethod, PruningContainer

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def identity(module: Module, name: str) -> Module:
    """Makes a module what a pruned one is, with a mask of ones.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = prune.identity(betty.nn.Linear(2, 1), "weight")
        >>> layer.weight_mask
        tensor([[1., 1.]])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prunes elements drawn at random.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.
        amount: A share (float) or a number (int) of what is not pruned yet.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: ``amount`` is out of range.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = prune.random_unstructured(betty.nn.Linear(4, 2), "weight", amount=3)
        >>> layer.weight_mask.sum(), int((layer.weight == 0).sum())
        (tensor(5.), 3)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Tensor | None = None
) -> Module:
    """Prunes the elements nearest to 0.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.
        amount: A share (float) or a number (int) of what is not pruned yet.
        importance_scores: Of the parameter's shape, in the place of its values.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: ``amount`` is out of range, or the scores are of another shape.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = betty.nn.Linear(3, 1)
        >>> layer.weight.data = betty.tensor([[1.0, -0.5, 2.0]])
        >>> prune.l1_unstructured(layer, "weight", amount=1).weight.detach()
        tensor([[1., -0., 2.]])
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'weight_orig']
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prunes slices along a dimension, drawn at random.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.
        amount: A share (float) or a number (int) of the slices that are not pruned yet.
        dim: The dimension.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: ``amount`` is out of range, or the parameter has no two dimensions.
        IndexError: There is no such dimension.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = prune.random_structured(betty.nn.Linear(3, 4), "weight", amount=0.5, dim=0)
        >>> int((layer.weight_mask.sum(1) == 0).sum())
        2
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Module:
    """Prunes the slices along a dimension whose norms are the least.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.
        amount: A share (float) or a number (int) of the slices that are not pruned yet.
        n: The norm, as in ``betty.norm``.
        dim: The dimension.
        importance_scores: Of the parameter's shape, in the place of its values.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: ``amount`` is out of range, or the parameter has no two dimensions.
        IndexError: There is no such dimension.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = betty.nn.Linear(2, 2)
        >>> layer.weight.data = betty.tensor([[3.0, 4.0], [1.0, 1.0]])
        >>> prune.ln_structured(layer, "weight", amount=1, n=2, dim=0).weight.detach()
        tensor([[3., 4.],
                [0., 0.]])
    """
    LnStructured.apply(
        module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores
    )
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prunes where a mask is 0.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.
        mask: Ones and zeros of the parameter's shape.

    Raises:
        ValueError: The mask is of another shape.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = betty.nn.Linear(1, 2)
        >>> prune.custom_from_mask(layer, "bias", betty.tensor([0, 1])).bias[0].item() == 0
        True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prunes several parameters as if they were one.

    Args:
        parameters: Pairs of a module and the name of its parameter.
        pruning_method: One of the unstructured classes.
        importance_scores: By pair, in the place of the parameters' values.
        **kwargs: What the class takes: ``amount``, of the elements of all.

    Raises:
        TypeError: The pairs are none, the scores no dict, or the class is not unstructured.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> a, b = betty.nn.Linear(2, 2), betty.nn.Linear(2, 1)
        >>> pairs = [(a, "weight"), (b, "weight")]
        >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=2)
        >>> int(a.weight_mask.sum() + b.weight_mask.sum())
        4
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, given = list(parameters), importance_scores or {}
    scores, masks = [], []
    for module, name in pairs:
        value = getattr(module, name).detach()
        scores.append(given.get((module, name), value).detach())
        masks.append(getattr(module, f"{name}_mask", None))
        if tuple(scores[-1].shape) != tuple(value.shape):
            raise ValueError(f"importance_scores of '{name}' have shape {tuple(scores[-1].shape)}")
        if masks[-1] is None:
            masks[-1] = ones_like(value)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    joined, mask = (F.cat([x.reshape(-1) for x in parts]) for parts in (scores, masks))
    mask, first = prune_methods.narrowed(method, joined, mask), 0
    for (module, name), part in zip(pairs, masks, strict=True):
        own = mask[first : first + part.numel()].reshape(part.shape)
        first += part.numel()
        custom_from_mask(module, name, own)


def remove(module: Module, name: str) -> Module:
    """Makes what is left of a pruned parameter the parameter itself.

    Args:
        module: Has the parameter; it is changed and returned.
        name: The parameter's name.

    Raises:
        ValueError: The parameter is not pruned.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = prune.l1_unstructured(betty.nn.Linear(2, 1), "weight", amount=1)
        >>> sorted(prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    method = prune_methods.method_of(module, name)
    if method is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method.remove(module)
    prune_methods.drop_hook(module, name)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of a module, or of one below it, is pruned.

    Example:
        >>> import betty
        >>> from betty.nn.utils import prune
        >>> layer = betty.nn.Linear(2, 1)
        >>> prune.is_pruned(layer), prune.is_pruned(prune.identity(layer, "bias"))
        (False, True)
    """
    hooks = (hook for part in module.modules() for hook in part._forward_pre_hooks.values())
    return any(isinstance(hook.call, BasePruningMethod) for hook in hooks)
