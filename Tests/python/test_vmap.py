"""vmap against loops over examples."""

import betty
import numpy as np
import pytest
from betty.func import grad, grad_and_value, hvp, jvp, vmap


def rand(*shape, seed=0):
    return betty.tensor(np.random.default_rng(seed).standard_normal(shape))


def loop(function, *arguments):
    return betty.stack([function(*each) for each in zip(*arguments, strict=True)])


def test_one_and_several_inputs():
    a, b = rand(5, 3), rand(5, 3, seed=1)
    assert betty.allclose(vmap(betty.dot)(a, b), (a * b).sum(1))
    assert betty.allclose(vmap(betty.dot, in_dims=(0, None))(a, b[0]), a @ b[0])
    assert betty.allclose(vmap(betty.dot, in_dims=1)(a.T, b.T), (a * b).sum(1))


def test_out_dims_and_nesting():
    a = rand(4, 3)
    assert vmap(lambda x: betty.outer(x, x), out_dims=2)(a).shape == (3, 3, 4)
    inner = vmap(lambda x, y: x * y, in_dims=(None, 0))
    assert betty.allclose(vmap(inner, in_dims=(0, None))(a[:, 0], a[0]), betty.outer(a[:, 0], a[0]))
    found = vmap(lambda batch: {"sum": batch["x"].sum(), "same": betty.ones(2)})({"x": a})
    assert betty.allclose(found["sum"], a.sum(1))
    assert found["same"].shape == (4, 2)


def test_branches_see_shapes_but_no_values():
    vmap(lambda x: x if x.shape[0] == 3 else -x)(rand(4, 3))
    with pytest.raises(RuntimeError, match="value of one example"):
        vmap(lambda x: x if x.sum() > 0 else -x)(rand(4, 3))
    with pytest.raises(RuntimeError, match="value of one example"):
        vmap(lambda x: x * float(x[0]))(rand(4, 3))


def loss(weights, x, y):
    hidden = betty.tanh(betty.nn.functional.linear(x, weights[0], weights[1]))
    return ((betty.nn.functional.linear(hidden, weights[2]) - y) ** 2).mean()


def net():
    return rand(6, 3, seed=2), rand(6, seed=3), rand(1, 6, seed=4)


def test_gradient_of_each_example():
    weights, x, y = net(), rand(8, 5, 3), rand(8, 5, 1, seed=1)
    found = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
    for place, gradients in enumerate(found):
        wanted = betty.stack([grad(loss)(weights, x[i], y[i])[place] for i in range(8)])
        assert betty.allclose(gradients, wanted, atol=1e-12)


def adapted(weights, xs, ys, xq, yq):
    for _ in range(3):
        gradients = grad(loss)(weights, xs, ys)
        weights = tuple(w - 0.1 * g for w, g in zip(weights, gradients, strict=True))
    return loss(weights, xq, yq)


def test_differentiates_through():
    weights = net()
    batch = rand(4, 5, 3), rand(4, 5, 1, seed=1), rand(4, 5, 3, seed=5), rand(4, 5, 1, seed=6)

    def together(w):
        return vmap(adapted, in_dims=(None, 0, 0, 0, 0))(w, *batch).mean()

    def apart(w):
        return sum(adapted(w, *each) for each in zip(*batch, strict=True)) / 4

    found, value = grad_and_value(together)(weights)
    wanted, expected = grad_and_value(apart)(weights)
    assert betty.allclose(value, expected)
    for a, b in zip(found, wanted, strict=True):
        assert betty.allclose(a, b, atol=1e-10)
    direction = tuple(betty.ones_like(w) for w in weights)
    for transform in (jvp, hvp):
        if transform is jvp:
            a, b = (jvp(f, (weights,), (direction,))[1] for f in (together, apart))
        else:
            a, b = (hvp(f, (weights,), (direction,))[1][0][0] for f in (together, apart))
        assert betty.allclose(a, b, atol=1e-9)


def test_backward_reaches_inputs_and_what_is_enclosed():
    a, w = rand(4, 3).requires_grad_(), rand(3, seed=1).requires_grad_()
    vmap(lambda x: (x * w).sum().exp())(a).sum().backward()
    b, v = a.detach().requires_grad_(), w.detach().requires_grad_()
    (b * v).sum(1).exp().sum().backward()
    assert betty.allclose(a.grad, b.grad)
    assert betty.allclose(w.grad, v.grad)
    with betty.no_grad():
        assert not vmap(lambda x: x * w)(a).requires_grad


def test_stopped_gradients_stay_stopped():
    a = rand(4, 3).requires_grad_()

    def function(x):
        with betty.no_grad():
            scale = x.exp()
        return (x * scale * x.detach()).sum()

    vmap(function)(a).sum().backward()
    assert betty.allclose(a.grad, a.detach().exp() * a.detach())


def test_indices():
    table, ids = rand(7, 2), betty.tensor([[0, 3], [6, 1], [2, 2]])
    assert betty.equal(vmap(lambda i: table[i])(ids), table[ids])
    assert betty.equal(
        vmap(lambda t: t.index_select(0, ids[0]))(rand(3, 7, 2)), rand(3, 7, 2)[:, ids[0]]
    )
    labels = betty.tensor([[0, 1], [1, 1], [1, 0]])
    logits = rand(3, 2, 2)
    function = betty.nn.functional.cross_entropy
    assert betty.allclose(vmap(function)(logits, labels), loop(function, logits, labels))


def test_compiles_once():
    weights, batch = net(), (rand(4, 5, 3), rand(4, 5, 1, seed=1))
    for _ in range(3):
        before = betty.counters()["compilations"]
        vmap(grad(loss), in_dims=(None, 0, 0))(weights, *batch)[0].sum().item()
    assert betty.counters()["compilations"] == before


def test_random_draws_need_leave():
    with pytest.raises(RuntimeError, match="randomness='same'"):
        vmap(lambda x: x + betty.rand(3))(rand(4, 3))
    found = vmap(lambda x: 0 * x + betty.rand(3), randomness="same")(rand(4, 3))
    assert betty.equal(found[0], found[3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmap(betty.dot)(rand(4, 3), rand(5, 3)), ValueError, "sizes [4, 5]"),
        (lambda: vmap(betty.exp, in_dims=3)(rand(4, 3)), ValueError, "in_dims 3 is out of range"),
        (lambda: vmap(betty.exp, in_dims=None)(rand(4, 3)), ValueError, "maps over no input"),
        (lambda: vmap(betty.exp)(2.0), ValueError, "type float"),
        (lambda: vmap(betty.exp, in_dims=(0, 0))(rand(4)), ValueError, "does not match"),
        (lambda: vmap(lambda x: 1.0)(rand(4)), ValueError, "must return tensors, got float"),
        (lambda: vmap(betty.exp, out_dims=4)(rand(4)), IndexError, "out_dims 4"),
        (lambda: vmap(betty.exp)(rand(0, 2)), ValueError, "size 0"),
        (lambda: vmap(betty.exp, randomness="x"), ValueError, "randomness"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
