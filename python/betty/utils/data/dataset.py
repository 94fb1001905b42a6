"""Data sets: things with a length whose samples are reached by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from betty._creation import from_numpy, randperm
from betty._functions import index_select
from betty._native import Tensor

__all__ = ["Dataset", "Subset", "TensorDataset", "random_split"]


class Dataset:
    """Base of data sets: define ``__getitem__`` and ``__len__``."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__")


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
            raise ValueError(f"TensorDataset: tensors have different lengths {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def rows(self, indices: np.ndarray) -> tuple[Tensor, ...]:
        """The batch of several samples at once: one gather a tensor, not one a sample."""
        chosen = from_numpy(np.ascontiguousarray(indices, dtype=np.int64))
        return tuple(index_select(tensor, 0, chosen) for tensor in self.tensors)


class Subset(Dataset):
    """Some samples of a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Splits at random into parts of given lengths, or of given fractions that add up to 1."""
    total = len(dataset)
    if all(0 <= length <= 1 for length in lengths) and abs(sum(lengths) - 1) < 1e-6:
        counts = [int(total * fraction) for fraction in lengths]
        for extra in range(total - sum(counts)):
            counts[extra % len(counts)] += 1
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != total:
        raise ValueError(f"random_split: lengths {list(lengths)} do not add up to {total}")
    order = randperm(total).tolist()
    parts, first = [], 0
    for count in counts:
        parts.append(Subset(dataset, order[first : first + count]))
        first += count
    return parts
