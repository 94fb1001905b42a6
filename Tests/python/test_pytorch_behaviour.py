"""Corners where a number, a type or a gradient is what PyTorch gives. Its numbers stand here."""

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn


def gradients(function, *values):
    leaves = [betty.tensor(value, requires_grad=True) for value in values]
    function(*leaves).sum().backward()
    return [x.grad.tolist() for x in leaves]


# ---- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("requires_grad", [False, True])
def test_data_ptr_is_where_the_elements_are(requires_grad):
    x = betty.ones(1000, requires_grad=requires_grad)
    address = x.data_ptr()
    assert address == np.asarray(memoryview(x)).ctypes.data
    if not requires_grad:
        assert address == x.numpy().ctypes.data
    others = [betty.full((1000,), float(place)).data_ptr() for place in range(20)]
    assert x.data_ptr() == address
    assert address not in others
    held = x.detach()
    assert held.data_ptr() == address


def test_an_array_shares_until_the_tensor_changes():
    a = np.zeros(2, np.float32)
    x = betty.from_numpy(a)
    a[0] = 1
    assert x.tolist() == [1, 0]
    x.add_(1)
    assert x.tolist() == [2, 1]  # computed: what is only recorded still reads the array
    a[1] = 7
    assert (x.tolist(), a.tolist()) == ([2, 1], [1, 7])


def test_what_may_not_be_written_to_is_copied():
    a = np.zeros(2, np.float32)
    a.flags.writeable = False
    shown = betty.from_numpy(a).numpy()
    shown[0] = 5
    assert a.tolist() == [0, 0]
    w = betty.ones(2, requires_grad=True)
    w.detach().numpy()[0] = 5
    assert w.tolist() == [1, 1]


# ---- types ---------------------------------------------------------------------------------------

FROM_FLOATS = {
    betty.uint8: [44, 255, 212, 0, 0, 0, 0, 0],
    betty.int32: [300, -1, -300, 256] + [-(2**31)] * 4,
    betty.int64: [300, -1, -300, 256, 10**10] + [-(2**63)] * 3,
}


@pytest.mark.parametrize("kind", FROM_FLOATS, ids=str)
@pytest.mark.parametrize("source", [betty.float32, betty.float64], ids=str)
@pytest.mark.parametrize("repeats", [1, 9])
def test_floats_become_integers(kind, source, repeats):
    values = [300.0, -1.0, -300.0, 256.5, 1e10, np.nan, np.inf, -np.inf]
    x = betty.tensor(values * repeats, dtype=source)
    assert x.to(kind).tolist() == FROM_FLOATS[kind] * repeats
    # Constants and numbers of a recording go the same way.
    for value, want in zip(values, FROM_FLOATS[kind], strict=True):
        made = betty.full((2,), value, dtype=source).to(kind)
        assert made.tolist() == [want, want]


def test_bool():
    yes, no = betty.tensor([True, False]), betty.tensor([False, False])
    assert betty.maximum(yes, no).tolist() == [True, False]
    assert betty.minimum(yes, no).tolist() == [False, False]
    assert betty.fmax(yes, no).tolist() == [True, False]
    assert (yes**True).tolist() == [True, False]
    assert (yes**False).tolist() == [True, True]
    assert (yes**2).tolist() == [1, 0]
    index = betty.tensor([0, 0, 2])
    start, ones = betty.zeros(3, dtype=betty.bool), betty.ones(3, dtype=betty.bool)
    assert start.scatter_add(0, index, ones).tolist() == [True, False, True]
    assert start.index_add(0, index, ones).tolist() == [True, False, True]
    assert start.index_put((index,), ones, accumulate=True).tolist() == [True, False, True]
    many = betty.zeros(256, dtype=betty.int64)
    all_of_them = betty.ones(256, dtype=betty.bool)
    assert start.scatter_add(0, many, all_of_them).tolist() == [True, False, False]


def test_logsumexp_of_integers():
    assert betty.logsumexp(betty.tensor([1, 2]), 0).item() == pytest.approx(2.3132617)
    assert betty.logsumexp(betty.tensor([True, False]), 0).dtype is betty.float32


@pytest.mark.parametrize("kind", [betty.bfloat16, betty.float16], ids=str)
def test_short_floats_in_functions_that_evaluate(kind):
    x = betty.tensor([3.0, 0.0, 3.0, 3.0]).to(kind)
    assert betty.nonzero(x).tolist() == [[0], [2], [3]]
    values, counts = betty.unique(x, return_counts=True)
    assert (values.dtype, values.tolist(), counts.tolist()) == (kind, [0, 3], [1, 3])
    assert betty.unique_consecutive(x).tolist() == [3, 0, 3]
    assert betty.unique_consecutive(x).dtype is kind
    assert betty.masked_select(x, x > 0).dtype is kind


@pytest.mark.parametrize("kind", [betty.bfloat16, betty.float16, betty.float64], ids=str)
def test_the_clipped_norm_has_the_gradients_type(kind):
    p = nn.Parameter(betty.ones(3).to(kind))
    p.grad = betty.full((3,), 2.0, dtype=kind)
    assert nn.utils.clip_grad_norm_([p], 1.0).dtype is kind


def test_the_targets_type_is_that_of_a_loss_of_logits():
    single, wide = betty.tensor([1.0]), betty.tensor([1.0], dtype=betty.float64)
    assert F.binary_cross_entropy_with_logits(wide, single).dtype is betty.float32
    assert F.binary_cross_entropy_with_logits(single, wide).dtype is betty.float64
    assert F.binary_cross_entropy_with_logits(single.half(), single).dtype is betty.float32


# ---- arguments -----------------------------------------------------------------------------------


def test_tensors_of_one_element_are_numbers():
    one = betty.tensor(1)
    assert [x.tolist() for x in betty.arange(3).split(one)] == [[0], [1], [2]]
    assert [x.tolist() for x in betty.arange(3).chunk(one * 2)] == [[0, 1], [2]]
    slope = betty.tensor(0.1, dtype=betty.float64)
    assert F.leaky_relu(betty.tensor([-1.0]), slope).item() == pytest.approx(-0.1)
    assert betty.tensor([betty.tensor([1.0]), betty.tensor([2.0])]).tolist() == [1, 2]
    assert betty.tensor([[betty.tensor([1]), 2]]).tolist() == [[1, 2]]
    assert betty.tensor([[1.0, betty.tensor([2.0])]]).tolist() == [[1, 2]]
    assert betty.tensor([betty.tensor(1), 2.5]).dtype is betty.float32
    with pytest.raises(ValueError, match="only one element tensors"):
        betty.tensor([betty.ones(2), betty.ones(2)])


def test_bits_read_as_another_type():
    x = betty.tensor([1.0, 2.0])
    assert x.view(betty.int32).tolist() == [1065353216, 1073741824]
    assert x.view(betty.int32).view(betty.float32).tolist() == [1, 2]
    assert x.view(betty.uint8).shape == (8,)
    assert x.view(betty.uint8).view(betty.float32).tolist() == [1, 2]
    assert x.half().view(betty.bfloat16).view(betty.float16).tolist() == [1, 2]
    assert betty.zeros(2, 4).view(betty.float64).shape == (2, 2)
    assert betty.tensor([True]).view(betty.uint8).tolist() == [1]
    assert betty.zeros(0).view(betty.float64).shape == (0,)
    with pytest.raises(RuntimeError, match=r"divisible by 2 .* got 3"):
        betty.zeros(3).view(betty.float64)
    with pytest.raises(RuntimeError, match="0-d"):
        betty.tensor(1.0).view(betty.float16)


def test_dlpack_of_utils():
    from betty.utils.dlpack import from_dlpack, to_dlpack

    assert from_dlpack(to_dlpack(betty.ones(2))).tolist() == [1, 1]
    assert betty.utils.dlpack.from_dlpack is from_dlpack


def test_optimizers_take_leaves():
    w = betty.ones(2, requires_grad=True)
    before = (w * betty.tensor([1.0, 2.0])).sum()
    w.grad = betty.tensor([1.0, 0.0])
    optimizer = betty.optim.SGD([w], lr=0.5)
    before.backward()  # recorded before the optimizer knew the tensor
    assert w.grad.tolist() == [2, 2]
    optimizer.step()
    assert w.tolist() == [0, 0]
    optimizer.zero_grad()
    (w * 3).sum().backward()
    optimizer.step()
    assert w.tolist() == [-1.5, -1.5]
    assert w.requires_grad
    assert w.is_leaf


def test_optimizers_take_what_needs_no_gradient():
    x = betty.ones(1)
    optimizer = betty.optim.Adam([x], lr=0.1)
    optimizer.step()
    assert (x.tolist(), x.requires_grad) == ([1], False)
    x.requires_grad_(True)
    (x * 2).sum().backward()
    optimizer.step()
    assert x.item() == pytest.approx(0.9)


def test_a_problem_without_an_engine_says_so():
    from betty.problems import ImplicitProblem

    model = nn.Linear(1, 1)
    problem = ImplicitProblem(
        "inner", module=model, optimizer=betty.optim.SGD(model.parameters(), lr=0.1)
    )
    with pytest.raises(RuntimeError, match="problem 'inner': step needs an Engine"):
        problem.step()


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0, 0.0])
def test_the_power_0_has_a_gradient(exponent):
    x = betty.tensor([1.0, 0.0, np.inf], requires_grad=True)
    y = x**exponent
    assert (y.requires_grad, y.tolist()) == (True, [1, 1, 1])
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    assert (betty.tensor([0, 2]) ** 0).tolist() == [1, 1]
    assert (betty.tensor([0, 2]) ** 0).dtype is betty.int64


def test_gradients_at_the_bounds_of_clamp():
    points = [-2.0, -1.0, 0.0, 1.0, 2.0]
    low, high = [-1.0] * 5, [1.0] * 5
    assert gradients(lambda x: betty.clamp(x, -1, 1), points) == [[0, 0, 1, 0, 0]]
    assert gradients(lambda x: betty.clamp(x, min=0), [-1.0, 0.0, 1.0]) == [[0, 0, 1]]
    assert gradients(lambda x: betty.clamp_max(x, 0), [-1.0, 0.0, 1.0]) == [[1, 0, 0]]
    assert gradients(betty.clamp, points, low, high) == [
        [0, 0.5, 1, 0.5, 0],
        [1, 0.5, 0, 0, 0],
        [0, 0, 0, 0.5, 1],
    ]
    assert gradients(betty.clamp_min, points, low) == [[0, 0.5, 1, 1, 1], [1, 0.5, 0, 0, 0]]
    assert betty.clamp(betty.tensor([1.0, np.nan]), 3, 2).tolist()[0] == 2
    assert np.isnan(betty.clamp(betty.tensor([np.nan]), 0, 1).item())


@pytest.mark.parametrize("function", [betty.median, betty.nanmedian])
def test_equal_elements_share_the_gradient_of_the_median(function):
    (found,) = gradients(function, [1.0, 2.0, 2.0, 3.0, 2.0])
    np.testing.assert_allclose(found, [0, 1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-6)
    assert gradients(lambda x: function(x, 0)[0], [1.0, 2.0, 2.0, 3.0, 2.0]) == [[0, 0, 1, 0, 0]]
    assert np.isnan(betty.median(betty.tensor([1.0, np.nan])).item())
    assert function(betty.tensor([-np.inf, -np.inf, 1.0])).item() == -np.inf
    assert gradients(function, [INF, -INF, -INF]) == [[0, 0.5, 0.5]]
    assert gradients(betty.median, [NAN, 1.0, NAN]) == [[0.5, 0, 0.5]]


@pytest.mark.parametrize("kind", [betty.float32, betty.float64, betty.bfloat16], ids=str)
def test_powers_at_the_ends(kind):
    x = betty.tensor([-np.inf, -0.0, 0.0, np.inf, -1.0], dtype=kind)
    for exponent, expected in {
        0.5: [np.nan, -0.0, 0.0, np.inf, np.nan],
        -0.5: [np.nan, -np.inf, np.inf, 0.0, np.nan],
        1.5: [np.inf, 0.0, 0.0, np.inf, np.nan],
        2: [np.inf, 0.0, 0.0, np.inf, 1.0],
        3: [-np.inf, -0.0, 0.0, np.inf, -1.0],
        -1: [-0.0, -np.inf, np.inf, 0.0, -1.0],
        0: [1.0] * 5,
    }.items():
        found = (x**exponent).double().numpy()
        np.testing.assert_array_equal(found, expected)
        real = ~np.isnan(found)
        assert (np.signbit(found) == np.signbit(expected))[real].all()
    # A tensor's 0.5 is an exponent as any other.
    assert (x ** betty.tensor(0.5, dtype=kind)).tolist()[:2] == [np.inf, 0]
    # The slope of x^1.5 holds x^0.5.
    (slope,) = gradients(lambda x: x**1.5, [-np.inf, -0.0, 4.0])
    assert np.isnan(slope[0])
    assert slope[1:] == [0, 3]


def test_a_bounded_variance_passes_its_gradient_and_may_be_infinite():
    x, variance = betty.zeros(2), betty.tensor([0.0, np.inf], requires_grad=True)
    losses = F.gaussian_nll_loss(x, x, variance, reduction="none")
    assert losses[1].item() == np.inf
    losses[0].backward()
    np.testing.assert_allclose(variance.grad.tolist(), [0.5e6, 0])


INF, NAN = np.inf, np.nan
SLOPES = {
    "lgamma": (betty.lgamma, [0.0, -0.0, INF], [-INF, INF, INF]),
    "logit": (betty.logit, [0.0, 1.0, 0.5], [INF, INF, 4]),
    "asin": (betty.asin, [1.0, -1.0, 0.0], [INF, INF, 1]),
    "acos": (betty.acos, [1.0, -1.0, 0.0], [-INF, -INF, -1]),
    "acosh": (betty.acosh, [INF, 1.0], [0, INF]),
    "hardswish": (F.hardswish, [INF, -INF, NAN, -3.0, 3.0, 0.0], [1, 0, 1, 0, 1, 0.5]),
    "abs": (betty.abs, [NAN, 0.0], [0, 0]),
    "norm of 0": (lambda x: betty.norm(x, 0), [2.0, 0.0, INF], [0, 0, 0]),
    "power of 0": (lambda x: betty.matrix_power(x, 0), [[1.0, INF], [2.0, 3.0]], [[0, 0], [0, 0]]),
    "hypot": (lambda x: betty.hypot(x, x[:1] * 0), [0.0, -2.0], [0, -1]),
    "nothing": (lambda x: betty.logsumexp(x, 0), [], []),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_where_there_is_an_edge(name):
    function, points, want = SLOPES[name]
    np.testing.assert_array_equal(gradients(function, points)[0], want)


def test_the_slope_of_hardswish_forwards():
    points = betty.tensor([INF, -INF, 0.0])
    slope = betty.func.jvp(F.hardswish, (points,), (betty.ones(3),))[1]
    assert slope.tolist() == [1, 0, 0.5]


VALUES = {
    "digamma": (betty.digamma, [-2.0, -1.0, 0.0, -0.0], [NAN, NAN, -INF, INF]),
    "sign": (betty.sign, [NAN, -0.0, -INF], [0, 0, -1]),
    "acosh": (betty.acosh, [1e200, 1 + 2**-40, 0.5], [461.210165779359, 2**-19.5, NAN]),
    "logaddexp": (lambda x: betty.logaddexp(x, x.flip(0)), [NAN, INF], [NAN, NAN]),
    "logaddexp2": (lambda x: betty.logaddexp2(x, x.flip(0)), [-INF, NAN], [NAN, NAN]),
    "hypot": (lambda x: betty.hypot(x, x), [1e200, 1e-200], [2**0.5 * 1e200, 2**0.5 * 1e-200]),
    "infinite hypot": (lambda x: betty.hypot(x, x.flip(0)), [INF, NAN], [INF, INF]),
    "logspace": (lambda x: betty.logspace(0, 2, 3, dtype=x.dtype), [], [1, 10, 100]),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_at_the_ends(name):
    function, points, want = VALUES[name]
    found = function(betty.tensor(points, dtype=betty.float64))
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-12)


def test_all_and_any_over_no_dimensions():
    x = betty.tensor([[2, 0]])
    assert betty.all(x, dim=()).tolist() == betty.any(x, dim=()).tolist() == [[True, False]]
    assert (betty.all(x).item(), betty.any(x).item()) == (False, True)


def test_integers_in_activations():
    x = betty.arange(3) * 4
    for made, want in [
        (F.relu6(x), [0, 4, 6]),
        (F.hardtanh(x, 0.5, 2.5), [0, 2, 2]),
        (F.threshold(x, 4.5, 5.9), [5, 5, 8]),
    ]:
        assert (made.dtype, made.tolist()) == (betty.int64, want)
    np.testing.assert_allclose(F.softsign(x).numpy(), [0, 0.8, 8 / 9], rtol=1e-6)
    assert F.tanhshrink(x).dtype is betty.float32
    assert betty.conj(betty.tensor([True])).tolist() == [True]


def test_a_vector_of_weights():
    x, weight = betty.tensor([[1.0, 2.0], [3.0, 4.0]]), betty.tensor([1.0, 10.0])
    assert F.linear(x, weight).tolist() == [21, 43]
    assert F.linear(x[0], weight).item() == 21


def test_probabilities_of_another_type():
    scores = betty.tensor([[0.0, 1.0]])
    loss = F.cross_entropy(scores, betty.tensor([[0.5, 0.5]], dtype=betty.float64))
    assert loss.dtype is betty.float64
    assert loss.item() == pytest.approx(0.8132617)


# ---- padding -------------------------------------------------------------------------------------

PADDED = {
    "replicate": {(2, -1): [0, 0, 0, 1, 2], (-4, 2): [3, 3], (-1, 1): [1, 2, 3, 3]},
    "reflect": {(3, -2): [3, 2, 1, 0, 1], (-1, 1): [1, 2, 3, 2]},
    "circular": {(2, -1): [1, 2, 0, 1, 2], (-2, -1): [2]},
}


@pytest.mark.parametrize("mode", PADDED)
def test_padding_that_cuts(mode):
    x = betty.arange(4.0).reshape(1, 1, 4)
    for pad, want in PADDED[mode].items():
        assert F.pad(x, pad, mode).reshape(-1).tolist() == want
