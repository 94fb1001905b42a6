"""Endless batches from one loader or several, whatever iterable they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from betty._creation import as_tensor
from betty._native import Tensor

__all__ = ["Batches"]


class _Endless:
    """One loader, started again whenever it ends."""

    def __init__(self, loader: Iterable, problem: str) -> None:
        if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
            raise TypeError(
                f"problem '{problem}': a train data loader must be iterable, "
                f"got {type(loader).__name__}"
            )
        self.loader = loader
        self.problem = problem
        self.epoch = 0
        self.iterator: Iterator | None = None
        self.position = 0

    def next(self) -> tuple[Any, bool]:
        """The next batch and whether an epoch ended before it."""
        if isinstance(self.loader, (list, tuple)):
            return self._next_of_list()
        ended = False
        if self.iterator is None:
            self.iterator = iter(self.loader)
        try:
            batch = next(self.iterator)
        except StopIteration:
            ended = True
            self.epoch += 1
            if hasattr(getattr(self.loader, "sampler", None), "set_epoch"):
                self.loader.sampler.set_epoch(self.epoch)
            self.iterator = iter(self.loader)
            try:
                batch = next(self.iterator)
            except StopIteration:
                self.iterator = None
                raise self._empty() from None
        return to_tensors(batch), ended

    def _next_of_list(self) -> tuple[Any, bool]:
        """The same without an iterator, whose end is an exception at every pass."""
        ended = self.position >= len(self.loader)
        if ended:
            if not self.loader:
                raise self._empty()
            self.epoch += 1
            self.position = 0
        batch = self.loader[self.position]
        self.position += 1
        return to_tensors(batch), ended

    def _empty(self) -> RuntimeError:
        return RuntimeError(f"problem '{self.problem}': its train data loader gives no batch")


class Batches:
    """The batches of a problem.

    Args:
        loaders: An iterable of batches, or a tuple of them.
        problem: Name for messages.
        epoch_ended: Called each time the first loader starts again.
    """

    def __init__(self, loaders: Any, problem: str, epoch_ended: Callable[[], None]) -> None:
        several = isinstance(loaders, tuple)
        self.loaders = [_Endless(each, problem) for each in (loaders if several else (loaders,))]
        self.several = several
        self.epoch_ended = epoch_ended
        self.epochs = [0] * len(self.loaders)

    def next(self) -> Any:
        """One batch, or a tuple with one of each loader."""
        parts = []
        for index, loader in enumerate(self.loaders):
            batch, ended = loader.next()
            if ended:
                self.epochs[index] = loader.epoch
                if index == 0:
                    self.epoch_ended()
            parts.append(batch)
        return tuple(parts) if self.several else parts[0]

    def held(self) -> list[Any] | None:
        """All batches, if there is one loader and it is a plain list or tuple of them."""
        loader = self.loaders[0].loader
        if self.several or not isinstance(loader, (list, tuple)) or not loader:
            return None
        return [to_tensors(batch) for batch in loader]


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
