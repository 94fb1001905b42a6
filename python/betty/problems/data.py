"""Endless batches from one loader or several, whatever iterable they are.

Invariant: a batch is computed before it is handed out. A slice that is still to be computed would
become a part of the step, and every place it is cut from another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from betty._creation import as_tensor
from betty._native import Tensor, evaluate
from betty.utils.data import DataLoader

__all__ = ["Batches"]


class _Endless:
    """One loader, started again whenever it ends."""

    def __init__(
        self, loader: Iterable, problem: str, ended: Callable[[], None] | None = None
    ) -> None:
        if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
            raise TypeError(
                f"problem '{problem}': a train data loader must be iterable, "
                f"got {type(loader).__name__}"
            )
        self.loader = loader
        self.problem = problem
        self.ended = ended
        self.epoch = 0
        self.iterator: Iterator | None = None
        self.position = 0
        if isinstance(loader, (list, tuple)):
            evaluate(*flatten(loader))

    def _end(self) -> None:
        if self.ended is not None:
            self.ended()
        self.epoch += 1

    def next(self) -> Any:
        """The next batch."""
        if isinstance(self.loader, (list, tuple)):
            return self._next_of_list()
        if self.iterator is None:
            self.iterator = iter(self.loader)
        try:
            batch = next(self.iterator)
        except StopIteration:
            self._end()
            if hasattr(getattr(self.loader, "sampler", None), "set_epoch"):
                self.loader.sampler.set_epoch(self.epoch)
            self.iterator = iter(self.loader)
            try:
                batch = next(self.iterator)
            except StopIteration:
                self.iterator = None
                raise self._empty() from None
        batch = to_tensors(batch)
        evaluate(*flatten(batch))
        return batch

    def _next_of_list(self) -> Any:
        """The same without an iterator, whose end is an exception at every pass."""
        if self.position >= len(self.loader):
            if not self.loader:
                raise self._empty()
            self._end()
            self.position = 0
        batch = self.loader[self.position]
        self.position += 1
        return to_tensors(batch)

    def _empty(self) -> RuntimeError:
        return RuntimeError(f"problem '{self.problem}': its train data loader gives no batch")


class Batches:
    """The batches of a problem.

    Args:
        loaders: An iterable of batches, or a tuple of them.
        problem: Name for messages.
        epoch_ended: Called each time the first loader has ended, before it starts again.
    """

    def __init__(self, loaders: Any, problem: str, epoch_ended: Callable[[], None]) -> None:
        several = isinstance(loaders, tuple)
        self.problem = problem
        self.several = several
        self.epoch_ended = epoch_ended
        given = loaders if several else (loaders,)
        if not given:
            raise ValueError(f"problem '{problem}': the tuple of train data loaders is empty")
        self.loaders = [self._endless(index, each) for index, each in enumerate(given)]

    def _endless(self, index: int, loader: Iterable) -> _Endless:
        return _Endless(loader, self.problem, self.epoch_ended if index == 0 else None)

    def replace(self, index: int, loader: Iterable) -> None:
        """Puts another loader in the place of one; its passes are counted on."""
        if not 0 <= index < len(self.loaders):
            raise IndexError(
                f"problem '{self.problem}': train data loader {index} of {len(self.loaders)}"
            )
        epoch = self.loaders[index].epoch
        self.loaders[index] = self._endless(index, loader)
        self.loaders[index].epoch = epoch

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
        loader = self.loaders[0].loader
        if self.several or not isinstance(loader, (list, tuple)) or not loader:
            return None
        return [to_tensors(batch) for batch in loader]

    def dealt(self) -> tuple[list[Tensor], dict[str, Any]] | None:
        """Tensors whose rows the engine can deal out, if one loader does only that."""
        loader = self.loaders[0].loader
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


def to_tensors(batch: Any) -> Any:
    """The batch with every array in it (NumPy's, or anything that speaks DLPack) as a tensor."""
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, dict):
        return {key: to_tensors(value) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(to_tensors, batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(map(to_tensors, batch))
    if isinstance(batch, np.ndarray) or hasattr(batch, "__dlpack__"):
        return as_tensor(batch)
    return batch
