"""Losses over alignments, bags of embeddings, bilinear forms and distances within a set."""

from __future__ import annotations

import math
from typing import Any

from betty import _creation, _types
from betty import _functions as ops
from betty._checks import is_readable
from betty._native import Tensor
from betty.nn.functional import tables
from betty.nn.functional.losses import checked_reduction

__all__ = ["bilinear", "ctc_loss", "embedding_bag", "pdist"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ W_k x2 + b_k for each k; inputs [..., in1] and [..., in2], weight [out, in1, in2]."""
    if weight.ndim != 3 or input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear: expected inputs [..., in1], [..., in2] and weight [out, in1, in2], got "
            f"{list(input1.shape)}, {list(input2.shape)} and {list(weight.shape)}"
        )
    if (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise RuntimeError(
            f"bilinear: inputs of widths {input1.shape[-1]} and {input2.shape[-1]} do not fit "
            f"weight {list(weight.shape)}"
        )
    left, right = input1.reshape(-1, weight.shape[1]), input2.reshape(-1, weight.shape[2])
    forms = ops.einsum((left, weight, right), "bi,oij,bj->bo")
    result = forms.reshape(*input1.shape[:-1], weight.shape[0])
    return result if bias is None else result + bias


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows [N, D]: N (N - 1) / 2 numbers."""
    return ops.pdist(input, p)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of the rows of ``weight`` that each bag of indices names.

    Args:
        input: Indices [bags, length], or one after another with ``offsets``.
        weight: The table [rows, width].
        offsets: Where each bag begins.
        max_norm: Rows that are named and longer are scaled down to it, in the table.
        norm_type: The norm that ``max_norm`` means.
        scale_grad_by_freq: Divides a row's gradient by how often it is named; not in mode "max".
        mode: "sum", "mean" or "max".
        sparse: Accepted for migration; gradients are dense.
        per_sample_weights: Factors of the rows, in mode "sum".
        include_last_offset: Whether the last offset is the end of the last bag.
        padding_idx: An index that counts for nothing.

    Raises:
        ValueError: Shapes or an option that do not fit.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None, takes mode='sum', got '{mode}'"
        )
    if scale_grad_by_freq and mode == "max":
        raise ValueError("embedding_bag: mode='max' does not take scale_grad_by_freq")
    bags, count = _bags(input, offsets, include_last_offset)
    flat = input.reshape(-1)
    if max_norm is not None:
        tables.shorten_rows(weight, flat, max_norm, norm_type)
    rows = ops.embedding(flat, weight)
    if scale_grad_by_freq:
        rows = tables.frequency_scaled(rows, flat, weight.shape[0])
    counted = _creation.ones(flat.shape, dtype=weight.dtype)
    if padding_idx is not None:
        counted = (flat != padding_idx % weight.shape[0]).to(weight.dtype)
    index = bags.unsqueeze(1).expand(-1, weight.shape[1])
    room = _creation.zeros(count, weight.shape[1], dtype=weight.dtype)
    if mode == "max":
        kept = ops.where(counted.unsqueeze(1) > 0, rows, -math.inf)
        largest = ops.scatter_reduce(room, 0, index, kept, "amax", include_self=False)
        return ops.where(ops.isinf(largest), 0.0, largest)
    factors = counted if per_sample_weights is None else counted * per_sample_weights.reshape(-1)
    total = ops.scatter_add(room, 0, index, rows * factors.unsqueeze(1))
    if mode == "sum":
        return total
    numbers = ops.scatter_add(_creation.zeros(count, dtype=weight.dtype), 0, bags, counted)
    return total / ops.clamp_min(numbers, 1).unsqueeze(1)


def _bags(input: Tensor, offsets: Tensor | None, include_last: bool) -> tuple[Tensor, int]:
    """The bag of each index, and how many there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag: if input is 2D, offsets has to be None")
        count, length = input.shape
        return ops.repeat_interleave(_creation.arange(count), length), count
    if input.ndim != 1:
        raise ValueError(f"embedding_bag: input has to be 1D or 2D, got {input.ndim}D")
    if offsets is None or offsets.ndim != 1:
        raise ValueError("embedding_bag: 1D input takes 1D offsets")
    starts = offsets[:-1] if include_last else offsets
    places = _creation.arange(input.shape[0])
    return ops.searchsorted(starts, places, right=True) - 1, starts.shape[0]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log of the probability of all alignments (Graves et al., ICML 2006).

    Args:
        log_probs: [T, N, C] or [T, C], logarithms of probabilities.
        targets: Labels [N, S], or those of all samples one after another.
        input_lengths: Steps of each sample.
        target_lengths: Labels of each sample.
        blank: The label that stands for none.
        reduction: "none", "sum", or "mean" of losses divided by their target's length.
        zero_infinity: Whether a sample without an alignment counts as zero.

    Raises:
        RuntimeError: Lengths that do not fit, or labels that there are not.
    """
    checked_reduction(reduction)
    single = log_probs.ndim == 2
    steps = log_probs.unsqueeze(1) if single else log_probs
    lengths = [_lengths(given) for given in (input_lengths, target_lengths)]
    count = steps.shape[1]
    if any(len(given) != count for given in lengths):
        raise RuntimeError(f"ctc_loss: lengths must have {count} entries")
    if max(lengths[0], default=0) > steps.shape[0]:
        raise RuntimeError(
            f"ctc_loss: input_lengths must be at most {steps.shape[0]}, got {max(lengths[0])}"
        )
    if not 0 <= blank < steps.shape[2]:
        raise RuntimeError("ctc_loss: blank must be in label range")
    labels = _padded(targets, lengths[1], count)
    if is_readable() and bool(((labels < 0) | (labels >= steps.shape[2])).any()):
        raise RuntimeError(f"ctc_loss: a target is not in [0, {steps.shape[2] - 1}]")
    losses = _alignments(steps, labels, lengths, blank)
    if zero_infinity:
        losses = ops.where(ops.isinf(losses), 0.0, losses)
    if reduction == "mean":
        divisors = _creation.tensor([max(length, 1) for length in lengths[1]], dtype=losses.dtype)
        return (losses / divisors).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses


def _lengths(given: Any) -> list[int]:
    values = given.tolist() if isinstance(given, Tensor) else given
    return [int(v) for v in values] if isinstance(values, (list, tuple)) else [int(values)]


def _padded(targets: Tensor, lengths: list[int], count: int) -> Tensor:
    """Targets as [N, S], zeros behind those of each sample."""
    if targets.ndim == 2:
        ends = _creation.tensor(lengths).unsqueeze(1)
        return ops.where(_creation.arange(targets.shape[1]) < ends, targets.long(), 0)
    if sum(lengths) != targets.shape[0] and count > 1:
        raise RuntimeError(
            f"ctc_loss: targets have {targets.shape[0]} labels, target_lengths say {sum(lengths)}"
        )
    rows, first = [], 0
    for length in lengths:
        row = targets[first : first + length].long()
        rows.append(ops.cat([row, _creation.zeros(max(lengths) - length, dtype=_types.int64)]))
        first += length
    return ops.stack(rows)


def _alignments(steps: Tensor, labels: Tensor, lengths: list[list[int]], blank: int) -> Tensor:
    """Losses [N] by the forward recursion over states blank, label, blank, label, ..., blank."""
    count, width = labels.shape
    # Labels of the states [N, 2 S + 1].
    states = ops.stack([ops.full_like(labels, blank), labels], 2).flatten(1)
    states = ops.cat([states, _creation.full((count, 1), blank)], 1)
    total = 2 * width + 1
    # A label may be reached from two states before unless it is the same label or a blank.
    jumps = ops.logical_and(states[:, 2:] != blank, states[:, 2:] != states[:, :-2])
    jumps = ops.cat([_creation.zeros(count, min(2, total), dtype=_types.bool), jumps], 1)
    lowest = _creation.full((count, 1), -math.inf, dtype=steps.dtype)
    emitted = ops.gather(steps, 2, states.unsqueeze(0).expand(steps.shape[0], -1, -1))
    start = ops.where(_creation.arange(total) < 2, emitted[0], -math.inf)
    alpha, found = start, []
    ends = [_creation.tensor([[2 * n - back] for n in lengths[1]]) for back in (0, 1)]
    for step in range(steps.shape[0]):
        if step:
            one = ops.cat([lowest, alpha[:, :-1]], 1)
            two = ops.cat([lowest, lowest, alpha[:, :-2]], 1)[:, :total]
            two = ops.where(jumps, two, -math.inf)
            alpha = _logsumexp(ops.stack([alpha, one, two])) + emitted[step]
        last = ops.gather(alpha, 1, ends[0])
        before = ops.gather(alpha, 1, ops.clamp_min(ends[1], 0))
        before = ops.where(ends[1] < 0, -math.inf, before)
        found.append(_logsumexp(ops.cat([last, before], 1).transpose(0, 1)))
    index = _creation.tensor([[max(length - 1, 0) for length in lengths[0]]])
    return -ops.gather(ops.stack(found), 0, index).squeeze(0)


def _logsumexp(x: Tensor) -> Tensor:
    """Over the first axis; minus infinity everywhere gives minus infinity and no gradient."""
    top = ops.amax(x.detach(), 0)
    safe = ops.where(ops.isinf(top), 0.0, top)
    total = ops.exp(x - safe).sum(0)
    empty = total == 0
    return ops.where(empty, -math.inf, ops.log(ops.where(empty, 1.0, total)) + safe)
