"""Samplers, workers, and the kinds of data sets that a loader takes as they are."""

import threading
import time
import traceback
from collections import defaultdict, deque
from typing import Any, NamedTuple

import betty
import numpy as np
import pytest
from betty.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


class Point(NamedTuple):
    x: Any
    y: Any


class Slow:
    """Samples that take their time, the first ones the longest."""

    def __init__(self, fail_at=None):
        self.fail_at = fail_at
        self.threads = set()

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if index == self.fail_at:
            raise LookupError(f"sample {index} is broken")
        self.threads.add(threading.current_thread().name)
        time.sleep(0.01 * (12 - index) / 12)
        return index


class Stream(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        return self.count


def lists(loader):
    return [batch.tolist() for batch in loader]


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_keep_the_order(workers):
    data = Slow()
    loader = DataLoader(data, 2, num_workers=workers)
    assert lists(loader) == [[i, i + 1] for i in range(0, 12, 2)]
    assert len(data.threads) == workers


def test_what_a_worker_raises_comes_with_its_traceback():
    loader = DataLoader(Slow(fail_at=5), 2, num_workers=2)
    batches = iter(loader)
    assert [next(batches).tolist(), next(batches).tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(LookupError, match="sample 5 is broken") as caught:
        next(batches)
    text = "".join(traceback.format_exception(caught.value))
    assert "Caught in DataLoader worker" in text
    assert "in __getitem__" in text


def test_workers_end_when_the_loader_is_left():
    before = threading.active_count()
    for _ in range(3):
        for _batch in DataLoader(Slow(), 1, num_workers=2):
            break
    time.sleep(0.3)
    assert threading.active_count() <= before


def test_worker_settings():
    seen = []
    loader = DataLoader(Slow(), 6, num_workers=2, worker_init_fn=seen.append)
    assert len(lists(loader)) == 2
    assert sorted(seen) == [0, 1]
    with pytest.raises(RuntimeError, match="timed out after 0"):
        lists(DataLoader(Slow(), 12, num_workers=1, timeout=0.001))


def test_random_samplers():
    data = list(range(10))
    order = list(RandomSampler(data, generator=betty.Generator().manual_seed(3)))
    assert sorted(order) == data
    assert list(RandomSampler(data, generator=betty.Generator().manual_seed(3))) == order
    assert len(list(RandomSampler(data, replacement=True, num_samples=25))) == 25
    assert sorted(RandomSampler(data, num_samples=20)) == sorted(data * 2)
    assert sorted(SubsetRandomSampler([4, 7, 9])) == [4, 7, 9]
    drawn = list(WeightedRandomSampler([0.0, 3.0, 1.0], 4000))
    counts = np.bincount(drawn, minlength=3) / 4000
    np.testing.assert_allclose(counts, [0, 0.75, 0.25], atol=0.05)
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


def test_batch_samplers():
    batches = BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)
    assert list(batches) == [[0, 1, 2], [3, 4, 5]]
    assert len(batches) == 2
    data = TensorDataset(betty.arange(7) * 10)
    loader = DataLoader(data, batch_sampler=[[6, 0], [-1]])
    assert [batch.tolist() for (batch,) in loader] == [[60, 0], [60]]
    assert len(loader) == 2


def test_seeded_loaders_repeat():
    data = TensorDataset(betty.arange(20))

    def epoch(seed):
        generator = betty.Generator().manual_seed(seed)
        return [b.tolist() for (b,) in DataLoader(data, 5, shuffle=True, generator=generator)]

    assert epoch(1) == epoch(1) != epoch(2)
    split = [list(p.indices) for p in random_split(data, [0.5, 0.5], betty.Generator())]
    assert split == [list(p.indices) for p in random_split(data, [0.5, 0.5], betty.Generator())]


def test_data_sets_of_data_sets():
    both = ConcatDataset([range(3), [7, 8]])
    assert [both[i] for i in (0, 3, -1)] == [0, 7, 8]
    with pytest.raises(IndexError, match="index 5 is out of range of 5 samples"):
        both[5]
    chain = ChainDataset([Stream(2), Stream(3)])
    assert lists(DataLoader(chain, 4)) == [[0, 1, 0, 1], [2]]
    assert (len(chain), len(DataLoader(Stream(5), 2, drop_last=True))) == (5, 2)
    assert lists(DataLoader(Stream(5), 2, drop_last=True, num_workers=1)) == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="index -6 is out of range of 5 samples"):
        both[-6]
    with pytest.raises(AssertionError, match="see ChainDataset"):
        ConcatDataset([Stream(2)])
    pair = StackDataset(a=range(3), b=[3, 4, 5])
    assert pair[1] == {"a": 1, "b": 4}


class Columns:
    """As Hugging Face's data sets: rows are dicts, several at once by __getitems__."""

    def __init__(self):
        self.calls = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"text": f"t{index}", "label": index, "ids": [index, index + 1]}

    def __getitems__(self, indices):
        self.calls += 1
        return [self[index] for index in indices]


def test_rows_that_are_dicts():
    data = Columns()
    first, second = DataLoader(data, 2)
    assert data.calls == 2
    assert first["text"] == ["t0", "t1"]
    assert second["label"].tolist() == [2, 3]
    assert [x.tolist() for x in first["ids"]] == [[0, 1], [1, 2]]
    (batch,) = DataLoader(Subset(data, [3, 1]), 2)
    assert batch["label"].tolist() == [3, 1]


class Picture:
    """What PIL's images show of themselves."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.array = array

    def getbands(self):
        return ("R", "G", "B")


def test_images_become_channels_first():
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    images, labels = default_collate([(Picture(array), 1), (Picture(array), 2)])
    assert images.shape == (2, 3, 2, 4)
    np.testing.assert_allclose(images[0].numpy(), array.transpose(2, 0, 1) / np.float32(255))
    assert labels.tolist() == [1, 2]


def test_collating():
    joined = default_collate([Point(1.5, "a"), Point(2.0, "b")])
    assert joined.x.dtype is betty.float64
    assert joined.y == ("a", "b")
    assert default_collate([{"k": np.float32(1)}, {"k": np.float32(2)}])["k"].dtype is betty.float32
    with pytest.raises(RuntimeError, match="different shapes"):
        default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(TypeError, match="found <class 'object'>"):
        default_collate([object()])
    counted = defaultdict(int, a=1)
    joined = default_collate([counted, counted])
    assert (type(joined), joined["a"].tolist(), joined["b"]) == (defaultdict, [1, 1], 0)
    assert type(default_collate([deque([1, 2])])) is deque
    assert default_collate([np.array([300], np.uint16)]).tolist() == [[300]]
    assert default_collate([np.int8(-1), np.int8(2)]).dtype is betty.int32
    assert default_convert([range(2), np.ones(1, np.int16)])[0] == [0, 1]
    assert type(default_convert(counted)) is defaultdict
    whole = list(DataLoader([np.ones(2), 3], batch_size=None))
    assert whole[0].tolist() == [1, 1]
    assert whole[1] == 3


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ([betty.ones(1), 3], TypeError, "sample 0 is Tensor, sample 1 is int"),
        ([1.5, "a"], TypeError, "sample 0 is float, sample 1 is str"),
        ([1, None], TypeError, "sample 0 is int, sample 1 is NoneType"),
        ([2**70], ValueError, "more than 64 bits"),
    ],
)
def test_samples_of_several_kinds_make_no_batch(batch, error, text):
    with pytest.raises(error, match=text):
        default_collate(batch)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RandomSampler([1], num_samples=1.5), ValueError, "positive integer, got 1.5"),
        (lambda: RandomSampler([1], replacement=3), TypeError, "True or False, got 3"),
        (lambda: WeightedRandomSampler([1], 1, 3), ValueError, "True or False, got 3"),
        (lambda: setattr(DataLoader([1]), "batch_size", 2), ValueError, "batch_size is fixed"),
        (lambda: setattr(DataLoader([1]), "dataset", [2]), ValueError, "dataset is fixed"),
    ],
)
def test_wrong_samplers(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_what_a_loader_shows_of_itself():
    loader = DataLoader[int]([1, 2, 3], 2)
    assert (loader.pin_memory, loader.prefetch_factor, loader.in_order) == (False, None, True)
    assert DataLoader([1], num_workers=1).prefetch_factor == 2
    assert len(iter(loader)) == 2
    with pytest.raises(TypeError, match="len"):
        len(iter(DataLoader(iter([1]))))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": "a"}, "batch_size must be at least 1, got a"),
        ({"prefetch_factor": 2}, "prefetch_factor needs num_workers"),
        ({"persistent_workers": True}, "persistent_workers needs num_workers"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context needs num_workers"),
        ({"multiprocessing_context": "foo", "num_workers": 1}, "must be one of .*, got 'foo'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must be at least 0"),
        ({"shuffle": True, "sampler": [1]}, "exclude each other"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler excludes"),
        ({"batch_size": None, "drop_last": True}, "drop_last needs a batch_size"),
        ({"timeout": -1}, "timeout must be at least 0"),
    ],
)
def test_wrong_options(options, text):
    with pytest.raises(ValueError, match=text):
        DataLoader([1, 2], **options)
    with pytest.raises(ValueError, match="a stream has its own order"):
        DataLoader(Stream(3), shuffle=True)
