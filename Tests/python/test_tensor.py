"""Tensors as Python objects: made, read, printed, changed, shared; what goes wrong says so."""

import copy
import gc
import math
import pickle
import threading

import betty
import numpy as np
import pytest

DTYPES = {
    betty.float64: np.float64,
    betty.float32: np.float32,
    betty.float16: np.float16,
    betty.int64: np.int64,
    betty.int32: np.int32,
    betty.uint8: np.uint8,
    betty.bool: np.bool_,
}


# ---- making and reading


@pytest.mark.parametrize(("kind", "other"), DTYPES.items(), ids=str)
def test_round_trip_through_numpy(kind, other):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(other)
    x = betty.tensor(array)
    assert x.dtype is kind
    assert x.shape == (2, 3)
    np.testing.assert_array_equal(x.numpy(), array)
    assert x.numpy().dtype == other
    assert x.tolist() == array.tolist()


def test_types_of_python_values():
    assert betty.tensor(1.5).dtype is betty.float32
    assert betty.tensor([1, 2]).dtype is betty.int64
    assert betty.tensor([True]).dtype is betty.bool
    assert betty.tensor([1, 2.5]).dtype is betty.float32
    assert betty.tensor([]).dtype is betty.float32
    assert betty.tensor([1], dtype=betty.bfloat16).dtype is betty.bfloat16


def test_tensor_copies_and_from_numpy_shares():
    array = np.ones(3, np.float32)
    copied, shared = betty.tensor(array), betty.from_numpy(array)
    array[0] = 5
    assert copied.tolist() == [1, 1, 1]
    assert shared.tolist() == [5, 1, 1]
    assert np.shares_memory(shared.numpy(), array)


def test_strided_and_read_only_arrays():
    array = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(betty.from_numpy(array[::2, ::-1]).numpy(), array[::2, ::-1])
    np.testing.assert_array_equal(betty.from_numpy(array.T).numpy(), array.T)
    array.flags.writeable = False
    x = betty.from_numpy(array)
    np.testing.assert_array_equal(x.numpy(), array)
    x.numpy()[0, 0] = 7  # never the read-only memory
    assert array[0, 0] == 0


@pytest.mark.parametrize(
    "bad",
    [
        np.array([1 + 2j]),
        np.array(["a"]),
        np.array([object()]),
        np.array([1.0], dtype=">f4"),
        np.array([1], dtype=np.uint32),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=lambda a: str(a.dtype),
)
def test_arrays_that_are_no_tensors(bad):
    with pytest.raises(TypeError, match="supported element types"):
        betty.tensor(bad)


def test_memory_outlives_its_owner():
    x = betty.from_numpy(np.full(1000, 3.0))
    view = betty.tensor([1.0, 2.0]).numpy()
    gc.collect()
    assert x.sum().item() == 3000
    assert view.tolist() == [1, 2]


def test_dlpack_both_ways():
    array = np.arange(6.0).reshape(2, 3)
    x = betty.from_dlpack(array)
    assert np.shares_memory(x.numpy(), array)
    again = np.from_dlpack(betty.arange(3))
    assert again.tolist() == [0, 1, 2]
    assert betty.tensor([1.0]).__dlpack_device__() == (1, 0)
    np.testing.assert_array_equal(betty.from_dlpack(array.T).numpy(), array.T)
    with pytest.raises(BufferError, match="detach"):
        betty.ones(2, requires_grad=True).__dlpack__()
    capsule = betty.ones(2).__dlpack__()
    betty.from_dlpack(capsule)
    with pytest.raises(ValueError, match="already used"):
        betty.from_dlpack(capsule)


def test_a_copy_never_shares():
    x = betty.arange(3.0)
    y = x.clone()
    y.numpy()[0] = 9
    assert x.tolist() == [0, 1, 2]


# ---- numbers


def test_numbers_of_one_element():
    assert betty.tensor([[2.5]]).item() == 2.5
    assert int(betty.tensor(2.7)) == 2
    assert float(betty.tensor(3)) == 3.0
    assert [10, 20][betty.tensor(1)] == 20
    assert bool(betty.tensor(0.0)) is False
    assert math.isnan(betty.tensor(float("nan")).item())
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(betty.ones(2))
    with pytest.raises(RuntimeError, match="2 elements"):
        betty.ones(2).item()
    with pytest.raises(TypeError):
        [1][betty.tensor(0.0)]
    with pytest.raises(TypeError, match="0-d"):
        len(betty.tensor(1))


def test_promotion():
    f32, f64, i64 = betty.ones(2), betty.ones(2, dtype=betty.float64), betty.ones(2).long()
    assert (f32 + 1).dtype is betty.float32
    assert (i64 + 1.5).dtype is betty.float32
    assert (i64 / 2).dtype is betty.float32
    assert (f32 + f64).dtype is betty.float64
    assert (f32 + betty.tensor(1.0, dtype=betty.float64)).dtype is betty.float32
    assert (i64 + True).dtype is betty.int64
    assert (f32 * np.float64(2)).dtype is betty.float32
    assert (np.float32(2) * f32).dtype is betty.float32
    assert isinstance(np.ones(2) * f32, betty.Tensor)
    assert (betty.tensor(2**53) + 1).item() == 2**53 + 1


def test_comparisons_are_elementwise_and_hash_is_identity():
    x = betty.tensor([1.0, 2.0])
    assert (x == betty.tensor([1.0, 3.0])).tolist() == [True, False]
    assert (x == "a") is False
    assert (x != None) is True  # noqa: E711
    assert {x: 1}[x] == 1


def test_a_comparison_reduced():
    x = betty.tensor([1.0, 2.0])
    assert not (x < 0).any()
    assert (x > 0).all()
    assert (x > 1).sum().item() == 1


def test_bits():
    assert (betty.tensor([True, False]) & True).tolist() == [True, False]
    assert (~betty.tensor([True, False])).tolist() == [False, True]
    assert (betty.tensor([6, 1]) & 3).tolist() == [2, 1]
    with pytest.raises(NotImplementedError, match="takes integers"):
        betty.tensor([1.0]) & 1


def test_wrong_operands():
    x = betty.ones(2, 3)
    with pytest.raises(RuntimeError, match=r"\[2, 3\].*\[4\]"):
        x + betty.ones(4)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError):
        x + None
    with pytest.raises(IndexError, match="dim"):
        x.sum(dim=2)
    with pytest.raises(OverflowError):
        x + 2**70
    with pytest.raises(RuntimeError, match=r"matmul.*f32\[2, 3\]"):
        x @ x


# ---- in place


def test_in_place_changes_the_handle_only():
    x = betty.tensor([1.0, 2.0])
    before = x * 1
    same = x
    x += 1
    x.mul_(2)
    assert same is x
    assert x.tolist() == [4, 6]
    assert before.tolist() == [1, 2]


def test_in_place_keeps_type_and_shape():
    x = betty.tensor([1, 2])
    with pytest.raises(RuntimeError, match="can't be cast"):
        x += 1.5
    with pytest.raises(RuntimeError, match="shape"):
        x.add_(betty.ones(2, 2).long())
    assert x.tolist() == [1, 2]


def test_views_write_through():
    x = betty.zeros(2, 3)
    x[0].fill_(1)
    x[:, 1] = 5
    x.view(-1)[5] = 7
    x.data[1, 0] = 3
    assert x.tolist() == [[1, 5, 1], [3, 5, 7]]


def test_leaves_that_need_gradients_are_kept():
    w = betty.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        w += 1
    with betty.no_grad():
        w += 1
    assert w.tolist() == [2, 2]
    assert w.requires_grad


# ---- copies


def test_pickle_and_copies():
    for kind in [*DTYPES, betty.bfloat16]:
        x = betty.tensor([1, 0, 1]).to(kind)
        y = pickle.loads(pickle.dumps(x))
        assert y.dtype is kind
        assert y.tolist() == x.tolist()
    w = betty.ones(2, requires_grad=True)
    again = copy.deepcopy([w, w])
    assert again[0] is again[1]
    assert again[0].requires_grad
    assert pickle.loads(pickle.dumps(betty.float32)) is betty.float32
    with pytest.raises(RuntimeError, match=r"leaf|leaves"):
        copy.deepcopy(w * 2)


def test_subclasses():
    class Special(betty.Tensor):
        pass

    x = betty.ones(2).as_subclass(Special)
    x.note = "kept"
    assert isinstance(x, Special)
    assert type(x + 1) is betty.Tensor
    assert x.note == "kept"


def test_cycles_through_subclasses_are_collected():
    import weakref

    class Special(betty.Tensor):
        pass

    x = betty.ones(2).as_subclass(Special)
    x.itself = x
    gone = weakref.ref(x)
    del x
    gc.collect()
    assert gone() is None


# ---- devices, threads, counters


def test_there_is_no_gpu():
    assert betty.cuda.is_available() is False
    for ask in (
        lambda: betty.ones(2).cuda(),
        lambda: betty.ones(2).to("cuda"),
        lambda: betty.ones(2, device="cuda:0"),
        lambda: betty.ones(2).to(betty.device("cuda", 1)),
    ):
        with pytest.raises(RuntimeError, match="not available"):
            ask()
    assert betty.ones(2).to("cpu").device == betty.device("cpu")


def test_threads_record_and_compute_side_by_side():
    results, errors = {}, []

    def work(seed):
        try:
            x = betty.full((50,), float(seed))
            for _ in range(20):
                x = (x * 1.5).sin() + seed
                x.sum().item()
            results[seed] = x.tolist()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for seed, found in results.items():
        x = np.full(50, seed, np.float32)
        for _ in range(20):
            x = np.sin(x * np.float32(1.5)) + np.float32(seed)
        np.testing.assert_allclose(found, x, rtol=1e-4)


def test_numbers_do_not_recompile():
    x = betty.ones(3)
    (x * 1.0).tolist()
    before = betty.counters()["compilations"]
    for factor in range(2, 12):
        (x * float(factor)).tolist()
    assert betty.counters()["compilations"] - before <= 1


def test_memory_is_given_back():
    betty.ones(1000).numpy()
    gc.collect()
    before = betty.memory_stats()["current"]
    for _ in range(50):
        (betty.ones(1000) * 2).numpy()
    gc.collect()
    assert betty.memory_stats()["current"] <= before + 8192


def test_seeds():
    betty.manual_seed(3)
    a = betty.rand(4).tolist()
    state = betty.get_rng_state()
    b = betty.rand(4).tolist()
    betty.set_rng_state(state)
    assert betty.rand(4).tolist() == b != a
    betty.manual_seed(3)
    assert betty.rand(4).tolist() == a


def test_lists_keep_every_digit_of_the_type_asked_for():
    assert betty.tensor([0.1, -1e-9], dtype=betty.float64).tolist() == [0.1, -1e-9]


def test_data_of_another_shape_that_is_made_of_the_tensor_itself():
    x = betty.from_numpy(np.arange(4, dtype=np.float32))
    longer = betty.cat([x, betty.ones(2) * 5])
    x.data = longer
    assert x.tolist() == longer.tolist() == [0, 1, 2, 3, 5, 5]


def test_full_has_all_digits_of_its_type():
    f64 = betty.float64
    assert betty.full((2,), 0.3, dtype=f64).tolist() == [0.3, 0.3]
    assert betty.full((1,), 1e300, dtype=f64).item() == 1e300
    assert betty.full_like(betty.zeros(1, dtype=f64), 0.3).item() == 0.3
    assert betty.zeros(1, dtype=f64).new_full((1,), 0.3).item() == 0.3
