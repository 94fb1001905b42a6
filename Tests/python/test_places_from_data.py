"""Reading and writing at places that change with each turn of a loop, without programs for each."""

import betty
import numpy as np
import pytest
from betty import _native
from betty.utils.data import DataLoader, Dataset


def compilations(work):
    before = _native.counters()["compilations"]
    result = work()
    return result, _native.counters()["compilations"] - before


def test_reading_elements_compiles_nothing():
    x = betty.arange(500.0)
    x.tolist()
    values, compiled = compilations(lambda: [x[i].item() for i in range(500)])
    assert values == list(range(500)) and compiled == 0


def test_a_parameter_is_read_by_element_without_programs():
    w = betty.nn.Parameter(betty.arange(12.0).reshape(3, 4))
    values, compiled = compilations(lambda: [w[i, j].item() for i in range(3) for j in range(4)])
    assert values == list(range(12)) and compiled == 0


def test_writing_elements_compiles_a_few_programs_and_copies_nothing():
    def work():
        out = betty.zeros(300)
        for i in range(300):
            out[i] = i * 0.5
        return out.tolist()

    work()
    values, compiled = compilations(work)
    assert values == [i * 0.5 for i in range(300)] and compiled <= 2
    out = betty.zeros(1 << 16)
    for i in range(20):
        out[i] = 1.0
    out.tolist()
    before = _native.counters()["bytes_allocated"]
    for i in range(20, 120):
        out[i] = 1.0
    assert _native.counters()["bytes_allocated"] - before < 1 << 16
    assert out.sum().item() == 120


def test_a_recurrence_written_element_by_element():
    def work():
        out = betty.ones(200, dtype=betty.float64)
        for i in range(1, 200):
            out[i] = out[i - 1] * 0.9 + i
        return out.numpy().copy()

    work()
    values, compiled = compilations(work)
    expected = np.ones(200)
    for i in range(1, 200):
        expected[i] = expected[i - 1] * 0.9 + i
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert compiled <= 2


def test_rows_that_a_data_set_picks_make_batches_of_one_program():
    rows = betty.randn(64, 5)

    class Rows(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            return rows[index] * 2, index

    def epoch(seed):
        betty.manual_seed(seed)
        return [(x.numpy().copy(), y.tolist()) for x, y in DataLoader(Rows(), 8, shuffle=True)]

    epoch(0)
    epoch(1)
    batches, compiled = compilations(lambda: epoch(2))
    assert compiled == 0
    for x, picked in batches:
        np.testing.assert_array_equal(x, 2 * rows.numpy()[picked])


def test_gradients_flow_to_elements_that_were_read():
    w = betty.nn.Parameter(betty.arange(20.0))
    total = betty.zeros(())
    for i in range(20):
        assert w[i].item() == i
        total = total + w[i] * w[i] * i
    total.backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * np.arange(20.0) ** 2)


def test_gradients_flow_through_elements_that_were_written():
    w = betty.ones(20, requires_grad=True)
    out = betty.zeros(20)
    for i in range(20):
        out[i] = w[i] * i
    out.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.arange(20.0))


@pytest.mark.parametrize("seed", range(12))
def test_random_reads_and_writes_against_numpy(seed):
    """Views see what is written later, copies and pending results do not."""
    random = np.random.default_rng(seed)
    shape = (5, 4, 3)
    x, a = betty.zeros(shape, dtype=betty.float64), np.zeros(shape)
    held = []

    def key():
        parts = []
        for size in shape[: random.integers(1, 4)]:
            start = int(random.integers(0, size))
            if random.random() < 0.6:
                parts.append(start if random.random() < 0.7 else start - size)
            else:
                stop = int(random.integers(start, size + 1))
                parts.append(slice(start, stop, int(random.integers(1, 3))))
        return tuple(parts) if len(parts) > 1 or random.random() < 0.5 else parts[0]

    for turn in range(120):
        place = key()
        kind = random.integers(0, 7)
        if kind == 0:
            x[place] = float(turn)
            a[place] = turn
        elif kind == 1:
            value = random.normal(size=a[place].shape)
            x[place] = betty.tensor(value)
            a[place] = value
        elif kind == 2:
            other = (x + turn).sum() * 0.25
            x[place] = other
            a[place] = (a + turn).sum() * 0.25
        elif kind == 3:
            x[place] += 1
            a[place] += 1
        elif kind == 4:
            whole = (*place, ...) if isinstance(place, tuple) else (place, ...)
            held.append((x[place], a[whole]))  # views of both
        elif kind == 5:
            held.append((x * 2 + x[place].sum(), a * 2 + a[place].sum()))
        else:
            held.append((x.clone()[place], a.copy()[place]))
        if random.random() < 0.2 and held:
            got, expected = held[random.integers(0, len(held))]
            np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)
        if random.random() < 0.1:
            with betty.no_grad():
                x.mul_(0.5)
            a *= 0.5
    np.testing.assert_allclose(x.numpy(), a, rtol=1e-12)
    for got, expected in held:
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)
