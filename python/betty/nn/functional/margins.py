"""Losses of distances and margins, and of distributions given by their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

from betty import _functions as ops
from betty._checks import is_readable
from betty._native import Tensor
from betty.nn.functional.losses import (
    binary_cross_entropy_with_logits,
    checked_reduction,
    old_reduction,
)

__all__ = [
    "cosine_embedding_loss",
    "gaussian_nll_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "pairwise_distance",
    "poisson_nll_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    if checked_reduction(reduction) == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _old(losses: Tensor, average: bool | None, reduce: bool | None, reduction: str) -> Tensor:
    return _reduced(losses, old_reduction(average, reduce, reduction))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1; [N, D] or [D]."""
    if input1.dim() != target.dim() + 1 or target.dim() > 1 or input1.shape != input2.shape:
        raise RuntimeError(
            f"cosine_embedding_loss: a target of {target.dim()} dimensions takes inputs of "
            f"{target.dim() + 1}, got {tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    # The guard of the square roots is that of PyTorch's loss, not of its cosine_similarity.
    squares = (input1 * input1).sum(-1) + 1e-12, (input2 * input2).sum(-1) + 1e-12
    cosine = (input1 * input2).sum(-1) / (squares[0] * squares[1]).sqrt()
    apart = (cosine - margin).clamp(min=0)
    losses = ops.where(target == 1, 1 - cosine, ops.where(target == -1, apart, cosine * 0))
    return _old(losses, size_average, reduce, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target (input1 - input2) + margin)."""
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            "margin_ranking_loss: inputs and target need equal dimensions, got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    losses = (-target * (input1 - input2) + margin).clamp(min=0)
    return _old(losses, size_average, reduce, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ_j≠y max(0, margin - x[y] + x[j])^p / C of scores [N, C] or [C] and labels."""
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 are supported, got {p}")
    rows = input if input.dim() == 2 else input.unsqueeze(0)
    labels = target.reshape(-1, 1)
    if labels.shape[0] != rows.shape[0]:
        raise RuntimeError(
            f"multi_margin_loss: got scores {tuple(input.shape)} and labels {tuple(target.shape)}"
        )
    if is_readable() and bool(((labels < 0) | (labels >= rows.shape[1])).any()):
        raise RuntimeError(f"multi_margin_loss: a label is not in [0, {rows.shape[1] - 1}]")
    parts = (margin - rows.gather(1, labels) + rows).clamp(min=0)
    parts = parts if p == 1 else parts * parts
    if weight is not None:
        if tuple(weight.shape) != (rows.shape[1],):
            raise RuntimeError(
                f"multi_margin_loss: weight must have {rows.shape[1]} numbers, one a class, "
                f"got shape {tuple(weight.shape)}"
            )
        parts = parts * weight[labels.reshape(-1)].unsqueeze(1)
    others = ops.one_hot(labels.reshape(-1), num_classes=rows.shape[1]) == 0
    losses = (parts * others).sum(1) / rows.shape[1]
    return _old(losses.reshape(target.shape), size_average, reduce, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, 1 - x[y] + x[j]) / C over labels y (up to the first -1) and the classes besides."""
    if input.shape != target.shape or input.dim() not in (1, 2):
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target {tuple(target.shape)} for input "
            f"{tuple(input.shape)}"
        )
    rows = input.reshape(-1, input.shape[-1])
    labels = target.reshape(-1, input.shape[-1])
    counted = (labels < 0).long().cumsum(1) == 0
    safe = ops.where(counted, labels, ops.zeros_like(labels))
    hits = ops.zeros_like(rows).scatter_add(1, safe, counted.to(rows.dtype)) > 0
    gaps = (1 - rows.gather(1, safe).unsqueeze(2) + rows.unsqueeze(1)).clamp(min=0)
    pairs = counted.unsqueeze(2).logical_and(hits.logical_not().unsqueeze(1))
    losses = (gaps * pairs).sum((1, 2)) / rows.shape[1]
    return _old(losses.reshape(input.shape[:-1]), size_average, reduce, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropies of logits [..., C], averaged over the classes."""
    losses = binary_cross_entropy_with_logits(input, target, reduction="none")
    losses = losses if weight is None else losses * weight
    return _old(losses.mean(-1), size_average, reduce, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log of Poisson(target; rate), without log target! unless ``full`` (then by Stirling)."""
    rate, logarithm = (input.exp(), input) if log_input else (input, (input + eps).log())
    losses = rate - target * logarithm
    if full:
        large = target > 1
        safe = ops.where(large, target, ops.ones_like(target))
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        losses = losses + ops.where(large, stirling, ops.zeros_like(stirling))
    return _old(losses, size_average, reduce, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2; ``var`` is at least ``eps``, without a gradient."""
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError(f"var has negative entry/entries, got {var}")
        var = ops.full_like(input, var)
    elif var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif input.shape[:-1] != var.shape[:-1] or var.shape[-1] != 1:
            raise ValueError(
                f"var is of incorrect size, got {tuple(var.shape)} for {tuple(input.shape)}"
            )
    if is_readable() and bool((var < 0).any()):
        raise ValueError("gaussian_nll_loss: var has negative entry/entries")
    # The bound passes the gradient of what it replaces.
    bounded = ops.where(var < eps, var - var.detach() + eps, var)
    losses = 0.5 * (bounded.log() + (input - target) ** 2 / bounded)
    losses = losses + 0.5 * math.log(2 * math.pi) if full else losses
    return _reduced(losses, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with p-norms as distances."""
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=old_reduction(size_average, reduce, reduction),
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """The triplet loss with a distance of one's own; ``swap`` takes the nearer negative pair."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return _reduced((near - far + margin).clamp(min=0), reduction)
