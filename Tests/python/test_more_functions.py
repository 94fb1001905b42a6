"""Less common functions: values as PyTorch gives them (recorded_operations.json), derivatives by
differences, errors, and that nothing is evaluated while recording."""

import json
import math
from pathlib import Path

import betty
import numpy as np
import pytest
from derivatives import check_derivatives

RECORDED = json.loads(Path(__file__).with_name("recorded_operations.json").read_text())
F64 = betty.float64
INF = math.inf


def t(values):
    whole = all(isinstance(v, int) for v in np.ravel(np.array(values, object)))
    return betty.tensor(values, dtype=None if whole else F64)


X = t([[3.0, 1.0, 2.0, 1.0], [0.5, 4.0, -1.0, 4.0]])
N = t([[3.0, math.nan, 2.0, 1.0], [0.5, 4.0, -1.0, 4.0]])
GAMMA = t([0.1, 0.5, 1.0, 2.5, 7.9, 30.0, -0.3, -3.7])
SORTED, WANTED = t([1.0, 3.0, 3.0, 5.0]), t([0.0, 3.0, 5.0, 9.0])
BITS = t([5, -3, 8])

CASES = {
    "sort": lambda: betty.sort(X, stable=True),
    "sortd": lambda: betty.sort(X, descending=True, stable=True),
    "cummax": lambda: X.cummax(1),
    "cummin": lambda: X.cummin(1),
    "kthvalue": lambda: X.kthvalue(2, 0),
    "median": lambda: X.median(1),
    "mode": lambda: X.mode(1),
    "quantile": lambda: X.quantile(t([0.1, 0.6]), 1, keepdim=True),
    "nanquantile": lambda: N.nanquantile(0.4, 1),
    "nanmedian": lambda: N.nanmedian(1)[0],
    "nanmean": lambda: N.nanmean(1),
    "median_nan": lambda: N.median(1)[0],
    "logcumsumexp": lambda: X.logcumsumexp(1),
    "histc": lambda: X.histc(4),
    "histc2": lambda: X.histc(3, 0, 2),
    "search": lambda: betty.searchsorted(SORTED, WANTED),
    "searchr": lambda: betty.searchsorted(SORTED, WANTED, right=True),
    "index_reduce": lambda: t([[1.0] * 4] * 2).index_reduce(1, t([0, 0, 3]), X[:, :3], "prod"),
    "lgamma": lambda: GAMMA.lgamma(),
    "digamma": lambda: GAMMA.digamma(),
    "polygamma1": lambda: betty.polygamma(1, GAMMA),
    "polygamma2": lambda: betty.polygamma(2, GAMMA[:6]),
    "erfinv": lambda: t([-0.99999, -0.3, 0.0, 0.7, 0.999]).erfinv(),
    "unfold": lambda: betty.arange(10.0).reshape(2, 5).unfold(1, 3, 2),
    "diff": lambda: betty.diff(X, 2, prepend=betty.zeros(2, 1, dtype=F64)),
    "trap": lambda: betty.trapezoid(X, t([0.0, 1.0, 3.0, 4.0])),
    "ctrap": lambda: betty.cumulative_trapezoid(X, dx=0.5),
    "cov": lambda: X.cov(correction=0, fweights=t([1, 2, 1, 3]), aweights=t([0.5, 1.0, 2.0, 1.0])),
    "corrcoef": lambda: X.corrcoef(),
    "cdist1": lambda: betty.cdist(X, X + 1, 1.0),
    "pdist": lambda: betty.pdist(betty.arange(12.0, dtype=F64).reshape(4, 3) ** 1.5),
    "renorm": lambda: X.renorm(2, 0, 3.0),
    "rot90": lambda: betty.rot90(X, 3, [0, 1]),
    "diag_embed": lambda: betty.diag_embed(X, -1, 0, 2),
    "masked_scatter": lambda: X.masked_scatter(X > 1, betty.arange(8.0, dtype=F64)),
    "put": lambda: X.put(t([1, -1]), t([9.0, 8.0]), accumulate=True),
    "unique_c": lambda: betty.unique_consecutive(
        t([1, 1, 2, 2, 3, 1, 1]), return_inverse=True, return_counts=True
    ),
    "tensor_split": lambda: betty.tensor_split(betty.arange(7), (1, 3, -1)),
    "combin": lambda: betty.combinations(t([1, 2, 3])),
    "logaddexp": lambda: betty.logaddexp(t([1.0, -INF, INF, 100.0]), t([1.0, -INF, 1.0, -100.0])),
    "bitwise": lambda: [BITS & 6, BITS | 6, BITS ^ 6, ~BITS, BITS << 2, BITS >> 1],
    "kron": lambda: betty.kron(X[:, :2], t([1.0, 2.0])),
    "cross": lambda: betty.cross(X[:, :3], X[:, 1:], dim=1),
    "matrix_exp": lambda: betty.matrix_exp(X[:, :2]),
}


def flat(values):
    if isinstance(values, betty.Tensor):
        return np.ravel(values.numpy()).tolist()
    if isinstance(values, (list, tuple)):
        return [number for value in values for number in flat(value)]
    return [values]


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    np.testing.assert_allclose(flat(CASES[name]()), flat(RECORDED[name]), 1e-9, 1e-9)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("mode", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce(mode, keeps):
    base, index = betty.full((2, 4), 1.5, dtype=F64), t([[0, 0, 2, 0], [1, 1, 1, 3]])
    found = base.scatter_reduce(1, index, X, mode, include_self=keeps)
    np.testing.assert_allclose(flat(found), flat(RECORDED[f"sr_{mode}_{keeps}"]))


def test_equal_extremes_share_the_gradient():
    x, base = X.clone().requires_grad_(), betty.ones(2, 4, dtype=F64, requires_grad=True)
    found = base.scatter_reduce(1, t([[0, 0, 2, 0], [1, 1, 1, 3]]), x, "amax")
    (found * betty.arange(8.0).reshape(2, 4)).sum().backward()
    np.testing.assert_allclose(flat(x.grad), flat(RECORDED["sr_grad"]))
    np.testing.assert_allclose(flat(base.grad), flat(RECORDED["sr_gradb"]))


def pulled(name, values, updates, weights, **options):
    """Values joined with updates at 0, 1, 2, 3, 1, 2, 2, and the gradients under weights."""
    x, source = (betty.tensor(v, requires_grad=True) for v in (values, updates))
    found = getattr(x, name)(0, betty.tensor([0, 1, 2, 3, 1, 2, 2]), source, **options)
    slopes = betty.autograd.grad(found, (x, source), betty.tensor(weights))
    return [each.tolist() for each in (found, *slopes)]


@pytest.mark.parametrize("name", ["scatter_reduce", "index_reduce"])
def test_infinite_extremes(name):
    base = betty.full((3,), -INF)
    found = getattr(base, name)(0, betty.tensor([0, 1]), betty.tensor([1.0, 2.0]), reduce="amax")
    assert found.tolist() == [1, 2, -INF]
    x, weights = [-INF, INF, 1.0, 2.0, INF], [1.0, 2.0, 3.0, 4.0, 5.0]
    updates = [1.0, INF, -INF, 2.0, INF, 1.0, -INF]
    for reduce, expected in {
        "amax": ([1, INF, 1, 2, INF], [0, 2 / 3, 1.5, 2, 5], [1, 2 / 3, 0, 2, 2 / 3, 1.5, 0]),
        "amin": (
            [-INF, INF, -INF, 2, INF], [1, 2 / 3, 0, 2, 5], [0, 2 / 3, 1.5, 2, 2 / 3, 0, 1.5],
        ),
    }.items():  # fmt: skip
        for found, wanted in zip(
            pulled(name, x, updates, weights, reduce=reduce), expected, strict=True
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
    alone = pulled(name, x, updates, weights, reduce="amax", include_self=False)
    assert alone[0] == [1, INF, 1, 2, INF]
    assert alone[1] == [0, 0, 0, 0, 5]
    assert alone[2] == [1, 1, 0, 4, 1, 3, 0]


INDEX = t([[0, 0, 2, 0], [1, 1, 1, 3]])
SMOOTH = {
    "sort": lambda x: x.sort(1)[0],
    "topk": lambda x: x.topk(2, 0)[0],
    "cummax": lambda x: x.cummax(1)[0],
    "median": lambda x: x.median(1)[0],
    "quantile": lambda x: x.quantile(0.3, 1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "lgamma": lambda x: betty.lgamma(x - 2.2),
    "digamma": lambda x: x.digamma(),
    "polygamma": lambda x: betty.polygamma(2, x),
    "erfinv": lambda x: (x / 5).erfinv(),
    "sinc": lambda x: (x - 1).sinc(),
    "logaddexp": lambda x: betty.logaddexp(x, x[0] - 1),
    "hypot": lambda x: betty.hypot(x, x[1]),
    "xlogy": lambda x: betty.xlogy(x, x + 1),
    "asinh": lambda x: (x - 1.5).asinh(),
    "scatter_prod": lambda x: (x * 0 + 1.5).scatter_reduce(1, INDEX, x, "prod"),
    "scatter_amin": lambda x: (x * 0 + 2).scatter_reduce(1, INDEX, x, "amin", include_self=False),
    "masked_scatter": lambda x: x.masked_scatter(t([[True, False] * 2] * 2), x.flip(0) ** 2),
    "index_put": lambda x: x.index_put((t([0, 1]), t([2, 2])), x[:, 0] ** 2, accumulate=True),
    "cdist": lambda x: betty.cdist(x, x[:1] + 3.0, 3.0),
    "corrcoef": lambda x: (x + betty.eye(2, 4, dtype=F64)).corrcoef(),
    "kron": lambda x: betty.kron(x, x[:, :2]),
    "tensordot": lambda x: betty.tensordot(x, x, ([0], [0])),
    "matrix_exp": lambda x: betty.matrix_exp(x[:, :2] / 2),
    "unfold": lambda x: x.unfold(1, 3, 1),
    "diagonal_scatter": lambda x: x.diagonal_scatter(x[:, 3] ** 2, 1),
    "advanced": lambda x: x[t([1, 0, 1]), 1:][:, None, t([0, -1])],
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    numbers = np.random.RandomState(3).permutation(8).reshape(2, 4) / 4.0 + 0.6
    check_derivatives(SMOOTH[name], numbers)


def test_sorting_is_recorded_for_replay():
    x = betty.randn(4, 100)
    before = betty.counters()["kernels_launched"]
    kept = [x.sort(), x.topk(3), x.median(1), x.histc(4, -1, 1), x.quantile(0.5, 1)]
    after = betty.counters()["kernels_launched"]
    assert before == after
    assert len(kept) == 5


@pytest.mark.parametrize("kind", [betty.float32, betty.int32, betty.uint8, betty.float16], ids=str)
@pytest.mark.parametrize("length", [1, 7, 300])
def test_sorting_against_numpy(kind, length):
    numbers = np.random.RandomState(length).randint(0, 50, (3, length, 2))
    x = betty.from_numpy(numbers).to(kind)
    np.testing.assert_array_equal(x.argsort(1).numpy(), np.argsort(numbers, 1, kind="stable"))
    backwards = np.argsort(-numbers, 1, kind="stable")
    np.testing.assert_array_equal(x.argsort(1, descending=True).numpy(), backwards)


def test_nan_is_the_largest():
    x = betty.tensor([1.0, math.nan, -0.0, 0.0, -INF, math.nan])
    assert x.argsort().tolist() == [4, 2, 3, 0, 1, 5]
    assert x.argsort(descending=True).tolist() == [1, 5, 0, 2, 3, 4]


def test_shifts_by_the_width_and_more():
    for kind, numbers, expected in [
        (betty.uint8, [200, 255], [0, 0]),
        (betty.int32, [200, -200], [0, -1]),
        (betty.int64, [200, -200], [0, -1]),
    ]:
        x = betty.tensor(numbers, dtype=kind)
        for width in (8 * kind.itemsize, 8 * kind.itemsize + 1, 200):
            assert (x >> width).tolist() == expected
            assert (x << width).tolist() == [0, 0]
    assert (betty.tensor([200], dtype=betty.uint8) >> 7).tolist() == [1]
    assert (betty.tensor([-200, 200]) >> -1).tolist() == [-1, 0]


def test_the_most_frequent_of_many():
    numbers = np.random.RandomState(0).randint(0, 40, (3, 501, 2))
    x = betty.from_numpy(numbers)
    values, indices = x.mode(1)
    for row in range(3):
        for column in range(2):
            line = numbers[row, :, column]
            most = int(np.bincount(line).argmax())
            assert values[row, column].item() == most
            assert indices[row, column].item() == np.flatnonzero(line == most)[-1]
    # NaN is equal to nothing; a row of it has NaN for its mode.
    rows = [[math.nan] * 3, [1, math.nan, math.nan], [math.nan, 2, 2], [-0.0, 0.0, -1]]
    np.testing.assert_array_equal(betty.tensor(rows).mode(1)[0].tolist(), [math.nan, 1, 2, 0])
    assert betty.tensor([True, False, True]).mode()[0].item() is True
    # As much memory as the sort takes, not the square of it.
    before = betty.memory_stats()["peak"]
    assert betty.zeros(1 << 15).mode()[1].item() == (1 << 15) - 1
    assert betty.memory_stats()["peak"] - before < 1 << 25


def test_results_have_names():
    values, indices = found = betty.tensor([2.0, 1.0]).sort()
    assert found.values is values
    assert repr(found).startswith("betty.return_types.sort(\nvalues=tensor([1., 2.]),\nindices=")
    ends = betty.aminmax(betty.tensor([2.0, 1.0]))
    assert (ends.min.item(), ends.max.item(), indices.tolist()) == (1, 2, [1, 0])


def test_generators_have_their_own_sequence():
    betty.manual_seed(1)
    first = betty.rand(3)
    one, other = betty.Generator().manual_seed(5), betty.Generator().manual_seed(5)
    betty.manual_seed(1)
    drawn = betty.rand(4, generator=one)
    assert (betty.rand(3) == first).all()
    assert (betty.rand(4, generator=other) == drawn).all()
    state = one.get_state()
    again = betty.randperm(9, generator=one)
    assert (betty.randperm(9, generator=one.set_state(state)) == again).all()
    with pytest.raises(TypeError, match=r"expected a betty\.Generator"):
        betty.rand(2, generator=3)


ERRORS = [
    (lambda: X.topk(9), RuntimeError, r"topk: k must be in 0\.\.\.4 for f64\[2, 4\], got 9"),
    (lambda: X.sort(2), IndexError, "sort: dimension out of range"),
    (lambda: X.kthvalue(0), RuntimeError, r"kthvalue: k must be in 1\.\.\.4, got 0"),
    (lambda: X.quantile(1.5), RuntimeError, r"q must be in the range \[0, 1\], got 1.5"),
    (lambda: X.scatter_reduce(1, INDEX, X, "most"), RuntimeError, "reduce is 'sum', 'prod'"),
    (lambda: X & 1, NotImplementedError, "bitwise_and: takes integers"),
    (lambda: betty.cross(X, X), RuntimeError, "cross: no dimension has size 3"),
    (lambda: betty.tensordot(X, X, 1), RuntimeError, "tensordot: contracted dimensions differ"),
    (lambda: betty.cdist(X, X[:, :2]), RuntimeError, r"cdist: takes \[\.\.\., P, M\]"),
    (lambda: X.unfold(1, 9, 1), RuntimeError, r"size must be in 0\.\.\.4"),
    (lambda: X.histc(0), RuntimeError, "histc: takes bins > 0"),
    (lambda: betty.bincount(t([-1])), RuntimeError, "non-negative"),
    (lambda: betty.take(X, t([8])).numpy(), IndexError, "out of range"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    call, kind, text = ERRORS[number]
    with pytest.raises(kind, match=text):
        call()
