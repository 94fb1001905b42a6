"""x[key] and x[key] = value against NumPy, and their errors against PyTorch's classes."""

import betty
import numpy as np
import pytest

ARRAY = np.arange(60).reshape(3, 4, 5)
KEYS = [
    1,
    -1,
    slice(1, None),
    slice(None, None, 2),
    (0, 1, 2),
    (slice(None), 2),
    (Ellipsis, 1),
    (1, Ellipsis, slice(1, 4, 2)),
    None,
    (None, 0, None),
    (slice(5, 9),),
    [0, 2],
    np.array([2, 0, -1]),
    np.array([[0, 1], [2, 2]]),
    (slice(None), [1, 3]),
    ([0, 1], [1, 2]),
    ([0, 1], [1, 2], [0, -1]),
    (slice(None), [0, 1], [1, 2]),
    ([0, 2], slice(None), [1, 3]),
    ([0, 2], slice(1, 3)),
    (np.array([[0], [1]]), [0, 1]),
    (1, [0, 3]),
    np.array([True, False, True]),
    (slice(None), np.array([True, False, False, True])),
    ARRAY > 30,
    ARRAY[..., 0] > 30,
    (np.array([True, False, True]), slice(1, 2)),
    np.array([], dtype=np.int64),
    True,
]


def keys_of(key):
    """The same key with tensors for arrays."""
    if isinstance(key, tuple):
        return tuple(keys_of(part) for part in key)
    return betty.tensor(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key).replace("\n", " ")[:40])
def test_getitem_and_setitem(key):
    x = betty.tensor(ARRAY)
    np.testing.assert_array_equal(x[keys_of(key)].numpy(), ARRAY[key])
    np.testing.assert_array_equal(x[key].numpy(), ARRAY[key])
    expected = ARRAY.copy()
    expected[key] = -1
    x[keys_of(key)] = -1
    np.testing.assert_array_equal(x.numpy(), expected)
    values = -np.arange(ARRAY[key].size).reshape(ARRAY[key].shape)
    expected[key] = values
    x[keys_of(key)] = betty.tensor(values)
    np.testing.assert_array_equal(x.numpy(), expected)


def test_gradients_flow_to_what_was_picked():
    x = betty.zeros(3, 2, requires_grad=True)
    (x[[0, 0, 2]] * betty.tensor([[1.0], [2.0], [5.0]])).sum().backward()
    assert x.grad.tolist() == [[3, 3], [0, 0], [5, 5]]
    y = betty.zeros(3, requires_grad=True)
    z = y * 1
    z[1] = betty.tensor(4.0)
    (z * betty.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert y.grad.tolist() == [1, 0, 3]


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        ((0, 0, 0, 0), IndexError),
        (slice(None, None, -1), ValueError),
        (slice(None, None, 0), ValueError),
        ((Ellipsis, Ellipsis), IndexError),
        (np.array([0.5]), IndexError),
        (np.array([True, False]), IndexError),
        (([0, 1], [0, 1, 2]), IndexError),
        ("a", TypeError),
        (slice("a", None), TypeError),
    ],
    ids=str,
)
def test_wrong_keys(key, error):
    x = betty.tensor(ARRAY)
    with pytest.raises(error):
        x[keys_of(key)]
    with pytest.raises(error):
        x[keys_of(key)] = 0
    np.testing.assert_array_equal(x.numpy(), ARRAY)


@pytest.mark.parametrize("key", [[0, 3], [-4], ([0, 3], [0, 0]), ([0, 0], [0, 4])], ids=str)
def test_indices_out_of_range(key):
    with pytest.raises(IndexError):
        betty.tensor(ARRAY)[key].tolist()


def test_scalars_have_no_items():
    with pytest.raises(IndexError, match="0-dim"):
        betty.tensor(1)[0]
    assert betty.tensor(1)[None].tolist() == [1]
    assert betty.tensor(1)[...].item() == 1


def test_iteration():
    assert [row.tolist() for row in betty.arange(4).reshape(2, 2)] == [[0, 1], [2, 3]]
    with pytest.raises(TypeError, match="0-d"):
        iter(betty.tensor(1))
    assert 3 in betty.arange(4)
    assert 9 not in betty.arange(4)
