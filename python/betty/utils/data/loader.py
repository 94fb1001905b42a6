"""The loader: batches of a data set, in order or shuffled, made ahead by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from betty._creation import from_numpy, randperm
from betty._functions import stack
from betty._native import Tensor
from betty.utils.data.dataset import TensorDataset

__all__ = ["DataLoader", "default_collate"]


def default_collate(samples: Sequence[Any]) -> Any:
    """Joins samples into a batch: tensors and arrays stacked, numbers as a tensor, containers by
    their entries."""
    first = samples[0]
    if isinstance(first, Tensor):
        return stack(samples)
    if isinstance(first, (np.ndarray, np.generic)):
        return from_numpy(np.stack(samples))
    if isinstance(first, (bool, int)):
        return from_numpy(np.asarray(samples))
    if isinstance(first, float):
        return from_numpy(np.asarray(samples, dtype=np.float64))
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(default_collate, zip(*samples, strict=True)))
    if isinstance(first, (tuple, list)):
        return [default_collate(column) for column in zip(*samples, strict=True)]
    if isinstance(first, (str, bytes)):
        return list(samples)
    raise TypeError(f"default_collate: can't make a batch of {type(first).__name__}")


class DataLoader:
    """Iterates over batches of a data set.

    Args:
        dataset: Anything with ``__len__`` and ``__getitem__``, or an iterable of samples.
        batch_size: Samples a batch; ``None`` gives samples as they are.
        shuffle: A new random order for every pass, drawn from the global generator.
        sampler: Indices in the order wanted, instead of ``shuffle``.
        num_workers: Above 0, a thread makes batches ahead.
        collate_fn: Joins samples into a batch.
        drop_last: Leave out a last batch that is not full.
        prefetch_factor: Batches made ahead for each worker; 2 unless given.
        generator: Accepted for migration.
        pin_memory: Accepted for migration.
        persistent_workers: Accepted for migration.

    Example:
        >>> import betty
        >>> from betty.utils.data import DataLoader, TensorDataset
        >>> loader = DataLoader(TensorDataset(betty.arange(5)), batch_size=2)
        >>> [batch.tolist() for (batch,) in loader]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        generator: Any = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, got {batch_size}")
        if num_workers < 0:
            raise ValueError(f"DataLoader: num_workers must be at least 0, got {num_workers}")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler and shuffle exclude each other")
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: drop_last needs a batch_size")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.sampler = sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn if collate_fn is not None else default_collate
        self.drop_last = drop_last
        self.prefetch = (prefetch_factor or 2) * max(num_workers, 1)

    def __len__(self) -> int:
        count = len(self.dataset) if self.sampler is None else len(self.sampler)
        if self.batch_size is None:
            return count
        full, rest = divmod(count, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[Any]:
        batches = self._batches()
        return _ahead(batches, self.prefetch) if self.num_workers else batches

    def _indices(self) -> np.ndarray:
        if self.sampler is not None:
            indices = np.fromiter(self.sampler, dtype=np.int64)
            count = len(self.dataset)
            for index in indices[(indices < -count) | (indices >= count)][:1]:
                raise IndexError(f"DataLoader: index {index} is out of range of {count} samples")
            return indices
        if self.shuffle:
            return randperm(len(self.dataset)).numpy()
        return np.arange(len(self.dataset))

    def _batches(self) -> Iterator[Any]:
        if not hasattr(self.dataset, "__getitem__"):
            yield from self._of_iterable()
            return
        indices = self._indices()
        if self.batch_size is None:
            for index in indices:
                yield self.dataset[int(index)]
            return
        direct = isinstance(self.dataset, TensorDataset) and self.collate_fn is default_collate
        for first in range(0, len(indices), self.batch_size):
            chosen = indices[first : first + self.batch_size]
            if len(chosen) < self.batch_size and self.drop_last:
                return
            if direct:
                yield list(self.dataset.rows(chosen))
            else:
                yield self.collate_fn([self.dataset[int(index)] for index in chosen])

    def _of_iterable(self) -> Iterator[Any]:
        batch: list[Any] = []
        for sample in self.dataset:
            if self.batch_size is None:
                yield sample
                continue
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.collate_fn(batch)


def _ahead(batches: Iterator[Any], depth: int) -> Iterator[Any]:
    """The same batches, made ahead by a thread; what it raises is raised here."""
    ready: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def offer(item: tuple[str, Any]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for batch in batches:
                if not offer(("batch", batch)):
                    return
            offer(("end", None))
        except BaseException as error:
            offer(("error", error))

    worker = threading.Thread(target=work, daemon=True, name="betty-loader")
    worker.start()
    try:
        while True:
            kind, item = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        stopped.set()
