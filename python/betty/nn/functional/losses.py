"""Losses, reduced by "mean", "sum" or "none"."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from betty import _functions as ops
from betty._functions import cosine_similarity
from betty._native import Tensor, int32
from betty._warnings import warn

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_similarity",
    "cross_entropy",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(x - y)²; reduction "mean", which a weight of elements weighs, "sum" or "none"."""
    _warn_broadcast("mse_loss", input, target)
    reduction = old_reduction(size_average, reduce, reduction)
    if weight is not None:
        return _weighed("mse_loss", ops.mse_loss, input, target, weight, reduction)
    return ops.mse_loss(input, target, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|x - y|; reduction "mean", which a weight of elements weighs, "sum" or "none"."""
    _warn_broadcast("l1_loss", input, target)
    reduction = old_reduction(size_average, reduce, reduction)
    if weight is not None:
        return _weighed("l1_loss", ops.l1_loss, input, target, weight, reduction)
    return ops.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared below ``beta``, linear above."""
    _warn_broadcast("smooth_l1_loss", input, target)
    reduction = old_reduction(size_average, reduce, reduction)
    return ops.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared below ``delta``, linear above, without the division by delta."""
    _warn_broadcast("huber_loss", input, target)
    reduction = checked_reduction(reduction)
    if weight is not None:
        return _weighed("huber_loss", ops.huber_loss, input, target, weight, reduction, delta=delta)
    return ops.huber_loss(input, target, reduction=reduction, delta=delta)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax cross-entropy of logits [N, C] and class indices [N] (or probabilities [N, C])."""
    options = {"reduction": old_reduction(size_average, reduce, reduction)}
    if ignore_index != -100:
        options["ignore_index"] = ignore_index
    if label_smoothing:
        options["label_smoothing"] = label_smoothing
    try:
        _check_labels("cross_entropy", target)
        return ops.cross_entropy(input, target, weight, **options)
    except ValueError as error:
        raise _of_target(error, input, target) from None


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative of the log-probability [N, C] at each class index [N]."""
    options = {"reduction": old_reduction(size_average, reduce, reduction)}
    if ignore_index != -100:
        options["ignore_index"] = ignore_index
    try:
        _check_labels("nll_loss", target)
        return ops.nll_loss(input, target, weight, **options)
    except ValueError as error:
        raise _of_target(error, input, target) from None


def _check_labels(name: str, target: Tensor) -> None:
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}: target must be a Tensor, got {type(target).__name__}")
    if target.dtype is int32:
        raise RuntimeError(f"{name}: target must be int64 or uint8, got {target.dtype}")


def _of_target(error: ValueError, input: Tensor, target: Tensor) -> Exception:
    """The error in PyTorch's class: a ValueError where only the numbers of rows differ."""
    rows = input.shape[0] if input.dim() > 1 else 1
    differ = input.dim() > 0 and target.dim() > 0 and rows != target.shape[0]
    return error if differ else RuntimeError(str(error))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(y log x + (1 - y) log(1 - x)) of probabilities; logarithms are at least -100."""
    reduction = old_reduction(size_average, reduce, reduction)
    return ops.binary_cross_entropy(input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits, stable for large ones."""
    reduction = old_reduction(size_average, reduce, reduction)
    return ops.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, reduction=reduction
    )


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = old_reduction(size_average, reduce, reduction)
    return ops.hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input))."""
    reduction = old_reduction(size_average, reduce, reduction)
    return ops.soft_margin_loss(input, target, reduction=reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), where input holds log-probabilities."""
    if reduction == "batchmean":
        total = ops.kl_div(input, target, reduction="sum", log_target=log_target)
        return total / input.shape[0]
    reduction = old_reduction(size_average, reduce, reduction)
    if reduction == "mean":
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. "
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition."
        )
    return ops.kl_div(input, target, reduction=reduction, log_target=log_target)


def old_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """PyTorch's two old flags, where given, in the words of the new one."""
    if size_average is None and reduce is None:
        return checked_reduction(reduction)
    found = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead."
    )
    return found


def checked_reduction(reduction: str) -> str:
    """Refuses what is no way to reduce losses; gives the present name of an older one."""
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is now 'mean'", UserWarning, stacklevel=4)
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _weighed(
    name: str,
    loss: Callable[..., Tensor],
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    reduction: str,
    **options: float,
) -> Tensor:
    """A loss with a factor for each element; the mean is over the factors."""
    if tuple(weight.shape) != tuple(input.shape):
        raise ValueError(
            f"{name}: weight and input must have the same shape, got {list(weight.shape)} and "
            f"{list(input.shape)}"
        )
    losses = loss(input, target, reduction="none", **options) * weight
    if reduction == "none":
        return losses
    return losses.sum() / weight.sum() if reduction == "mean" else losses.sum()


def _warn_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: target size {tuple(target.shape)} is different from input size "
            f"{tuple(input.shape)}; they are broadcast, which is rarely meant",
            stacklevel=3,
        )
