"""From what a sampler chose to a batch: by the numbers of samples, or from a stream.

Invariant: one call makes one batch. One that fails leaves the next ones as they are, and only a
stream that is over ends in StopIteration.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from betty.utils.data.collate import default_collate
from betty.utils.data.dataset import TensorDataset

__all__ = ["InTurn", "Rows", "Stream", "in_range"]


class Rows:
    """Makes batches of a data set whose samples have numbers."""

    def __init__(self, dataset: Any, collate: Callable[[Any], Any], in_batches: bool) -> None:
        self.dataset = dataset
        self.collate = collate
        self.in_batches = in_batches
        self.are_dealt = in_batches and collate is default_collate and _has_own_rows(dataset)

    def __call__(self, chosen: Any) -> Any:
        try:
            return self._made(chosen)
        except StopIteration as error:  # a loop over the loader would take it for the end
            raise RuntimeError(f"DataLoader: StopIteration of the data set at {chosen}") from error

    def _made(self, chosen: Any) -> Any:
        dataset = self.dataset
        if not self.in_batches:
            return self.collate(dataset[chosen])
        if self.are_dealt:
            return list(dataset.rows(in_range(chosen, len(dataset))))
        if callable(getattr(dataset, "__getitems__", None)):
            return self.collate(dataset.__getitems__(list(chosen)))
        return self.collate([dataset[index] for index in chosen])


def _has_own_rows(dataset: Any) -> bool:
    """Whether samples are the rows of tensors, and not what a subclass makes of them."""
    kind = type(dataset)
    return (
        issubclass(kind, TensorDataset)
        and kind.__getitem__ is TensorDataset.__getitem__
        and not hasattr(dataset, "__getitems__")
    )


def in_range(chosen: Any, count: int) -> np.ndarray:
    """The numbers of samples, all of them from the front."""
    indices = np.asarray(chosen, dtype=np.int64)
    for index in indices[(indices < -count) | (indices >= count)][:1]:
        raise IndexError(f"DataLoader: index {index} is out of range of {count} samples")
    return np.where(indices < 0, indices + count, indices)


class Stream:
    """Makes batches of what comes next; there is nothing to choose."""

    def __init__(
        self, dataset: Any, collate: Callable[[Any], Any], batch_size: int | None, drop_last: bool
    ) -> None:
        self.samples = iter(dataset)
        self.collate = collate
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __call__(self, chosen: Any) -> Any:
        if self.batch_size is None:
            return self.collate(next(self.samples))
        batch = list(itertools.islice(self.samples, self.batch_size))
        if not batch or (self.drop_last and len(batch) < self.batch_size):
            raise StopIteration
        return self.collate(batch)


class InTurn:
    """A loader's batches, each made when it is asked for."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._chosen = iter(loader._index_sampler)
        self._fetch = loader._fetch(loader.dataset)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._fetch(next(self._chosen))
