"""Data sets: things with a length whose samples are reached by number, and streams of samples."""

from __future__ import annotations

import bisect
import itertools
import math
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from betty._creation import from_numpy, randperm
from betty._functions import index_select
from betty._native import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


class Dataset:
    """Base of data sets: define ``__getitem__`` and ``__len__``."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__")

    __class_getitem__ = classmethod(types.GenericAlias)

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Base of streams: define ``__iter__``, and ``__len__`` where it is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Samples are rows of tensors of equal length.

    Example:
        >>> import betty
        >>> from betty.utils.data import TensorDataset
        >>> data = TensorDataset(betty.arange(3), betty.zeros(3, 2))
        >>> len(data)
        3
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: give at least one tensor")
        lengths = [tensor.shape[0] if tensor.dim() else 0 for tensor in tensors]
        if len(set(lengths)) > 1:
            raise AssertionError(f"TensorDataset: tensors have different lengths {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def rows(self, indices: np.ndarray) -> tuple[Tensor, ...]:
        """The batch of several samples at once: one gather a tensor, not one a sample."""
        chosen = from_numpy(np.ascontiguousarray(indices, dtype=np.int64))
        return tuple(index_select(tensor, 0, chosen) for tensor in self.tensors)


class StackDataset(Dataset):
    """Samples of several data sets side by side, as a tuple, or as a dict of names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: give data sets by position or by name")
        self.datasets: Any = args or kwargs
        lengths = {len(each) for each in args or kwargs.values()}
        if len(lengths) > 1:
            raise ValueError(f"StackDataset: data sets have different lengths {sorted(lengths)}")
        self._length = lengths.pop()

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: each[index] for name, each in self.datasets.items()}
        return tuple(each[index] for each in self.datasets)

    def __len__(self) -> int:
        return self._length


class Subset(Dataset):
    """Some samples of a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (list, tuple)):
            return self.dataset[[self.indices[place] for place in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        chosen = [self.indices[place] for place in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[place] for place in chosen]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """Data sets one after another.

    Example:
        >>> from betty.utils.data import ConcatDataset
        >>> both = ConcatDataset([range(3), range(10, 12)])
        >>> [both[i] for i in range(len(both))]
        [0, 1, 2, 10, 11]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset: give at least one data set")
        for each in self.datasets:
            if isinstance(each, IterableDataset):
                raise AssertionError("ConcatDataset: takes no IterableDataset, see ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Any:
        count = len(self)
        if not -count <= index < count:
            kind = ValueError if index < 0 else IndexError
            raise kind(f"ConcatDataset: index {index} is out of range of {count} samples")
        index %= count
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset):
    """Streams one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for each in self.datasets:
            yield from each

    def __len__(self) -> int:
        return sum(len(each) for each in self.datasets)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Splits at random into parts of given lengths, or of given fractions that add up to 1."""
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        if any(not 0 <= length <= 1 for length in lengths):
            raise ValueError(f"random_split: a fraction is not between 0 and 1, got {lengths}")
        counts = [math.floor(total * fraction) for fraction in lengths]
        for extra in range(total - sum(counts)):
            counts[extra % len(counts)] += 1
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != total:
        raise ValueError(f"random_split: lengths {list(lengths)} do not add up to {total}")
    order = randperm(total, generator=generator).tolist()
    ends = list(itertools.accumulate(counts))
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]
