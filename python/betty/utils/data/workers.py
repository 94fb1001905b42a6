"""Threads that make a loader's batches ahead.

Each batch is made whole in its worker, numbers and all: what it records is evaluated there.
Invariants: batches come in the order of the sampler however many workers make them, unless the
loader says otherwise. What a worker raises is raised, with its traceback, where the batch would
have come, and those after it still come. What is drawn for a batch depends on the seed and the
batch's number alone, not on when other threads draw.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import queue
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from betty import _native
from betty._creation import randint
from betty._native import Tensor, evaluate
from betty.utils.data.dataset import IterableDataset

__all__ = ["Ahead", "WorkerInfo", "get_worker_info"]


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """What a data set or ``worker_init_fn`` may ask inside a worker; None outside of workers.

    Returns:
        The worker's ``id``, ``num_workers``, ``seed`` and ``dataset``. Each worker reads an
        ``IterableDataset`` from a copy (``copy.copy``) of its own, so a stream gives its samples
        once for each worker unless it divides them by what this says; other data sets are shared.

    Example:
        >>> from betty.utils.data import DataLoader, IterableDataset, get_worker_info
        >>> class Numbers(IterableDataset):
        ...     def __iter__(self):
        ...         info = get_worker_info()
        ...         return iter(range(info.id, 6, info.num_workers))
        >>> [batch.tolist() for batch in DataLoader(Numbers(), batch_size=2, num_workers=2)]
        [[0, 2], [1, 3], [4], [5]]
    """
    return _here.info


_CAUGHT = "Caught in DataLoader worker"


class _Failure:
    """What was raised in place of a batch; the worker is None if it was the sampler."""

    def __init__(self, error: BaseException, worker: int | None) -> None:
        self.error = error
        self.worker = worker
        self.text = "".join(traceback.format_exception(error))

    def again(self) -> BaseException:
        # A data set may raise one and the same object several times.
        notes = getattr(self.error, "__notes__", ())
        if self.worker is not None and not any(note.startswith(_CAUGHT) for note in notes):
            self.error.add_note(f"{_CAUGHT} {self.worker}:\n{self.text}")
        return self.error


class _End:
    """In place of a batch: a worker's stream is over."""

    def __init__(self, worker: int) -> None:
        self.worker = worker


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from _tensors(value)
    elif isinstance(batch, (tuple, list)):
        for value in batch:
            yield from _tensors(value)


@dataclass(frozen=True)
class _Order:
    """What a worker begins with; it holds no iterator, so that one that is left is noticed."""

    info: WorkerInfo
    base_seed: int
    records: bool
    fetch: Callable[[Any], Callable[[Any], Any]]
    begin: Callable[[int], None] | None


def _work(order: _Order, tasks: queue.SimpleQueue, results: queue.SimpleQueue) -> None:
    """Makes batches until it is told to end."""
    info = _here.info = order.info
    _native.grad_mode_set(order.records)
    _native.draw_apart(True)
    _native.restore_random(info.seed, 0)
    failure, fetch = None, None
    try:
        if order.begin is not None:
            order.begin(info.id)
        fetch = order.fetch(info.dataset)
    except BaseException as error:
        failure = _Failure(error, info.id)
    # A program that seeds its workers wants their draws one after another.
    is_seeded = _native.random_state()[0] != info.seed
    while (task := tasks.get()) is not None:
        number, chosen = task
        if not is_seeded:
            _native.restore_random(order.base_seed + number, 0)
        results.put((number, failure or _made(fetch, chosen, info.id)))
        del task, chosen


def _made(fetch: Any, chosen: Any, worker: int) -> Any:
    """A batch in a tuple, or what stands in its place."""
    try:
        batch = fetch(chosen)
        evaluate(*_tensors(batch))
    except StopIteration:
        return _End(worker)
    except BaseException as error:
        return _Failure(error, worker)
    return (batch,)


class Ahead:
    """A loader's batches, a few of them made before they are asked for."""

    def __init__(self, loader: Any) -> None:
        self._tasks: list[queue.SimpleQueue] = []
        self._process = os.getpid()
        self._loader = loader
        self._results: queue.SimpleQueue = queue.SimpleQueue()
        self._arrived: dict[int, Any] = {}
        self._sent = self._taken = 0
        self._chosen = iter(loader._index_sampler)
        is_divided = isinstance(loader.dataset, IterableDataset)
        # A stream of another library knows nothing of these workers: one of them reads it.
        count = 1 if loader.is_stream and not is_divided else loader.num_workers
        self._working = set(range(count))
        self._turns = itertools.cycle(range(count))
        base_seed = int(randint(0, 2**53, (), generator=loader.generator))
        for number in range(count):
            dataset = copy.copy(loader.dataset) if is_divided else loader.dataset
            info = WorkerInfo(number, count, base_seed + number, dataset)
            records = _native.grad_mode_get()
            order = _Order(info, base_seed, records, loader._fetch, loader.worker_init_fn)
            self._start(order)
        for _ in range(loader.prefetch_factor * count):
            self._send()

    def _start(self, order: _Order) -> None:
        tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._tasks.append(tasks)
        arguments, name = (order, tasks, self._results), f"loader-{order.info.id}"
        threading.Thread(target=_work, args=arguments, daemon=True, name=name).start()

    def _send(self) -> None:
        """Has one more batch made, by the worker whose turn it is."""
        if not self._working:
            return
        try:
            chosen = next(self._chosen)
        except StopIteration:
            return
        except Exception as error:  # comes after the batches that were chosen before
            self._arrived[self._sent] = _Failure(error, None)
        else:
            worker = next(number for number in self._turns if number in self._working)
            self._tasks[worker].put((self._sent, chosen))
        self._sent += 1

    def _take(self) -> Any:
        """What was made of the next task, or of any if the order does not matter."""
        in_order = self._loader.in_order
        while self._taken not in self._arrived if in_order else not self._arrived:
            try:
                number, made = self._results.get(timeout=self._loader.timeout or None)
            except queue.Empty:
                raise RuntimeError(
                    f"DataLoader timed out after {self._loader.timeout} seconds"
                ) from None
            self._arrived[number] = made
        made = self._arrived.pop(self._taken if in_order else next(iter(self._arrived)))
        self._taken += 1
        return made

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if os.getpid() != self._process:
            raise RuntimeError(
                "DataLoader: the workers are threads of the process that began to iterate; "
                "iterate anew after a fork"
            )
        while self._taken < self._sent:
            made = self._take()
            if isinstance(made, _End):
                self._working.discard(made.worker)
                continue
            self._send()
            if isinstance(made, _Failure):
                raise made.again()
            return made[0]
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Ends the workers; there are no more batches."""
        if os.getpid() != self._process:
            return
        self._taken = self._sent
        self._working.clear()
        for tasks in self._tasks:
            with contextlib.suppress(queue.Empty):
                while True:
                    tasks.get_nowait()
            tasks.put(None)
        self._tasks.clear()

    def __del__(self) -> None:
        self.close()
