"""Samples made into a batch, by what they are."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
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
    mappings, named tuples, tuples and lists are joined entry by entry. Integers of types that no
    tensor has become the next wider ones.

    Args:
        batch: The samples, of one kind.

    Raises:
        TypeError: A kind that no batch can be made of, or several kinds.
        ValueError: An integer of more than 64 bits.
        RuntimeError: Shapes, or lengths of sequences, that differ.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        _check_kinds(batch, Tensor)
        return stack(list(batch))
    if isinstance(first, (str, bytes)):  # NumPy's text too
        return list(batch)
    if _is_image(first):
        return _stacked([_image(sample) for sample in batch])
    if isinstance(first, (np.ndarray, np.generic)):
        if np.asarray(first).dtype.kind in "SUO":
            raise TypeError(f"default_collate: cannot make a batch of arrays of {first.dtype}")
        return _stacked([np.asarray(sample) for sample in batch])
    if isinstance(first, (bool, int, float)):
        return _numbers(batch)
    if isinstance(first, Mapping):
        joined = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _refilled(first, joined)
    if hasattr(first, "__dlpack__"):
        return stack([as_tensor(sample) for sample in batch])
    if isinstance(first, Sequence):
        return _columns(batch)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}"
    )


def _check_kinds(batch: Sequence[Any], *kinds: type) -> None:
    for place, sample in enumerate(batch):
        if not isinstance(sample, kinds):
            raise TypeError(
                f"default_collate: sample 0 is {type(batch[0]).__name__}, sample {place} is "
                f"{type(sample).__name__}"
            )


def _numbers(batch: Sequence[Any]) -> Tensor:
    _check_kinds(batch, bool, int, float, np.bool_, np.number, Tensor)
    if isinstance(batch[0], float):
        return from_numpy(np.asarray(batch, dtype=np.float64))
    if any(type(sample) is float for sample in batch):
        return tensor(list(batch))
    made = np.asarray(batch)
    if made.dtype.kind == "O":
        raise ValueError("default_collate: an integer has more than 64 bits")
    return from_numpy(_widened(made))


# Integers that no tensor has, and those that hold them.
_WIDER = {"i1": np.int32, "i2": np.int32, "u2": np.int32, "u4": np.int64}


def _widened(array: np.ndarray) -> np.ndarray:
    return array.astype(_WIDER.get(array.dtype.str[1:], array.dtype), copy=False)


def _stacked(arrays: list[np.ndarray]) -> Tensor:
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise RuntimeError(f"default_collate: samples have different shapes {sorted(shapes)}")
    return from_numpy(_widened(np.stack(arrays)))


def _refilled(first: Any, values: dict | list) -> Any:
    """A container of the kind of the first sample with other values in it, where it can be made."""
    kind = type(first)
    if kind in (dict, list, tuple):
        return values
    try:
        if isinstance(first, MutableMapping):
            made = copy.copy(first)
            made.update(values)
        elif isinstance(first, MutableSequence):
            made = copy.copy(first)
            for place, value in enumerate(values):
                made[place] = value
        else:
            made = kind(values)
    except TypeError:
        return values
    return made


def _columns(batch: Sequence[Any]) -> Any:
    first = batch[0]
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("default_collate: each element in list of batch should be of equal size")
    # Text stays as zip gives it, a tuple.
    columns = [
        column if isinstance(column[0], (str, bytes)) else default_collate(column)
        for column in zip(*batch, strict=True)
    ]
    return type(first)(*columns) if hasattr(first, "_fields") else _refilled(first, columns)


def default_convert(data: Any) -> Any:
    """The same with every array in it as a tensor; for loaders that make no batches."""
    if isinstance(data, (np.ndarray, np.generic)) and np.asarray(data).dtype.kind not in "SUO":
        return as_tensor(_widened(np.asarray(data)))
    if _is_image(data):
        return from_numpy(_image(data))
    if isinstance(data, Mapping):
        return _refilled(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _refilled(data, [default_convert(value) for value in data])
    return data
