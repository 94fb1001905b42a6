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


def test_masks_without_dimensions():
    x, yes, no = betty.ones(2, 3), betty.tensor(True), betty.tensor(False)
    assert (x[yes].shape, x[no].shape, x[:, yes].shape) == ((1, 2, 3), (0, 2, 3), (2, 1, 3))
    assert x[yes, betty.tensor([0, 1, 1])].shape == (3, 3)
    for mask, want in [(yes, 5), (no, 1)]:
        changed = betty.ones(3)
        changed[mask] = 5.0
        assert changed.tolist() == [want] * 3
    scalar = betty.tensor(2.0)
    scalar[scalar > 0] = 0.0
    assert scalar.item() == 0
    scalar[scalar == 0] = betty.tensor([3.0])
    assert scalar.item() == 3


def test_places_of_what_is_not_zero_without_dimensions():
    for value, count in [(3, 1), (0, 0)]:
        x = betty.tensor(value)
        assert x.nonzero().shape == betty.argwhere(x).shape == (count, 0)
        assert [i.tolist() for i in betty.where(x)] == [[0] * count]


SCALAR, ZERO, FIVE = betty.tensor(2.0), betty.tensor(0), betty.tensor(5.0)


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda: betty.gather(SCALAR, 0, ZERO), 2),
        (lambda: betty.gather(SCALAR, 0, betty.tensor([0, 0])), [2, 2]),
        (lambda: betty.gather(betty.tensor([3.0, 4.0]), 0, betty.tensor(1)), 4),
        (lambda: betty.scatter(SCALAR, 0, ZERO, FIVE), 5),
        (lambda: betty.scatter(SCALAR, 0, ZERO, 5.0), 5),
        (lambda: betty.scatter_add(SCALAR, 0, ZERO, FIVE), 7),
        (lambda: betty.scatter_reduce(SCALAR, 0, ZERO, FIVE, "prod"), 10),
        (lambda: betty.index_select(SCALAR, 0, betty.tensor([0])), 2),
        (lambda: SCALAR.index_fill(0, ZERO, 3.0), 3),
        (lambda: SCALAR.index_add(0, ZERO, FIVE), 7),
        (lambda: SCALAR.index_copy(0, betty.tensor([0]), betty.tensor([5.0])), 5),
    ],
)
def test_indices_into_a_number(function, want):
    assert function().tolist() == want


def test_lists_that_are_several_keys():
    x = betty.arange(25).reshape(5, 5)
    i = betty.tensor([0, 1])
    assert x[[[0, 1], [2, 3]]].tolist() == [2, 8]
    assert x[[slice(0, 2), 1]].tolist() == [1, 6]
    assert x[[i, i]].tolist() == x[[i.numpy(), i.numpy()]].tolist() == [0, 6]
    assert x[[np.int64(1), 2]].shape == (2, 5)
    assert x[[None, 1]].shape == (1, 5)
    assert x[[0, 1]].shape == (2, 5)
    assert x[[True, False, True, False, False]].shape == (2, 5)
    x[[[0, 1], [0, 0]]] = -1
    assert x[:3, 0].tolist() == [-1, -1, 10]


@pytest.mark.parametrize(
    "put",
    [
        lambda x: x.__setitem__(betty.tensor([0]), betty.tensor([1.5])),
        lambda x: x.__setitem__(betty.tensor([True, True]), betty.tensor([1.5, 2.5])),
        lambda x: x.index_put_((betty.tensor([0]),), betty.tensor(1.5)),
    ],
)
def test_what_is_put_at_indices_is_not_converted(put):
    x = betty.tensor([7, 8])
    with pytest.raises(RuntimeError, match=r"must match, got betty.float32 and betty.int64"):
        put(x)
    assert x.tolist() == [7, 8]
    x[0] = betty.tensor(1.5)  # what is no index of tensors is converted
    x[x > 7] = 2.5
    assert x.tolist() == [1, 2]


def test_the_last_of_several_values_has_the_gradient():
    y = betty.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = betty.zeros(3)
    x[betty.tensor([0, 0, 1])] = y
    (x * betty.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert (x.tolist(), y.grad.tolist()) == ([2, 3, 0], [0, 1, 2])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(100003,), (3000, 70)])
def test_the_last_of_equal_indices_wins_on_any_number_of_threads(shape, threads):
    rng = np.random.default_rng(0)
    index = rng.integers(0, shape[0], 2 * shape[0])
    start, values = rng.standard_normal(shape), rng.standard_normal((len(index), *shape[1:]))
    expected = start.copy()
    expected[index] = values
    last = np.zeros_like(values)
    last[list({target: place for place, target in enumerate(index)}.values())] = 1
    before = betty.get_num_threads()
    betty.set_num_threads(threads)
    try:
        x = betty.tensor(start, requires_grad=True)
        v = betty.tensor(values, requires_grad=True)
        y = x * 1
        y[betty.tensor(index)] = v
        np.testing.assert_array_equal(y.detach().numpy(), expected)
        y.sum().backward()
        np.testing.assert_array_equal(v.grad.numpy(), last)
        assert (x.grad != 0).sum().item() == start.size - last.sum()
    finally:
        betty.set_num_threads(before)


@pytest.mark.parametrize("include_self", [True, False])
def test_equal_extremes_share_the_gradient(include_self):
    x = betty.tensor([2.0, 1.0, 7.0], requires_grad=True)
    v = betty.tensor([2.0, 2.0, 1.0, 3.0], requires_grad=True)
    index = betty.tensor([0, 0, 0, 1])
    made = x.scatter_reduce(0, index, v, "amax", include_self=include_self)
    assert made.tolist() == [2.0, 3.0, 7.0]
    made.sum().backward()
    share = 1 / 3 if include_self else 1 / 2
    np.testing.assert_allclose(v.grad.numpy(), [share, share, 0, 1], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [1 / 3 if include_self else 0, 0, 1], rtol=1e-6)


def test_near_rows_keep_the_digits_of_their_distance():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((40, 30)).astype(np.float32)
    b = a + rng.standard_normal(a.shape).astype(np.float32) * np.float32(1e-5)
    wanted = np.linalg.norm(a.astype(np.float64) - b, axis=1)
    x = betty.tensor(a, requires_grad=True)
    found = betty.cdist(x, betty.tensor(b)).diagonal()
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-5)
    found.sum().backward()
    slope = (a.astype(np.float64) - b) / wanted[:, None]
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-3, atol=1e-5)
    assert betty.cdist(x, x).diagonal().abs().max().item() == 0
