"""Endless batches from one loader or several, whatever iterable they are.

Invariant: a batch is computed before it is handed out. A slice that is still to be computed would
become a part of the step, and every place it is cut from another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from betty._creation import as_tensor
from betty._native import Tensor, evaluate
from betty.utils.data import DataLoader

__all__ = ["Batches", "Iterators", "Loaders", "as_batch", "checked", "flatten", "to_tensors"]


def checked(loader: Any, problem: str) -> Any:
    """The loader, if batches can come from it."""
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise TypeError(
            f"problem '{problem}': a train data loader must be iterable, "
            f"got {type(loader).__name__}"
        )
    return loader


class _Endless:
    """One of a list of loaders, started again whenever it ends, or what has taken its place."""

    def __init__(
        self, loaders: list[Any], index: int, problem: str, ended: Callable[[], None] | None = None
    ) -> None:
        self.loaders = loaders
        self.index = index
        self.problem = problem
        self.ended = ended
        self.epoch = 0
        self.loader: Any = None
        self.begin()

    def begin(self) -> None:
        """Takes the loader that is there now from its beginning."""
        self.iterator: Iterator | None = None
        self.position = 0
        self.is_new = True
        loader = self.loaders[self.index]
        if loader is self.loader:
            return
        self.loader = checked(loader, self.problem)
        sampler = getattr(loader, "sampler", None)
        self.sampler = sampler if hasattr(sampler, "set_epoch") else None
        if isinstance(loader, (list, tuple)):
            evaluate(*flatten(loader))

    def _end(self) -> None:
        if self.is_new:
            raise RuntimeError(f"problem '{self.problem}': its train data loader gives no batch")
        if self.ended is not None:
            self.ended()
        self.epoch += 1
        self.begin()
        if self.sampler is not None:
            self.sampler.set_epoch(self.epoch)

    def running(self) -> Iterator:
        """The iterator that gives the next batch."""
        if self.iterator is None:
            self.iterator = islice(self.loader, self.position, None) if self.position else None
        if self.iterator is None:
            self.iterator = iter(self.loader)
        return self.iterator

    def next(self) -> Any:
        """The next batch."""
        if self.iterator is None and isinstance(self.loader, (list, tuple)):
            return self._next_of_list()
        try:
            batch = next(self.running())
        except StopIteration:
            self._end()
            return self.next()
        self.is_new = False
        batch = as_batch(batch)
        evaluate(*flatten(batch))
        return batch

    def _next_of_list(self) -> Any:
        """The same without an iterator, whose end is an exception at every pass."""
        if self.position >= len(self.loader):
            self._end()
            return self.next()
        batch = self.loader[self.position]
        self.position += 1
        self.is_new = False
        return as_batch(batch)


class Loaders(list):
    """The loaders of a problem that is set up: a list of them is none of batches, should it be
    given to another problem."""


class Iterators:
    """The iterators under way, one for each loader; one that is put in its place is gone through
    before the loader begins again."""

    def __init__(self, loaders: list[_Endless]) -> None:
        self._loaders = loaders

    def __getitem__(self, index: int) -> Iterator:
        return self._loaders[index].running()

    def __setitem__(self, index: int, iterator: Iterable) -> None:
        self._loaders[index].iterator = iter(iterator)

    def __len__(self) -> int:
        return len(self._loaders)


class Batches:
    """The batches of a problem.

    Args:
        given: Iterables of batches; one that is replaced is gone through to its end.
        problem: Name for messages.
        epoch_ended: Called each time the first loader has ended, before it starts again.
    """

    def __init__(self, given: list[Any], problem: str, epoch_ended: Callable[[], None]) -> None:
        if not given:
            raise ValueError(f"problem '{problem}': the tuple of train data loaders is empty")
        self.given = given
        self.loaders = [
            _Endless(given, index, problem, None if index else epoch_ended)
            for index in range(len(given))
        ]

    @property
    def several(self) -> bool:
        """Whether a batch is a tuple of one of each loader."""
        return len(self.loaders) > 1

    @property
    def epochs(self) -> list[int]:
        """How often each loader has ended."""
        return [loader.epoch for loader in self.loaders]

    def next(self) -> Any:
        """One batch, or a tuple with one of each loader."""
        if not self.several:
            return self.loaders[0].next()
        return tuple(loader.next() for loader in self.loaders)

    def held(self) -> list[Any] | None:
        """All batches, if there is one loader and it is a plain list or tuple of them."""
        loader = self.given[0]
        if self.several or not isinstance(loader, (list, tuple)) or not loader:
            return None
        return [to_tensors(as_batch(batch), arrays=True) for batch in loader]

    def dealt(self) -> tuple[list[Tensor], dict[str, Any]] | None:
        """Tensors whose rows the engine can deal out, if one loader does only that."""
        loader = self.given[0]
        return loader.dealt() if isinstance(loader, DataLoader) and not self.several else None


def flatten(batch: Any) -> list[Tensor]:
    """The tensors of a batch in a fixed order."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, dict):
        return [tensor for value in batch.values() for tensor in flatten(value)]
    if isinstance(batch, (tuple, list)):
        return [tensor for value in batch for tensor in flatten(value)]
    return []


def as_batch(batch: Any) -> Any:
    """What a loader gives as ``training_step`` gets it: a tuple for any list or tuple."""
    if isinstance(batch, (list, tuple)):
        return tuple(map(to_tensors, batch))
    return to_tensors(batch)


def to_tensors(batch: Any, arrays: bool = False) -> Any:
    """The batch with what other libraries keep tensors in (whatever speaks DLPack) as tensors.

    NumPy's arrays stay what they are, as with PyTorch: ``training_step`` may compute with them.
    With ``arrays`` they become tensors too, which the engine can split or put in place of others.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, dict):
        return {key: to_tensors(value, arrays) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [to_tensors(value, arrays) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    is_array = isinstance(batch, (np.ndarray, np.generic))
    if hasattr(batch, "__dlpack__") and (arrays or not is_array):
        return as_tensor(batch)
    return batch
