"""Data sets and loaders."""

import threading
import time
from typing import Any, NamedTuple

import betty
import numpy as np
import pytest
from betty.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split


class Squares(Dataset):
    def __init__(self, count, fail_at=None):
        self.count = count
        self.fail_at = fail_at
        self.seen = []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.fail_at:
            raise LookupError(f"sample {index} is broken")
        self.seen.append(index)
        return {"x": betty.tensor([float(index), index**2]), "label": index, "name": f"s{index}"}


class Pair(NamedTuple):
    a: Any
    b: Any


def numbers(loader):
    return [batch[0].tolist() for batch in loader]


def test_order_and_drop_last():
    data = TensorDataset(betty.arange(7))
    assert numbers(DataLoader(data, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert numbers(DataLoader(data, 3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]
    assert numbers(DataLoader(data)) == [[i] for i in range(7)]
    assert [len(DataLoader(data, 3)), len(DataLoader(data, 3, drop_last=True))] == [3, 2]
    assert [sample[0].item() for sample in DataLoader(data, None)] == list(range(7))
    assert numbers(DataLoader(data, 2, sampler=[6, 0, 3])) == [[6, 0], [3]]
    assert len(DataLoader(data, 2, sampler=[6, 0, 3])) == 2


def test_shuffle_follows_the_seed_and_changes_every_pass():
    data = TensorDataset(betty.arange(50), betty.arange(50) * 2)
    loader = DataLoader(data, 8, shuffle=True)

    def passes():
        betty.manual_seed(4)
        return [np.concatenate([x.numpy() for x, _ in loader]).tolist() for _ in range(2)]

    first = passes()
    assert sorted(first[0]) == sorted(first[1]) == list(range(50))
    assert first[0] != first[1] != list(range(50))
    assert passes() == first
    betty.manual_seed(5)
    assert next(x.tolist() for x, _ in loader) != first[0][:8]
    for x, y in loader:
        assert (x * 2).tolist() == y.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_dict_samples(workers):
    batches = list(DataLoader(Squares(5), 2, num_workers=workers))
    assert len(batches) == 3
    assert batches[1]["x"].tolist() == [[2, 4], [3, 9]]
    assert batches[1]["label"].tolist() == [2, 3]
    assert batches[1]["label"].dtype == betty.int64
    assert batches[2]["name"] == ["s4"]


def test_collates_every_kind_of_sample():
    (pair,) = DataLoader([Pair(1.5, np.ones(2)), Pair(2.5, np.zeros(2))], 2)
    assert isinstance(pair, Pair)
    assert pair.a.dtype == betty.float64
    assert pair.b.tolist() == [[1, 1], [0, 0]]
    ((x, flag),) = DataLoader([(np.float32(1), True), (np.float32(2), False)], 2)
    assert x.dtype == betty.float32
    assert flag.tolist() == [True, False]
    (joined,) = DataLoader([1, 2, 3], 3, collate_fn=sum)
    assert joined == 6
    with pytest.raises(TypeError, match="object"):
        list(DataLoader([object()], 1))


def test_iterable_data():
    class Stream:
        def __iter__(self):
            return iter(range(5))

    assert [b.tolist() for b in DataLoader(Stream(), 2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(), None)) == list(range(5))


@pytest.mark.parametrize("workers", [0, 1])
def test_empty_data(workers):
    data = TensorDataset(betty.zeros(0, 3))
    with pytest.raises(ValueError, match="num_samples must be positive, but there is no sample"):
        DataLoader(data, 4, shuffle=True, num_workers=workers)
    loader = DataLoader(data, 4, num_workers=workers)
    assert len(loader) == 0
    assert list(loader) == []
    assert list(loader) == []


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_what_a_sample_raises_arrives(workers):
    loader = DataLoader(Squares(9, fail_at=4), 2, num_workers=workers)
    batches = iter(loader)
    assert [next(batches)["label"].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(LookupError, match="sample 4 is broken"):
        next(batches)
    loader.dataset.fail_at = None
    assert len(list(loader)) == 5


def loaders_alive():
    return [t for t in threading.enumerate() if t.name == "betty-loader" and t.is_alive()]


def test_prefetch_stays_a_few_batches_ahead_and_stops():
    data = Squares(1000)
    batches = iter(DataLoader(data, 1, num_workers=1, prefetch_factor=3))
    next(batches)
    time.sleep(0.3)
    assert len(data.seen) <= 1 + 3 + 2
    batches.close()
    deadline = time.monotonic() + 5
    while loaders_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not loaders_alive()


def test_subsets_and_splits():
    data = TensorDataset(betty.arange(10))
    assert numbers(DataLoader(Subset(data, [3, 1]), 2)) == [[3, 1]]
    for lengths, sizes in (([7, 3], [7, 3]), ([0.25, 0.75], [3, 7]), ([0.5, 0.5], [5, 5])):
        parts = random_split(data, lengths)
        assert [len(part) for part in parts] == sizes
        together = [part[i][0].item() for part in parts for i in range(len(part))]
        assert sorted(together) == list(range(10))
    with pytest.raises(ValueError, match="10"):
        random_split(data, [7, 4])


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda d: DataLoader(d, 0), ValueError, "batch_size.*0"),
        (lambda d: DataLoader(d, 1, num_workers=-1), ValueError, "num_workers.*-1"),
        (lambda d: DataLoader(d, 1, shuffle=True, sampler=[0]), ValueError, "sampler"),
        (lambda d: DataLoader(d, None, drop_last=True), ValueError, "drop_last"),
        (lambda d: TensorDataset(), ValueError, "at least one"),
        (lambda d: TensorDataset(betty.zeros(2), betty.zeros(3)), AssertionError, r"\[2, 3\]"),
        (lambda d: d[9], IndexError, "9"),
        (lambda d: list(DataLoader(d, 1, sampler=[5])), IndexError, "5|out of range"),
    ],
)
def test_mistakes_are_named(act, error, text):
    with pytest.raises(error, match=text):
        act(TensorDataset(betty.arange(3)))


class Table:
    """What a data set of Hugging Face offers: a dict a row, rows in one go, splits as new sets."""

    def __init__(self, rows):
        self.rows, self.calls = rows, 0

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        row = self.rows[index]
        return {
            "input_ids": np.arange(row, row + 3),
            "label": np.int64(row),
            "score": np.float32(row / 2),
            "text": np.str_(f"s{row}"),
        }

    def __getitems__(self, indices):
        self.calls += 1
        return [self[i] for i in indices]


@pytest.mark.parametrize("workers", [0, 2])
def test_tables_of_hugging_face(workers):
    data = Table(list(range(10)))
    batches = list(DataLoader(data, 4, num_workers=workers))
    assert [len(batch["label"]) for batch in batches] == [4, 4, 2]
    assert data.calls == 3
    assert batches[1]["input_ids"].tolist() == [[4, 5, 6], [5, 6, 7], [6, 7, 8], [7, 8, 9]]
    assert batches[0]["label"].dtype is betty.int64
    assert batches[0]["score"].dtype is betty.float32
    assert batches[2]["text"] == ["s8", "s9"]
    part = next(iter(DataLoader(Subset(data, [7, 3]), 2)))
    assert part["label"].tolist() == [7, 3]


def elsewhere(numbered):
    """A stream of another library, whose base class has a ``__getitem__`` that only raises."""

    def refuse(self, index):
        raise NotImplementedError

    base = type("IterableDataset", (), {"__getitem__": refuse, "__len__": lambda self: 5})
    plain = type("Base", (), {"__getitem__": refuse})
    values = {"__iter__": lambda self: iter(np.arange(5))}
    return type("Stream", (base if numbered else plain,), values)()


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_streams_of_other_libraries(numbered, workers):
    loader = DataLoader(elsewhere(numbered), 2, num_workers=workers)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    with pytest.raises(ValueError, match="a stream has its own order"):
        DataLoader(elsewhere(numbered), 2, shuffle=True)
