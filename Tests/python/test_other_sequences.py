"""Tensors of sequences that are neither lists nor tuples."""

import array
from collections import UserList, deque

import betty
import pytest


class Rows:
    """A sequence by its two methods alone."""

    def __init__(self, *rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


@pytest.mark.parametrize("make", [betty.tensor, betty.as_tensor, betty.asarray])
@pytest.mark.parametrize(
    ("data", "values", "dtype"),
    [
        (deque([1.0, 2.0]), [1, 2], betty.float32),
        (deque(), [], betty.float32),
        (deque([1, 2]), [1, 2], betty.int64),
        (deque([True, False]), [True, False], betty.bool),
        ([deque([1.0]), [2]], [[1], [2]], betty.float32),
        (deque([[1.0, 2.0]]), [[1, 2]], betty.float32),
        (deque([betty.tensor(1.0), betty.tensor(2.0)]), [1, 2], betty.float32),
        (deque([[betty.tensor(1.0)], [2.0]]), [[1], [2]], betty.float32),
        (UserList([1.5]), [1.5], betty.float32),
        ([range(2), range(2)], [[0, 1], [0, 1]], betty.int64),
        (Rows(1.0, 2.0), [1, 2], betty.float32),
        ([Rows(1.0)], [[1]], betty.float32),
    ],
)
def test_numbers_take_the_default_type(make, data, values, dtype):
    made = make(data)
    assert made.dtype is dtype
    assert made.tolist() == values


def test_memory_that_is_asked_for_its_elements_or_its_type():
    numbers = array.array("d", [1.0, 2.0])
    assert betty.tensor(numbers).dtype is betty.float32
    assert betty.tensor(bytearray(b"ab")).dtype is betty.int64
    assert betty.asarray(numbers).dtype is betty.float64
    assert betty.asarray(bytearray(b"ab")).dtype is betty.uint8


def test_what_is_no_sequence_of_numbers():
    for data, kind in (({1: 2}, "dict"), ({1, 2}, "set")):
        with pytest.raises(RuntimeError, match=f"Could not infer dtype of {kind}"):
            betty.tensor(data)
    for make in (betty.tensor, betty.as_tensor):
        with pytest.raises(TypeError, match="cannot be made of str"):
            make("12")
    with pytest.raises(ValueError, match="only one element tensors"):
        betty.tensor(deque([betty.ones(2)]))
