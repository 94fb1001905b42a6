"""Augmentation of batches of images ``[N, C, H, W]``, computed in the engine.

Each image of a batch gets its own random draw. Calls are recorded like any other operation, so they
may stand in a training step, also in one that is replayed, and repeat with the seed.

Example:
    >>> import betty
    >>> from betty import transforms
    >>> augment = transforms.Compose([
    ...     transforms.RandomCrop(32, padding=4),
    ...     transforms.RandomHorizontalFlip(),
    ...     transforms.Cutout(8),
    ... ])
    >>> augment(betty.rand(16, 3, 32, 32)).shape
    betty.Size([16, 3, 32, 32])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from betty import _functions as F
from betty._creation import arange, rand, randint, tensor
from betty._native import Tensor

__all__ = [
    "Compose",
    "Cutout",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
]


def _images(x: Tensor, name: str) -> Tensor:
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(
            f"{name}: takes floating point images [N, C, H, W], got {x.dtype} {tuple(x.shape)}"
        )
    return x


def _pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(side < 0 for side in pair):
        raise ValueError(f"{name}: takes a size or (height, width), got {value}")
    return pair  # type: ignore[return-value]


class Compose:
    """One transformation after another."""

    def __init__(self, transforms: Sequence[Callable[[Tensor], Tensor]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x


class RandomCrop:
    """A window of each image at a random place, after padding.

    Args:
        size: Height and width of the window.
        padding: What is added on every side before.
        padding_mode: "constant" (zeros), "reflect" or "replicate".
        generator: A ``betty.Generator``; the default one unless given.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int = 0,
        padding_mode: str = "constant",
        generator: Any = None,
    ) -> None:
        self.size = _pair(size, "RandomCrop")
        self.padding = padding
        self.padding_mode = padding_mode
        self.generator = generator

    def __call__(self, x: Tensor) -> Tensor:
        x = _images(x, "RandomCrop")
        if self.padding:
            x = F.pad(x, [self.padding] * 4, self.padding_mode)
        for dim, size in zip((2, 3), self.size, strict=True):
            x = self._cropped(x, dim, size)
        return x

    def _cropped(self, x: Tensor, dim: int, size: int) -> Tensor:
        room = x.shape[dim] - size
        if room < 0:
            raise ValueError(f"RandomCrop: {size} exceeds dimension {dim} of {tuple(x.shape)}")
        if room == 0:
            return x
        starts = randint(0, room + 1, (x.shape[0], 1), generator=self.generator)
        shape = [x.shape[0], 1, 1, 1]
        shape[dim] = size
        return F.take_along_dim(x, (starts + arange(size)).reshape(shape), dim)


class _Flip:
    _dim = 3

    def __init__(self, p: float = 0.5, generator: Any = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        self.p = p
        self.generator = generator

    def __call__(self, x: Tensor) -> Tensor:
        x = _images(x, type(self).__name__)
        turned = rand(x.shape[0], 1, 1, 1, generator=self.generator) < self.p
        return F.where(turned, F.flip(x, [self._dim]), x)


class RandomHorizontalFlip(_Flip):
    """Left and right exchanged with probability ``p``."""


class RandomVerticalFlip(_Flip):
    """Top and bottom exchanged with probability ``p``."""

    _dim = 2


class Normalize:
    """(x - mean) / std, channel by channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if len(mean) != len(std) or 0 in list(std):
            raise ValueError(f"Normalize: takes as many means as deviations above 0, got {std}")
        self.mean = tensor(list(mean)).reshape(1, -1, 1, 1)
        self.std = tensor(list(std)).reshape(1, -1, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        x = _images(x, "Normalize")
        return (x - self.mean.to(x.dtype)) / self.std.to(x.dtype)


class Cutout:
    """A square of each image set to 0, around a random place (DeVries and Taylor, 2017).

    Args:
        length: Side of the square; it may reach beyond the image.
        generator: A ``betty.Generator``; the default one unless given.
    """

    def __init__(self, length: int, generator: Any = None) -> None:
        if length < 0:
            raise ValueError(f"Cutout: length must not be negative, got {length}")
        self.length = length
        self.generator = generator

    def __call__(self, x: Tensor) -> Tensor:
        x = _images(x, "Cutout")
        inside = [self._span(x, dim) for dim in (2, 3)]
        return F.masked_fill(x, F.logical_and(*inside), 0.0)

    def _span(self, x: Tensor, dim: int) -> Tensor:
        size = x.shape[dim]
        first = randint(0, size, (x.shape[0], 1), generator=self.generator) - self.length // 2
        places = arange(size)
        hit = F.logical_and(places >= first, places < first + self.length)
        return hit.reshape([x.shape[0], 1, size, 1] if dim == 2 else [x.shape[0], 1, 1, size])
