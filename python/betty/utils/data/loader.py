"""The loader: which samples go into which batch, and who makes it.

Invariant: what says so is fixed when the loader is made.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from betty._native import Tensor
from betty.utils.data.collate import default_collate, default_convert
from betty.utils.data.dataset import TensorDataset
from betty.utils.data.fetch import InTurn, Rows, Stream, in_range
from betty.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from betty.utils.data.workers import Ahead, get_worker_info

__all__ = ["DataLoader", "get_worker_info"]


_FIXED = {
    "batch_sampler", "batch_size", "dataset", "drop_last", "persistent_workers", "sampler",
}  # fmt: skip


class DataLoader:
    """Iterates over batches of a data set.

    Args:
        dataset: Anything with ``__getitem__`` and ``__len__`` (PyTorch's, torchvision's, Hugging
            Face's data sets, arrays, lists), or an iterable of samples.
        batch_size: Samples a batch; ``None`` gives samples as they are.
        shuffle: A new random order for every pass.
        sampler: Indices in the order wanted, instead of ``shuffle``.
        batch_sampler: Lists of indices, instead of the four arguments about batches.
        num_workers: Threads that make batches ahead, each from its own copy of an
            ``IterableDataset`` and together from any other data set (see ``get_worker_info``).
        collate_fn: Joins samples into a batch.
        pin_memory: Accepted for migration: all memory is the processor's.
        drop_last: Leave out a last batch that is not full.
        timeout: Seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: Called in each worker with its number. The random numbers of ``betty`` are
            the worker's own; those of Python's ``random`` and of NumPy belong to the process.
        multiprocessing_context: Accepted for migration: workers are threads.
        generator: A ``betty.Generator`` for the order; the default one unless given.
        prefetch_factor: Batches made ahead for each worker; 2 unless given.
        persistent_workers: Accepted for migration.
        pin_memory_device: Accepted for migration.
        in_order: Batches come in the order of the sampler; otherwise as they are ready.

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
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(f"DataLoader: num_workers must be at least 0, got {num_workers}")
        if timeout < 0:
            raise ValueError(f"DataLoader: timeout must be at least 0, got {timeout}")
        _check_ahead(num_workers, prefetch_factor, persistent_workers, multiprocessing_context)
        self.is_stream = _is_stream(dataset)
        _check(self.is_stream, batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = multiprocessing_context
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.in_order = in_order
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.drop_last = drop_last
        self.batch_size = None if batch_sampler is not None else batch_size
        self.sampler: Any = self._chosen_by(sampler)
        if batch_sampler is None and batch_size is not None and not self.is_stream:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler: Any = batch_sampler
        whole = batch_size is None and batch_sampler is None
        self.collate_fn = collate_fn or (default_convert if whole else default_collate)
        self._is_made = True

    def _chosen_by(self, sampler: Iterable[Any] | None) -> Iterable[Any] | None:
        if sampler is not None or self.is_stream:
            return sampler
        if self.shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    __class_getitem__ = classmethod(types.GenericAlias)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_is_made"):
            raise ValueError(f"DataLoader: {name} is fixed once the loader is made")
        super().__setattr__(name, value)

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
            chosen = [int(index) for index in sampler]
            options["order"] = in_range(chosen, len(self.dataset)).tolist()
        elif type(sampler) is RandomSampler and sampler.is_permutation_of(self.dataset):
            options["shuffle"] = True
        elif type(sampler) is not SequentialSampler or sampler.data_source is not self.dataset:
            return None
        return list(self.dataset.tensors), options

    def __iter__(self) -> Iterator[Any]:
        return Ahead(self) if self.num_workers else InTurn(self)

    @property
    def _index_sampler(self) -> Iterable[Any]:
        """What is chosen for each batch; nothing in a stream, which has its own order."""
        if self.is_stream:
            return itertools.repeat(None)
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetch(self, dataset: Any) -> Callable[[Any], Any]:
        """What makes a batch of a data set out of what was chosen for it."""
        if self.is_stream:
            return Stream(dataset, self.collate_fn, self.batch_size, self.drop_last)
        return Rows(dataset, self.collate_fn, self.batch_sampler is not None)


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


def _check_ahead(workers: int, prefetch: int | None, persistent: bool, context: Any) -> None:
    """What only workers heed needs workers."""
    if prefetch is not None and prefetch < 1:
        raise ValueError(f"DataLoader: prefetch_factor must be positive, got {prefetch}")
    if isinstance(context, str):
        import multiprocessing  # for its names alone: `import betty` stays quick

        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                f"DataLoader: multiprocessing_context must be one of {', '.join(methods)}, "
                f"got {context!r}"
            )
    needs = {
        "prefetch_factor": prefetch is not None,
        "persistent_workers": persistent,
        "multiprocessing_context": context is not None,
    }
    for name, is_given in needs.items():
        if is_given and not workers:
            raise ValueError(f"DataLoader: {name} needs num_workers, got 0")


def _check(stream: bool, batch_size: Any, shuffle: bool, sampler, batch_sampler, drop: bool):
    if batch_size is not None and (
        not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1
    ):
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
