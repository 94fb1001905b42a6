"""Workers of loaders: what they make ahead, what they draw, what becomes of what they raise."""

import os
import random
import threading
import time

import betty
import pytest
from betty import nn
from betty.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info


class Samples(Dataset):
    """Samples by a function of their number."""

    def __init__(self, count, make):
        self.count, self.make = count, make

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.make(index)


class Numbers(IterableDataset):
    """Numbers from a start on; the last one may be an error."""

    def __init__(self, start, stop, fails=False):
        self.start, self.stop, self.fails = start, stop, fails

    def __iter__(self):
        yield from range(self.start, self.stop)
        if self.fails:
            raise LookupError("the stream is broken")


class Divided(Numbers):
    """Each worker gives its share."""

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(self.start + first, self.stop, step))


def all_of(batches):
    """Everything that comes, an error as its text."""
    batches, found = iter(batches), []
    while True:
        try:
            found.append(next(batches).tolist())
        except StopIteration:
            return found
        except LookupError as error:
            found.append(str(error))


def drawn(workers, **options):
    def draw(index):
        time.sleep(random.random() * 0.003)
        own = betty.rand(1, generator=betty.Generator().manual_seed(index))
        return betty.cat([own, betty.rand(1), betty.rand(1)])

    betty.manual_seed(0)
    loader = DataLoader(Samples(16, draw), 2, shuffle=True, num_workers=workers, **options)
    first = [batch.tolist() for batch in loader]
    return first, [batch.tolist() for batch in loader]


def test_what_workers_draw_follows_the_seed_alone():
    first, second = drawn(4)
    assert first != second
    for workers in (4, 3, 1):
        assert drawn(workers) == (first, second)
    flat = {value for batch in first for row in batch for value in row[1:]}
    assert len(flat) == 32


def test_a_program_may_seed_its_workers():
    def seed(worker):
        betty.manual_seed(7 + worker)

    first, second = drawn(2, worker_init_fn=seed)
    assert drawn(2, worker_init_fn=seed) == (first, second) != drawn(2)
    with pytest.raises(RuntimeError, match="low must be below high"):
        betty.randint(3, 3, (1,)).item()
    betty.manual_seed(1)
    expected = betty.rand(2).tolist()
    betty.manual_seed(1)
    loader = DataLoader(Samples(4, lambda i: betty.rand(3)), num_workers=2, worker_init_fn=seed)
    generator = betty.Generator()
    loader.generator = generator
    list(loader)
    assert betty.rand(2).tolist() == expected  # the program's own draws are as they were


def test_batches_are_computed_in_the_worker():
    def multiply(index):
        x = betty.rand(20, 20)
        for _ in range(3):
            x = x @ x
        return {"x": x, "label": index}

    before = betty.counters()["kernels_launched"]
    batches = iter(DataLoader(Samples(4, multiply), 2, num_workers=1))
    deadline = time.monotonic() + 30
    while betty.counters()["kernels_launched"] < before + 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert betty.counters()["kernels_launched"] >= before + 12
    assert next(batches)["x"].shape == (2, 20, 20)

    def lookup(index):
        return betty.arange(3).index_select(0, betty.tensor([index]))

    found = []
    for batch in (loader := iter(DataLoader(Samples(5, lookup), num_workers=2))):
        found.append(batch.item())
        if len(found) == 3:
            break
    with pytest.raises(IndexError) as caught:
        next(loader)
    assert "Caught in DataLoader worker 1" in caught.value.__notes__[0]


def test_streams_are_read_by_the_workers():
    readers = set()

    class Read(Numbers):
        def __iter__(self):
            readers.add(threading.current_thread().name)
            return super().__iter__()

    assert all_of(DataLoader(Read(0, 3), 2, num_workers=2)) == [[0, 1], [0, 1], [2], [2]]
    assert readers == {"loader-0", "loader-1"}
    divided = DataLoader(Divided(0, 7), 2, num_workers=3)
    assert all_of(divided) == [[0, 3], [1, 4], [2, 5], [6]]
    assert list(DataLoader(Divided(0, 3), None, num_workers=2)) == [0, 1, 2]
    assert all_of(DataLoader(Divided(0, 3), 2)) == [[0, 1], [2]]

    def divide(worker):
        stream = get_worker_info().dataset
        stream.start, stream.stop = stream.start + 2 * worker, stream.start + 2 * worker + 2

    assert all_of(DataLoader(Numbers(4, 8), 2, num_workers=2, worker_init_fn=divide)) == [
        [4, 5], [6, 7]
    ]  # fmt: skip


def test_workers_know_themselves():
    seen = {}

    def look(worker):
        info = get_worker_info()
        seen[worker] = (info.id, info.num_workers, info.dataset, info.seed, betty.initial_seed())

    data = Samples(4, lambda index: get_worker_info().id)
    assert all_of(DataLoader(data, num_workers=2, worker_init_fn=look)) == [[0], [1], [0], [1]]
    for worker in (0, 1):
        assert seen[worker][:3] == (worker, 2, data)
        assert seen[worker][3] == seen[worker][4] == seen[0][3] + worker
    assert get_worker_info() is None


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_batches_before_and_after_an_error_come(workers):
    def sample(index):
        if index == 2:
            raise LookupError("sample 2 is broken")
        return index

    data = DataLoader(Samples(5, sample), num_workers=workers)
    assert all_of(data) == [[0], [1], "sample 2 is broken", [3], [4]]

    def chosen():
        yield from (0, 1)
        raise LookupError("the sampler is broken")

    data = DataLoader(Samples(5, sample), sampler=chosen(), num_workers=workers)
    assert all_of(data) == [[0], [1], "the sampler is broken"]
    stream = DataLoader(Numbers(0, 3, fails=True), num_workers=workers)
    found = all_of(stream)
    assert [found.count([i]) for i in range(3)] == [max(workers, 1)] * 3
    assert found.count("the stream is broken") == max(workers, 1)


def test_an_error_raised_twice_gets_one_note():
    error = LookupError("always the same")

    def fail(index):
        raise error

    assert len(all_of(DataLoader(Samples(3, fail), num_workers=2))) == 3
    assert len(error.__notes__) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_the_end_of_another_iterator_is_no_end_of_the_loader(workers):
    def stop(index):
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration of the data set at"):
        list(DataLoader(Samples(3, stop), num_workers=workers))


def test_workers_record_for_gradients_as_the_program_does():
    weight = nn.Parameter(betty.ones(1))
    loader = DataLoader(Samples(2, lambda index: weight * index), num_workers=1)
    assert [batch.requires_grad for batch in loader] == [True, True]
    with betty.no_grad():
        assert [batch.requires_grad for batch in loader] == [False, False]


def test_batches_as_they_are_ready():
    gate = threading.Event()

    def wait(index):
        if index == 0:
            gate.wait(30)
        return index

    batches = iter(DataLoader(Samples(4, wait), num_workers=2, in_order=False))
    assert next(batches).item() == 1
    assert len(batches) == 4
    gate.set()
    assert sorted(all_of(batches)) == [[0], [2], [3]]


def test_a_child_of_fork_is_told_to_iterate_anew():
    batches = iter(DataLoader(Samples(4, int), num_workers=1))
    next(batches)
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            next(batches)
        except RuntimeError as error:
            os.write(start, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"iterate anew after a fork" in os.read(end, 1000)
    os.close(end)
    os.close(start)
    assert len(list(batches)) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_of_a_subclass_are_its_own(workers):
    class Shifted(TensorDataset):
        def __getitem__(self, index):
            (x,) = super().__getitem__(index)
            return x + 100, index

    class Several(TensorDataset):
        def __getitems__(self, indices):
            return [(index,) for index in indices]

    class Plain(TensorDataset):
        pass

    for kind, expected in ((Shifted, 100), (Several, 0), (Plain, 7)):
        data = kind(betty.full((3,), 0 if kind is Shifted else 7))
        batch = next(iter(DataLoader(data, 3, num_workers=workers)))
        assert batch[0][0].item() == expected
