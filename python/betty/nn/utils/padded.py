"""Sequences of different lengths as one tensor, filled up to the longest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from betty import _creation
from betty import _functions as F
from betty._native import Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences [L, ...] stacked and filled up to the longest: [T, B, ...], or [B, T, ...].

    Raises:
        RuntimeError: No sequences, or of different trailing shapes.

    Example:
        >>> import betty
        >>> rows = [betty.tensor([1, 2]), betty.tensor([3])]
        >>> betty.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"padding_side must be 'left' or 'right', got '{padding_side}'")
    given = list(sequences)
    if not given:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    longest = max(x.shape[0] for x in given)
    padded = []
    for x in given:
        missing = longest - x.shape[0]
        if missing:
            filler = _creation.full((missing, *x.shape[1:]), padding_value, dtype=x.dtype)
            x = F.cat([x, filler] if padding_side == "right" else [filler, x])
        padded.append(x)
    return F.stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor, each cut to its length."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [row[:size] for row, size in zip(rows, sizes, strict=True)]
