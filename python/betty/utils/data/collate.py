"""Samples made into a batch, by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from betty._creation import as_tensor, from_numpy, tensor
from betty._functions import stack
from betty._native import Tensor

__all__ = ["default_collate", "default_convert"]


def _is_image(value: Any) -> bool:
    """A PIL image, without importing PIL."""
    return hasattr(value, "getbands") and hasattr(value, "__array_interface__")


def _image(value: Any) -> np.ndarray:
    """An image as [channels, height, width] of numbers from 0 to 1, as torchvision has it."""
    array = np.asarray(value)
    array = array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)
    scaled = array.astype(np.float32) / 255 if array.dtype == np.uint8 else array
    return np.ascontiguousarray(scaled)


def default_collate(batch: Sequence[Any]) -> Any:
    """Joins samples into a batch.

    Tensors, arrays and PIL images are stacked, numbers become a tensor, text stays a list, and
    mappings, named tuples, tuples and lists are joined entry by entry.

    Args:
        batch: The samples, of one kind.

    Raises:
        TypeError: A kind that no batch can be made of.
        RuntimeError: Shapes, or lengths of sequences, that differ.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, (str, bytes)):  # NumPy's text too
        return list(batch)
    if _is_image(first):
        return _stacked([_image(sample) for sample in batch])
    if isinstance(first, (np.ndarray, np.generic)):
        if np.asarray(first).dtype.kind in "SUO":
            raise TypeError(f"default_collate: cannot make a batch of arrays of {first.dtype}")
        return _stacked([np.asarray(sample) for sample in batch])
    if isinstance(first, (bool, int)):
        if any(type(sample) is float for sample in batch):
            return tensor(list(batch))
        return from_numpy(np.asarray(batch))
    if isinstance(first, float):
        return from_numpy(np.asarray(batch, dtype=np.float64))
    if isinstance(first, Mapping):
        joined = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return joined if type(first) is dict else _rebuilt(first, joined)
    if hasattr(first, "__dlpack__"):
        return stack([as_tensor(sample) for sample in batch])
    if isinstance(first, Sequence):
        return _columns(batch)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}"
    )


def _stacked(arrays: list[np.ndarray]) -> Tensor:
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise RuntimeError(f"default_collate: samples have different shapes {sorted(shapes)}")
    return from_numpy(np.stack(arrays))


def _rebuilt(first: Any, joined: dict) -> Any:
    try:
        return type(first)(joined)
    except TypeError:
        return joined


def _columns(batch: Sequence[Any]) -> Any:
    first = batch[0]
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("default_collate: each element in list of batch should be of equal size")
    # Text stays as zip gives it, a tuple.
    columns = [
        column if isinstance(column[0], (str, bytes)) else default_collate(column)
        for column in zip(*batch, strict=True)
    ]
    return type(first)(*columns) if hasattr(first, "_fields") else columns


def default_convert(data: Any) -> Any:
    """The same with every array in it as a tensor; for loaders that make no batches."""
    if isinstance(data, (np.ndarray, np.generic)) and np.asarray(data).dtype.kind not in "SUO":
        return as_tensor(data)
    if _is_image(data):
        return from_numpy(_image(data))
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data
