"""Batches of sequences of different lengths, packed step by step: a row for each element there is.

A packed batch remembers the padded tensor that it came from, and a recurrent layer works on that,
with the lengths as data: batches whose longest sequences are alike are one program. The rows are
recorded, and computed only where a program reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from betty import _creation, _native, _overloads
from betty import _functions as F
from betty._native import Tensor
from betty.nn.utils.padded import pad_sequence, unpad_sequence

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "unpack_sequence",
]  # fmt: skip


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Rows of all sequences, step by step, the longest sequence first.

    Args:
        data: Rows [sum of lengths, ...].
        batch_sizes: How many sequences each step still has.
        sorted_indices: The place in the batch of each sequence, in this order.
        unsorted_indices: The place in this order of each sequence of the batch.

    Example:
        >>> import betty
        >>> rows = [betty.tensor([1, 2]), betty.tensor([3, 4, 5])]
        >>> packed = betty.nn.utils.rnn.pack_sequence(rows, enforce_sorted=False)
        >>> packed.data, packed.batch_sizes
        (tensor([3, 1, 4, 2, 5]), tensor([2, 2, 1]))
    """

    # The padded tensor [T, B, ...] in this order, where it is at hand.
    _padded: Tensor | None = None

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            raise ValueError("PackedSequence: batch_sizes must be given")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *arguments: Any, **named: Any) -> PackedSequence:
        """With its rows of another type."""
        data = self.data.to(*arguments, **named)
        if data is self.data:
            return self
        padded = None if self._padded is None else self._padded.to(*arguments, **named)
        return _made(data, self, padded)

    def cuda(self, *arguments: Any, **named: Any) -> PackedSequence:
        """Refused: there is one device."""
        return _made(self.data.cuda(*arguments, **named), self, self._padded)

    def cpu(self) -> PackedSequence:
        return self

    def pin_memory(self) -> PackedSequence:
        return self

    def double(self) -> PackedSequence:
        return self.to(_native.float64)

    def float(self) -> PackedSequence:
        return self.to(_native.float32)

    def half(self) -> PackedSequence:
        return self.to(_native.float16)

    def long(self) -> PackedSequence:
        return self.to(_native.int64)

    def int(self) -> PackedSequence:
        return self.to(_native.int32)

    def is_pinned(self) -> bool:
        return False

    @property
    def is_cuda(self) -> bool:
        return False


def _made(data: Tensor, like: PackedSequence, padded: Tensor | None) -> PackedSequence:
    packed = PackedSequence(data, *like[1:])
    packed._padded = padded
    return packed


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each place has gone."""
    if permutation is None:
        return None
    return F.argsort(permutation)


def _integers(values: Any) -> Tensor:
    import numpy

    return _native.from_buffer(numpy.ascontiguousarray(values, numpy.int64))


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:  # fmt: skip
    """Padded sequences [T, B, ...] (or [B, T, ...]) packed.

    Args:
        input: The padded sequences.
        lengths: Their lengths. The values are read.
        batch_first: Whether the batch is the first dimension.
        enforce_sorted: Whether the sequences come with the longest first; else they are sorted.

    Raises:
        RuntimeError: Lengths that do not fit the input, or are not sorted.
    """
    import numpy

    name = "pack_padded_sequence"
    array = numpy.asarray(
        _overloads.array_of(lengths) if isinstance(lengths, Tensor) else lengths, numpy.int64
    )
    x = input.transpose(0, 1) if batch_first else input
    if array.shape != (x.shape[1],):
        raise RuntimeError(
            f"{name}: Expected `len(lengths)` to be equal to batch_size, but got "
            f"{array.size} (batch_size={x.shape[1]})"
        )
    if array.size == 0 or array.min() <= 0:
        raise RuntimeError(
            f"{name}: Length of all samples has to be greater than 0, got {array.tolist()}"
        )
    if array.max() > x.shape[0]:
        raise RuntimeError(
            f"{name}: a length exceeds the {x.shape[0]} steps of the input, got {array.tolist()}"
        )
    order = None
    if not enforce_sorted:
        order = numpy.argsort(-array, kind="stable")
        array = array[order]
    elif (numpy.diff(array) > 0).any():
        raise RuntimeError(
            f"{name}: `lengths` array must be sorted in decreasing order when `enforce_sorted` is "
            f"True, got {array.tolist()}"
        )
    places = None if order is None else _integers(order)
    padded = x[: int(array[0])]
    if places is not None:
        padded = F.index_select(padded, 1, places)
    sizes = (array[None] > numpy.arange(array[0])[:, None]).sum(1)
    packed = PackedSequence(_rows(padded, sizes), _integers(sizes), places)
    packed._padded = padded
    return packed


def _rows(padded: Tensor, sizes: Any) -> Tensor:
    """The elements that are there, step by step."""
    import numpy

    index = numpy.concatenate(
        [step * padded.shape[1] + numpy.arange(n) for step, n in enumerate(sizes)]
    )
    return F.index_select(padded.flatten(0, 1), 0, _integers(index))


def padded_of(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """The padded tensor [T, B, ...], 0 where nothing is, and which elements are there [T, B]."""
    import numpy

    sizes = _overloads.array_of(packed.batch_sizes)
    lengths = _integers((sizes[:, None] > numpy.arange(sizes[0])).sum(0))
    mask = _creation.arange(len(sizes)).unsqueeze(1) < lengths
    padded = packed._padded
    if padded is None:
        starts = numpy.cumsum(sizes) - sizes
        index = starts[:, None] + numpy.minimum(numpy.arange(sizes[0]), sizes[:, None] - 1)
        rows = F.index_select(packed.data, 0, _integers(index.reshape(-1)))
        padded = rows.unflatten(0, index.shape)
    spread = mask.reshape(*mask.shape, *(1,) * (padded.ndim - 2))
    return F.where(spread, padded, 0), mask


def repacked(padded: Tensor, like: PackedSequence) -> PackedSequence:
    """Other padded elements [T, B, ...] in the order and of the lengths of a packed batch."""
    return _made(_rows(padded, _overloads.array_of(like.batch_sizes)), like, padded)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded sequences, in the order of the batch, and their lengths.

    Args:
        sequence: What is packed.
        batch_first: Whether the batch is to be the first dimension.
        padding_value: What stands behind the ends.
        total_length: Steps of the result; those of the longest sequence by default.

    Raises:
        ValueError: A ``total_length`` smaller than the longest sequence.

    Example:
        >>> import betty
        >>> rnn = betty.nn.utils.rnn
        >>> packed = rnn.pack_sequence([betty.tensor([3, 4, 5]), betty.tensor([1])])
        >>> rnn.pad_packed_sequence(packed, batch_first=True)
        (tensor([[3, 4, 5],
                [1, 0, 0]]), tensor([3, 1]))
    """
    padded, mask = padded_of(sequence)
    longest = padded.shape[0]
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    if padding_value:
        spread = mask.reshape(*mask.shape, *(1,) * (padded.ndim - 2))
        padded = F.where(spread, padded, padding_value)
    lengths = mask.sum(0)
    missing = (total_length or longest) - longest
    if missing:
        shape = (missing, *padded.shape[1:])
        padded = F.cat([padded, _creation.full(shape, padding_value, dtype=padded.dtype)])
    if sequence.unsorted_indices is not None:
        padded = F.index_select(padded, 1, sequence.unsorted_indices)
        lengths = F.index_select(lengths, 0, sequence.unsorted_indices)
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences [L, ...] packed; the longest first, unless ``enforce_sorted`` is False."""
    lengths = [x.shape[0] for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences, each of its length, in the order of the batch."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
