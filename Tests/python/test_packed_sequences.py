"""Packed sequences: recurrent layers on a batch against the same layers on each sequence."""

import copy
import pickle

import betty
import numpy as np
import pytest
from betty import nn
from betty.nn.utils import rnn

RNG = np.random.RandomState(4)
LENGTHS = [2, 5, 1, 3]


def sequences(width=3):
    return [betty.from_numpy(RNG.randn(n, width)) for n in LENGTHS]


LAYERS = {
    "lstm": lambda: nn.LSTM(3, 4),
    "lstm wide": lambda: nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2),
    "gru": lambda: nn.GRU(3, 4, 2, bidirectional=True),
    "rnn": lambda: nn.RNN(3, 4, 2, nonlinearity="relu"),
}


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_is_as_its_sequences_alone(name, given):
    layer, batch = LAYERS[name]().double(), sequences()
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = [layer.proj_size or 4, 4][: 2 if layer.mode == "LSTM" else 1]
    starts = [betty.from_numpy(RNG.randn(count, 4, width)) for width in widths]

    def state(of):
        return (of[0] if len(of) == 1 else tuple(of)) if given else None

    def flat(last):
        return last if isinstance(last, tuple) else (last,)

    packed = rnn.pack_sequence(batch, enforce_sorted=False)
    output, last = layer(packed, state(starts))
    assert isinstance(output, rnn.PackedSequence)
    total = 0.0
    for number, (got, one) in enumerate(zip(rnn.unpack_sequence(output), batch, strict=True)):
        expected, end = layer(one, state([start[:, number] for start in starts]))
        np.testing.assert_allclose(got.detach(), expected.detach(), atol=1e-12)
        for part, wanted in zip(flat(last), flat(end), strict=True):
            np.testing.assert_allclose(part[:, number].detach(), wanted.detach(), atol=1e-12)
            total = total + (wanted**3).sum()
        total = total + (expected**3).sum()
    mine = (output.data**3).sum() + sum((part**3).sum() for part in flat(last))
    weights = list(layer.parameters())
    found = betty.autograd.grad(mine, weights)
    for got, expected in zip(found, betty.autograd.grad(total, weights), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)


def test_rows_are_packed_step_by_step():
    batch = sequences()
    packed = rnn.pack_sequence(batch, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [4, 3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 3, 0, 2]
    assert packed.unsorted_indices.tolist() == [2, 0, 3, 1]
    rows = [batch[i][step] for step in range(5) for i in (1, 3, 0, 2) if step < LENGTHS[i]]
    np.testing.assert_array_equal(packed.data, betty.stack(rows))
    data, sizes, _, _ = packed
    assert data is packed.data and sizes is packed.batch_sizes


@pytest.mark.parametrize("batch_first", [False, True])
def test_there_and_back(batch_first):
    batch = sequences()
    padded = rnn.pad_sequence(batch, batch_first)
    packed = rnn.pack_padded_sequence(padded, betty.tensor(LENGTHS), batch_first, False)
    for form in (packed, rnn.PackedSequence(*packed), pickle.loads(pickle.dumps(packed))):
        again, lengths = rnn.pad_packed_sequence(form, batch_first)
        np.testing.assert_array_equal(again, padded)
        assert lengths.tolist() == LENGTHS
    filled, _ = rnn.pad_packed_sequence(packed, batch_first, -1.0, total_length=7)
    expected = np.full((7, 4, 3), -1.0)
    for number, one in enumerate(batch):
        expected[: len(one), number] = one.numpy()
    np.testing.assert_array_equal(filled, expected.swapaxes(0, 1) if batch_first else expected)


def test_other_rows_in_the_same_order():
    batch = sequences()
    packed = rnn.pack_sequence(batch, enforce_sorted=False)
    doubled = packed._replace(data=packed.data * 2)
    for got, one in zip(rnn.unpack_sequence(doubled), batch, strict=True):
        np.testing.assert_array_equal(got, one.numpy() * 2)
    low = copy.copy(packed).float()
    assert low.data.dtype is rnn.pad_packed_sequence(low)[0].dtype is betty.float32
    assert packed.double() is packed


def test_what_stands_behind_an_end_does_not_matter():
    x = betty.zeros(3, 2, 1)
    x[1:, 1] = float("nan")
    x.requires_grad_()
    layer = nn.GRU(1, 2)
    output, last = layer(rnn.pack_padded_sequence(x, [3, 1]))
    (output.data.sum() + last.sum()).backward()
    assert betty.isfinite(x.grad).all() and betty.isfinite(layer.weight_ih_l0.grad).all()


def test_lengths_are_data_of_one_program():
    layer = nn.LSTM(3, 4)

    def loss(lengths):
        padded = betty.ones(6, 3, 3)
        output, _ = layer(rnn.pack_padded_sequence(padded, lengths))
        return rnn.pad_packed_sequence(output)[0].sum().item()

    loss([6, 4, 2])  # draws the parameters too
    loss([6, 3, 3])
    before = betty.counters()["compilations"]
    assert loss([6, 6, 1]) != loss([6, 5, 5])
    assert betty.counters()["compilations"] == before


X = betty.ones(4, 2, 3)
REFUSED = [
    (lambda: rnn.pack_padded_sequence(X, [3, 4]), RuntimeError, "sorted in decreasing order"),
    (lambda: rnn.pack_padded_sequence(X, [3]), RuntimeError, "equal to batch_size"),
    (lambda: rnn.pack_padded_sequence(X, [3, 0]), RuntimeError, "greater than 0"),
    (lambda: rnn.pack_padded_sequence(X, [5, 1]), RuntimeError, "exceeds the 4 steps"),
    (
        lambda: rnn.pad_packed_sequence(rnn.pack_padded_sequence(X, [4, 1]), total_length=3),
        ValueError,
        "total_length=3",
    ),
    (lambda: rnn.PackedSequence(X), ValueError, "batch_sizes"),
    (
        lambda: nn.LSTM(2, 2)(rnn.pack_padded_sequence(X, [4, 1])),
        RuntimeError,
        "Expected 2, got 3",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
