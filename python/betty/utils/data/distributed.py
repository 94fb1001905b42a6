"""A sampler for programs of several processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from betty import distributed
from betty._creation import randperm
from betty._process import Generator
from betty.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """The share of one process: every ``num_replicas``-th sample, from ``rank`` on.

    Args:
        dataset: What is divided.
        num_replicas: How many share it; to be given, as there is no group of processes to ask.
        rank: Whose share it is.
        shuffle: In an order that follows from ``seed`` and the epoch.
        seed: Equal in all processes.
        drop_last: Leaves out what cannot be divided; otherwise samples from the front fill up.

    Raises:
        ValueError: ``rank`` is none of the replicas, or no process group says what they are.

    Example:
        >>> from betty.utils.data.distributed import DistributedSampler
        >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        replicas = distributed.get_world_size() if num_replicas is None else num_replicas
        number = distributed.get_rank() if rank is None else rank
        if not 0 <= number < replicas:
            raise ValueError(
                f"DistributedSampler: rank must be from 0 to {replicas - 1}, got {number}"
            )
        self.dataset = dataset
        self.num_replicas = replicas
        self.rank = number
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        count = len(dataset) / replicas
        self.num_samples = math.floor(count) if drop_last else math.ceil(count)
        self.total_size = self.num_samples * replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        order = list(range(count))
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            order = randperm(count, generator=generator).tolist()
        if self.total_size > count:
            order = (order * math.ceil(self.total_size / count))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Makes the next order another one."""
        self.epoch = epoch
