"""Calls are taken as PyTorch takes them: the names of parameters, their order, and `out=`."""

import betty
import numpy as np
import pytest

X = betty.tensor([[3.0, 1.0, 2.0], [0.5, 4.0, -1.0]])
V = betty.tensor([0.5, 2.0, 1.0])
WHOLE = betty.tensor([4, 6, 9])
EYE = betty.eye(2)
LONG = betty.int64


def same(found, want):
    if isinstance(want, (tuple, list)):
        assert len(found) == len(want)
        for one, other in zip(found, want, strict=True):
            same(one, other)
        return
    assert found.dtype is want.dtype
    np.testing.assert_array_equal(found.numpy(), want.numpy())


# ---- out= ----------------------------------------------------------------------------------------

MADE = {
    "arange": (lambda out: betty.arange(3, out=out), [0, 1, 2]),
    "linspace": (lambda out: betty.linspace(1, 3, 3, out=out), [1, 2, 3]),
    "logspace": (lambda out: betty.logspace(0, 2, 3, out=out), [1, 10, 100]),
    "eye": (lambda out: betty.eye(1, 3, out=out), [[1, 0, 0]]),
    "randint": (lambda out: betty.randint(5, 6, (2,), out=out), [5, 5]),
    "randint_below": (lambda out: betty.randint(high=1, size=(2,), out=out), [0, 0]),
    "full": (lambda out: betty.full((2,), 3, out=out), [3, 3]),
}


@pytest.mark.parametrize("kind", [betty.float32, betty.float64, betty.int64], ids=str)
@pytest.mark.parametrize("name", MADE)
def test_what_is_made_goes_into_out(name, kind):
    make, want = MADE[name]
    out = betty.zeros(3, dtype=kind)
    found = make(out)
    assert (found.dtype, out.dtype) == (kind, kind)
    assert found.tolist() == want == out.tolist()


@pytest.mark.parametrize(
    "draw",
    [betty.rand, betty.randn, lambda *n, out: betty.normal(5.0, 1.0, n, out=out)],
)
def test_draws_go_into_out(draw):
    out = betty.zeros(4)
    draw(4, out=out)
    assert (out != 0).all()
    places = betty.zeros(4, dtype=LONG)
    betty.randperm(4, out=places)
    assert sorted(places.tolist()) == [0, 1, 2, 3]


# Functions with one result, and with values and indices.
ONE = {
    "bernoulli": lambda **o: betty.bernoulli(betty.ones(2), **o),
    "max": lambda **o: betty.max(X, **o),
    "max_of_two": lambda **o: betty.max(X, -X, **o),
    "round": lambda **o: betty.round(X, decimals=1, **o),
    "angle": lambda **o: betty.angle(X, **o),
    "where": lambda **o: betty.where(X > 1, X, 0.0, **o),
    "norm": lambda **o: betty.norm(X, 2, 1, **o),
    "std": lambda **o: betty.std(X, 1, **o),
    "var": lambda **o: betty.var(X, 1, **o),
    "pow": lambda **o: betty.pow(X, 2, **o),
    "quantile": lambda **o: betty.quantile(X, 0.5, 1, **o),
    "masked_select": lambda **o: betty.masked_select(X, X > 1, **o),
    "vstack": lambda **o: betty.vstack([X, X], **o),
    "hstack": lambda **o: betty.hstack([X, X], **o),
    "dstack": lambda **o: betty.dstack([X, X], **o),
    "scatter": lambda **o: betty.scatter(V, 0, betty.tensor([0]), betty.ones(1), **o),
    "chain_matmul": lambda **o: betty.chain_matmul(X, X.T, **o),
    "inv": lambda **o: betty.linalg.inv(EYE * 2, **o),
    "vector_norm": lambda **o: betty.linalg.vector_norm(X, **o),
    "solve": lambda **o: betty.linalg.solve(EYE, X, **o),
    "nonzero": lambda **o: betty.nonzero(X, **o),
    "searchsorted": lambda **o: betty.searchsorted(V.sort()[0], V, **o),
    "gcd": lambda **o: betty.gcd(WHOLE, betty.tensor([6, 4, 6]), **o),
    "multinomial": lambda **o: betty.multinomial(betty.tensor([0.0, 1.0]), 1, **o),
    "isin": lambda **o: betty.isin(WHOLE, betty.tensor([6]), **o),
}
PAIRS = {
    "max": lambda **o: betty.max(X, 1, **o),
    "min": lambda **o: betty.min(X, 1, **o),
    "sort": lambda **o: betty.sort(X, 1, **o),
    "topk": lambda **o: betty.topk(X, 2, **o),
    "kthvalue": lambda **o: betty.kthvalue(X, 2, **o),
    "median": lambda **o: betty.median(X, 1, **o),
    "mode": lambda **o: betty.mode(X, **o),
    "cummax": lambda **o: betty.cummax(X, 1, **o),
    "cummin": lambda **o: betty.cummin(X, 1, **o),
}


@pytest.mark.parametrize("name", ONE)
def test_results_go_into_out(name):
    want = ONE[name]()
    for shape in (tuple(want.shape), (0,)):
        out = betty.zeros(shape, dtype=want.dtype)
        same(ONE[name](out=out), want)
        same(out, want)


@pytest.mark.parametrize("name", PAIRS)
def test_several_results_go_into_out(name):
    want = PAIRS[name]()
    out = (betty.zeros(0), betty.zeros(0, dtype=LONG))
    found = PAIRS[name](out=out)
    assert type(found) is type(want)
    same(found, want)
    same(out, want)


@pytest.mark.parametrize(
    "call",
    [
        lambda out: betty.true_divide(V, 2, out=out),
        lambda out: betty.maximum(V, V, out=out),
        lambda out: betty.cat([V], out=out),
        lambda out: betty.sort(V, out=(out, out)),
    ],
)
def test_out_takes_no_floats_as_integers(call):
    out = betty.zeros(3, dtype=LONG)
    with pytest.raises(RuntimeError, match=r"betty.float32 can't be cast .* betty.int64"):
        call(out)
    assert out.tolist() == [0, 0, 0]


# ---- names ---------------------------------------------------------------------------------------

NAMED = [
    (lambda: betty.roll(X, shifts=1, dims=1), lambda: X.roll(1, 1)),
    (lambda: betty.logit(V / 4, eps=0.2), lambda: betty.logit((V / 4).clamp(0.2, 0.8))),
    (lambda: (V / 4).logit(0.2), lambda: betty.special.logit(V / 4, eps=0.2)),
    (lambda: X.view(size=(3, 2)), lambda: X.view(3, 2)),
    (lambda: X.view(dtype=betty.int32), lambda: X.view(betty.int32)),
    (lambda: X.reshape(shape=(3, 2)), lambda: X.reshape(3, 2)),
    (lambda: betty.permute(X, dims=(1, 0)), lambda: X.permute(1, 0)),
    (lambda: V.expand(size=(2, 3)), lambda: V.expand(2, 3)),
    (lambda: V.repeat(repeats=(2, 1)), lambda: V.repeat(2, 1)),
    (lambda: V.tile(dims=(2, 1)), lambda: V.tile(2, 1)),
    (lambda: V.flip(dims=(0,)), lambda: V.flip(0)),
    (lambda: X.split(split_size=2, dim=1), lambda: X.split(2, 1)),
    (lambda: X.swapaxes(axis0=0, axis1=1), lambda: X.T),
    (lambda: V.float_power(exponent=2), lambda: V.double() ** 2),
    (lambda: betty.tensor_split(V, sections=2), lambda: V.tensor_split(2)),
    (lambda: betty.tensor_split(V, indices=(1,)), lambda: V.tensor_split((1,))),
    (lambda: betty.hsplit(X, sections=3), lambda: X.hsplit(3)),
    (lambda: betty.vsplit(X, indices=(1,)), lambda: X.vsplit((1,))),
    (lambda: betty.gather(V, 0, WHOLE // 9, sparse_grad=True), lambda: V[WHOLE // 9]),
    (lambda: betty.sum(X, axis=1, keepdims=True), lambda: X.sum(1, True)),
    (lambda: X.mean(0, keepdims=True), lambda: X.mean(0, True)),
    (lambda: betty.max(X, axis=1, keepdims=True), lambda: X.max(1, True)),
    (lambda: X.std(axis=1, keepdims=True), lambda: X.std(1, keepdim=True)),
    (lambda: X.type(betty.LongTensor), lambda: X.long()),
    (lambda: betty.zeros(2, 3).copy_(other=X), lambda: X),
    (lambda: betty.einsum(X, [0, 1], X, [2, 1], [0, 2]), lambda: betty.einsum("ab,cb->ac", X, X)),
    (lambda: betty.einsum(X, [..., 30], [30, ...]), lambda: X.T),
    (lambda: betty.einsum(X, [0, 1], V, [1]), lambda: betty.einsum("ab,b", X, V)),
]


@pytest.mark.parametrize("number", range(len(NAMED)))
def test_parameters_have_their_names(number):
    found, want = NAMED[number]
    same(found(), want())


def test_in_place_integers():
    x = WHOLE.clone()
    assert x.gcd_(betty.tensor([6, 4, 6])).tolist() == [2, 2, 3]
    assert x.lcm_(betty.tensor([3, 4, 2])).tolist() == [6, 4, 6] == x.tolist()


def test_the_main_module_has_its_own_order():
    mean, var, weight = betty.zeros(3), betty.ones(3), betty.full((3,), 2.0)
    found = betty.batch_norm(X, weight, betty.ones(3), mean, var, False, 0.1, 0.0, True)
    same(found, X * 2 + 1)
    found = betty.instance_norm(X[None], weight[:2], None, None, None, True, 0.1, 1e-5, True)
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-6)
    same(betty.embedding(X, betty.tensor([1, 0])), X[[1, 0]])
    assert betty.layer_norm(X, (3,), cudnn_enable=True).shape == X.shape
    assert betty.group_norm(X, 1, cudnn_enabled=True).shape == X.shape
    same(betty.dropout(X, p=0.5, train=False), X)


REFUSED = [
    (lambda: betty.tensor_split(V), TypeError, "takes one of indices_or_sections, sections"),
    (lambda: betty.einsum(X, [0, 52], [0]), ValueError, "an index is in 0...51, got 52"),
    (lambda: betty.einsum(X, X), TypeError, "followed by a list"),
    (lambda: betty.flip(X), TypeError, "flip: takes the dimensions"),
    (lambda: betty.pow(2.5, -1), TypeError, "takes one Tensor at least, got float and int"),
    (lambda: betty.equal(X, 2), TypeError, "equal: other must be a Tensor, got int"),
    (lambda: betty.gcd(WHOLE, 2.0), TypeError, "gcd: other must be a Tensor, got float"),
    (lambda: betty.unique(X, dim=(0, 1)), TypeError, r"dim must be an int, got \(0, 1\)"),
    (lambda: betty.tensor(2**63), ValueError, "does not fit into 64 bits"),
    (lambda: betty.tensor([[2**70]]), ValueError, "does not fit into 64 bits"),
    (lambda: betty.linalg.vector_norm(X, "fro"), TypeError, "ord must be a number"),
    (lambda: betty.linalg.norm(X, "nuc", dim=0), RuntimeError, "dim must be two"),
    (lambda: betty.linalg.norm(X[None], 2), RuntimeError, "takes a vector or a matrix"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
