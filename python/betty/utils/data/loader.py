"""The loader: batches of a data set, in order or shuffled, made ahead by threads.

Invariant: batches come in the order of the sampler however many workers make them, and what a
worker raises is raised, with its traceback, where the batch would have come.
"""

from __future__ import annotations

import itertools
import queue
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from betty._native import Tensor
from betty.utils.data.collate import default_collate, default_convert
from betty.utils.data.dataset import TensorDataset
from betty.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info"]


class _WorkerInfo(threading.local):
    info: Any = None


_worker = _WorkerInfo()


def get_worker_info() -> Any:
    """What a data set may ask inside a worker: None, for workers are threads that share it."""
    return _worker.info


class DataLoader:
    """Iterates over batches of a data set.

    Args:
        dataset: Anything with ``__getitem__`` and ``__len__`` (PyTorch's, torchvision's, Hugging
            Face's data sets, arrays, lists), or an iterable of samples.
        batch_size: Samples a batch; ``None`` gives samples as they are.
        shuffle: A new random order for every pass.
        sampler: Indices in the order wanted, instead of ``shuffle``.
        batch_sampler: Lists of indices, instead of the four arguments about batches.
        num_workers: Threads that make batches ahead.
        collate_fn: Joins samples into a batch.
        pin_memory: Accepted for migration: all memory is the processor's.
        drop_last: Leave out a last batch that is not full.
        timeout: Seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: Called in each worker with its number.
        multiprocessing_context: Accepted for migration: workers are threads.
        generator: A ``betty.Generator`` for the order; the default one unless given.
        prefetch_factor: Batches made ahead for each worker; 2 unless given.
        persistent_workers: Accepted for migration.
        pin_memory_device: Accepted for migration.

    Raises:
        ValueError: Arguments that exclude each other, or out of range.

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
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
    ) -> None:
        if num_workers < 0:
            raise ValueError(f"DataLoader: num_workers must be at least 0, got {num_workers}")
        if timeout < 0:
            raise ValueError(f"DataLoader: timeout must be at least 0, got {timeout}")
        if prefetch_factor is not None and prefetch_factor < 1:
            raise ValueError(f"DataLoader: prefetch_factor must be positive, got {prefetch_factor}")
        self.is_stream = _is_stream(dataset)
        _check(self.is_stream, batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.num_workers = num_workers
        self.prefetch = (prefetch_factor or 2) * max(num_workers, 1)
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.drop_last = drop_last
        self.batch_size = None if batch_sampler is not None else batch_size
        if sampler is None and not self.is_stream:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if self.shuffle
                else SequentialSampler(dataset)
            )
        self.sampler: Any = sampler
        if batch_sampler is None and batch_size is not None and not self.is_stream:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler: Any = batch_sampler
        whole = batch_size is None and batch_sampler is None
        self.collate_fn = collate_fn or (default_convert if whole else default_collate)

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        count = len(self.dataset) if self.is_stream else len(self.sampler)
        if self.batch_size is None:
            return count
        full, rest = divmod(count, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def dealt(self) -> tuple[list[Tensor], dict[str, Any]] | None:
        """Tensors and how their rows are dealt out, if the loader does no more than that.

        The engine then makes the same batches by itself.
        """
        if (
            type(self) is not DataLoader
            or type(self.dataset) is not TensorDataset
            or self.collate_fn is not default_collate
            or self.batch_size is None
            or self.num_workers
            or not len(self)
        ):
            return None
        options = {"batch_size": self.batch_size, "drop_last": self.drop_last}
        sampler = self.sampler
        if isinstance(sampler, (list, tuple, range, np.ndarray, Tensor)):
            options["order"] = self._in_range([int(index) for index in sampler]).tolist()
        elif type(sampler) is RandomSampler and sampler.is_permutation_of(self.dataset):
            options["shuffle"] = True
        elif type(sampler) is not SequentialSampler or sampler.data_source is not self.dataset:
            return None
        return list(self.dataset.tensors), options

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return (make() for make in self._tasks())
        return _ahead(self)

    def _tasks(self) -> Iterator[Callable[[], Any]]:
        """What makes each batch, in order; making one is independent of the others."""
        if self.is_stream:
            for samples in self._stream():
                yield lambda samples=samples: self.collate_fn(samples)
        elif self.batch_sampler is not None:
            for chosen in self.batch_sampler:
                yield lambda chosen=chosen: self._batch(chosen)
        else:
            for index in self.sampler:
                yield lambda index=index: self.collate_fn(self.dataset[index])

    def _stream(self) -> Iterator[Any]:
        if self.batch_size is None:
            yield from self.dataset
            return
        samples = iter(self.dataset)
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def _batch(self, chosen: list[Any]) -> Any:
        dataset = self.dataset
        if isinstance(dataset, TensorDataset) and self.collate_fn is default_collate:
            return list(dataset.rows(self._in_range(chosen)))
        if callable(getattr(dataset, "__getitems__", None)):
            return self.collate_fn(dataset.__getitems__(list(chosen)))
        return self.collate_fn([dataset[index] for index in chosen])

    def _in_range(self, chosen: list[Any]) -> np.ndarray:
        indices = np.asarray(chosen, dtype=np.int64)
        count = len(self.dataset)
        for index in indices[(indices < -count) | (indices >= count)][:1]:
            raise IndexError(f"DataLoader: index {index} is out of range of {count} samples")
        return np.where(indices < 0, indices + count, indices)


def _is_stream(dataset: Any) -> bool:
    """Whether samples come one after the other, without numbers.

    Streams of PyTorch and of Hugging Face inherit a ``__getitem__`` that only raises: they are
    known by the class they have in common, or by having no length.
    """
    if not hasattr(dataset, "__getitem__"):
        return True
    if any(kind.__name__ == "IterableDataset" for kind in type(dataset).__mro__):
        return True
    return hasattr(dataset, "__iter__") and not hasattr(dataset, "__len__")


def _check(stream: bool, batch_size: Any, shuffle: bool, sampler, batch_sampler, drop: bool):
    if batch_size is not None and (isinstance(batch_size, bool) or batch_size < 1):
        raise ValueError(f"DataLoader: batch_size must be at least 1, got {batch_size}")
    if stream and (shuffle or sampler is not None or batch_sampler is not None):
        raise ValueError("DataLoader: a stream has its own order: no shuffle and no sampler")
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler and shuffle exclude each other")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop):
        raise ValueError(
            "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
        )
    if batch_size is None and drop:
        raise ValueError("DataLoader: drop_last needs a batch_size")


class _Failure:
    """What a worker raised."""

    def __init__(self, error: BaseException, worker: int) -> None:
        self.error = error
        self.worker = worker
        self.text = "".join(traceback.format_exception(error))

    def again(self) -> BaseException:
        note = f"Caught in DataLoader worker {self.worker}:\n{self.text}"
        self.error.add_note(note)
        return self.error


def _ahead(loader: DataLoader) -> Iterator[Any]:
    """The loader's batches, each made by a worker; the order of tasks is that of results."""
    tasks = loader._tasks()
    waiting: queue.SimpleQueue = queue.SimpleQueue()

    def work(number: int) -> None:
        failure = None
        if loader.worker_init_fn is not None:
            try:
                loader.worker_init_fn(number)
            except BaseException as error:
                failure = _Failure(error, number)
        while (task := waiting.get()) is not None:
            make, place = task
            try:
                place.put(failure or (make(),))
            except BaseException as error:
                place.put(_Failure(error, number))

    for number in range(loader.num_workers):
        threading.Thread(target=work, args=(number,), daemon=True, name=f"loader-{number}").start()
    places: list[queue.SimpleQueue] = []
    try:
        while True:
            for make in itertools.islice(tasks, loader.prefetch - len(places)):
                places.append(queue.SimpleQueue())
                waiting.put((make, places[-1]))
            if not places:
                return
            try:
                made = places.pop(0).get(timeout=loader.timeout or None)
            except queue.Empty:
                raise RuntimeError(f"DataLoader timed out after {loader.timeout} seconds") from None
            if isinstance(made, _Failure):
                raise made.again()
            yield made[0]
    finally:
        for _ in range(loader.num_workers):
            waiting.put(None)
