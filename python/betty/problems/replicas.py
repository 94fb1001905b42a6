"""Data parallelism as ``training_step`` sees it: a part of the batch, once for each replica.

The engine splits the tensors of a batch and joins the losses; here the parts are put back into the
structure that the batch had, and what the replicas returned beside the loss becomes one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from betty._functions import cat
from betty._native import Tensor

__all__ = ["merged", "refilled"]


def refilled(batch: Any, parts: Iterator[Tensor]) -> Any:
    """The batch with its tensors, in the order of ``flatten``, replaced; the rest stays."""
    if isinstance(batch, Tensor):
        return next(parts)
    if isinstance(batch, dict):
        return {key: refilled(value, parts) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*[refilled(value, parts) for value in batch])
    if isinstance(batch, (tuple, list)):
        return type(batch)([refilled(value, parts) for value in batch])
    return batch


def merged(records: list[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
    """What a step returned, from the share of the rows and the record of each replica.

    Numbers and tensors of one element become their mean, weighted by rows; tensors with rows are
    put together; anything else is the first replica's.
    """
    if len(records) == 1:
        return records[0][1]
    return {key: _one(key, value, records) for key, value in records[0][1].items()}


def _one(key: str, first: Any, records: list[tuple[float, dict[str, Any]]]) -> Any:
    values = [record.get(key) for _, record in records]
    if isinstance(first, Tensor) and all(isinstance(value, Tensor) for value in values):
        if all(value.numel() == 1 for value in values) and first.dim() == 0:
            return sum(
                (value * share for (share, _), value in zip(records, values, strict=True)), 0.0
            )
        return cat(values) if first.dim() > 0 else first
    if isinstance(first, float) and all(isinstance(value, float) for value in values):
        return sum(share * value for (share, _), value in zip(records, values, strict=True))
    return first
