"""backward, grad, the grad modes and the transforms of functions."""

import betty
import pytest
from betty import func


def test_backward_accumulates():
    w = betty.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
    assert w.grad.tolist() == [4, 8]
    w.grad = None
    (w * 3).backward(betty.tensor([1.0, 10.0]))
    assert w.grad.tolist() == [3, 30]
    w.grad.zero_()
    assert w.grad.tolist() == [0, 0]


def test_grad_of_grad():
    x = betty.tensor(2.0, requires_grad=True)
    (first,) = betty.autograd.grad(x**3, x, create_graph=True)
    (second,) = betty.autograd.grad(first, x, create_graph=True)
    (third,) = betty.autograd.grad(second, x)
    assert [first.item(), second.item(), third.item()] == [12, 12, 6]
    assert x.grad is None


def test_what_cannot_be_differentiated():
    x = betty.ones(2, requires_grad=True)
    y = betty.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        betty.ones(2).sum().backward()
    with pytest.raises(RuntimeError, match=r"not used|unused"):
        betty.autograd.grad(x.sum(), y)
    assert betty.autograd.grad(x.sum(), [x, y], allow_unused=True)[1] is None
    zeros = betty.autograd.grad(x.sum(), [y], materialize_grads=True)[0]
    assert zeros.tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(betty.ones(3))
    with pytest.raises(RuntimeError, match="floating"):
        betty.ones(2).long().requires_grad_()
    with pytest.raises(TypeError, match="Tensor"):
        betty.autograd.grad(x.sum(), [1.0])


def test_reading_a_value_keeps_the_graph():
    x = betty.ones(3, requires_grad=True)
    y = (x * 2).exp()
    assert y.sum().item() > 0
    y.sum().backward()
    assert x.grad.shape == (3,)


def test_grad_modes():
    x = betty.ones(1, requires_grad=True)
    with betty.no_grad():
        assert not (x * 2).requires_grad
        with betty.enable_grad():
            assert (x * 2).requires_grad
        assert not betty.is_grad_enabled()
    assert betty.is_grad_enabled()

    @betty.no_grad()
    def double(v):
        return v * 2

    assert not double(x).requires_grad
    with betty.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    with betty.inference_mode():
        assert not (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), betty.no_grad():
        raise ZeroDivisionError
    assert betty.is_grad_enabled()


def test_detach_and_requires_grad():
    x = betty.ones(2, requires_grad=True)
    y = x.detach()
    assert not y.requires_grad
    assert y.is_leaf
    z = x * 2
    assert not z.is_leaf
    z.retain_grad()
    z.sum().backward()
    assert z.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match=r"leaf|leaves"):
        (x * 2).requires_grad = False


def energy(x, y):
    return (x * x * y).sum()


def test_func_grad():
    x, y = betty.tensor([1.0, 2.0]), betty.tensor([3.0, 4.0])
    assert func.grad(energy)(x, y).tolist() == [6, 16]
    both = func.grad(energy, argnums=(0, 1))(x, y)
    assert [g.tolist() for g in both] == [[6, 16], [1, 4]]
    gradient, value = func.grad_and_value(energy)(x, y)
    assert value.item() == 19
    assert not gradient.requires_grad
    assert not x.requires_grad
    cube = func.grad(func.grad(lambda v: (v**3).sum().reshape(())))
    with pytest.raises(RuntimeError, match="scalar"):
        cube(betty.ones(2))
    assert func.grad(func.grad(lambda v: v**3))(betty.tensor(2.0)).item() == 12


def test_func_products():
    x, y = betty.tensor([1.0, 2.0]), betty.tensor([3.0, 4.0])
    value, pull = func.vjp(lambda a, b: a * b, x, y)
    assert value.tolist() == [3, 8]
    assert [c.tolist() for c in pull(betty.tensor([1.0, 10.0]))] == [[3, 40], [1, 20]]
    value, push = func.jvp(lambda a, b: a * b, (x, y), (betty.ones(2), betty.zeros(2)))
    assert push.tolist() == [3, 4]
    value, products = func.hvp(energy, (x, y), (betty.ones(2), betty.zeros(2)))
    assert value.item() == 19
    assert [p.tolist() for p in products] == [[6, 8], [2, 4]]
    with pytest.raises(RuntimeError, match="shape"):
        func.jvp(lambda a: a, (x,), (betty.ones(3),))


def test_func_is_connected_to_what_is_outside():
    x = betty.tensor(3.0, requires_grad=True)
    func.grad(lambda v: v**3)(x).backward()
    assert x.grad.item() == 18


def test_func_takes_trees():
    tree = {"w": betty.tensor(2.0), "b": [betty.tensor(1.0)]}
    found = func.grad(lambda t: t["w"] ** 2 + 3 * t["b"][0])(tree)
    assert found["w"].item() == 4
    assert found["b"][0].item() == 3


def given_up():
    """A value whose history is given up, and the leaf that it was made from."""
    w = betty.tensor([1.0, 2.0], requires_grad=True)
    y = w.exp()
    y.sum().backward()
    return w, y.detach(), y


@pytest.mark.parametrize("read", [False, True], ids=["pending", "read"])
@pytest.mark.parametrize(
    "gradient",
    [
        lambda y, v: betty.autograd.grad((y * v * v).sum(), v)[0],
        lambda y, v: betty.func.grad(lambda v: (y * v * v).sum())(v),
        lambda y, v: betty.func.vjp(lambda v: y * v * v, v)[1](betty.ones(2))[0],
        lambda y, v: betty.func.jvp(lambda v: y * v * v, (v,), (betty.ones(2),))[1],
        lambda y, v: betty.autograd.functional.jacobian(lambda v: y * v * v, v).sum(0),
        lambda y, v: betty.autograd.functional.vhp(lambda v: (y * v**3).sum() / 3, v, v)[1],
    ],
)
def test_what_was_given_up_elsewhere_is_in_nobodys_way(gradient, read):
    """PyTorch goes only through what lies between the outputs and what is asked for."""
    _, value, y = given_up()
    v = betty.tensor([3.0, 4.0], requires_grad=True)
    if read:
        y.tolist()
    expected = 2 * value * (v if "vhp" not in gradient.__code__.co_names else v * v)
    betty.testing.assert_close(gradient(y, v), expected)


def test_a_gradient_may_end_at_what_was_given_up():
    _, value, y = given_up()
    assert betty.autograd.grad((y * y).sum(), y)[0].tolist() == (2 * value).tolist()


def test_what_was_given_up_hides_no_gradient():
    """A leaf that it was made from would get too little: an error, as if all were asked."""
    w, _, y = given_up()
    v = betty.tensor([3.0, 4.0], requires_grad=True)
    message = "Trying to backward through the graph a second time"
    for outputs, inputs in [
        ((y * v).sum(), [w, v]),
        ((y * w).sum(), [w]),
        ((y * w.sin()).sum(), [v, w]),
        ((y * v).sum(), [w]),
    ]:
        with pytest.raises(RuntimeError, match=message):
            betty.autograd.grad(outputs, inputs, allow_unused=True)
    after = y * v
    assert betty.autograd.grad(after.square().sum(), after)[0].tolist() == (2 * after).tolist()
    with pytest.raises(RuntimeError, match=message):
        betty.autograd.grad((after * y).sum(), [after, w], allow_unused=True)
    parameter = betty.nn.Parameter(w)  # a leaf of its own
    assert betty.autograd.grad((y * parameter).sum(), parameter)[0].tolist() == y.tolist()


def test_the_discriminator_of_images_that_the_generator_has_learned_from():
    generator, critic = betty.nn.Linear(4, 3), betty.nn.Linear(3, 1)
    fake = betty.tanh(generator(betty.randn(5, 4)))
    (-critic(fake).mean()).backward()
    (gradient,) = betty.autograd.grad(critic(fake).mean(), [critic.weight])
    betty.testing.assert_close(gradient[0], fake.mean(0))
    with pytest.raises(RuntimeError, match="a second time"):
        critic(fake).mean().backward()


def test_retains_grad_and_gradients_of_some_inputs(recwarn):
    x = betty.tensor([1.0, 2.0], requires_grad=True)
    h = x * x
    assert not x.retains_grad and not h.retains_grad
    h.retain_grad()
    x.retain_grad()  # of a leaf: nothing to ask for
    assert h.retains_grad and not x.retains_grad
    assert h.grad is None  # no warning: it will have one
    (h * 3).sum().backward(inputs=[h])
    assert h.grad.tolist() == [3.0, 3.0] and x.grad is None
    first = x.grad = betty.ones(2)
    (x * x).sum().backward(inputs=[x])
    assert first.tolist() == [3.0, 5.0]  # added to in place
    assert not recwarn.list


@pytest.mark.parametrize(
    "once",
    [
        lambda x: (x * 3).sum(),
        lambda x: (x / 2).sum(),
        lambda x: x.exp().sum(),
        lambda x: x.relu().sum(),
        lambda x: x @ x,
    ],
)
def test_second_backward_of_saved_values(once):
    """Which recordings can be gone through twice, and PyTorch's message where not."""
    x = betty.tensor([1.0, 2.0], requires_grad=True)
    loss = once(x)
    loss.backward(retain_graph=True)
    loss.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        loss.backward()


@pytest.mark.parametrize(
    "often",
    [
        lambda x: x.sum(),
        lambda x: x.mean(),
        lambda x: (x + x).sum(),
        lambda x: (3 - x).sum(),
        lambda x: x.reshape(2, 1).sum(),
        lambda x: betty.cat([x, x]).sum(),
    ],
)
def test_second_backward_of_what_saves_nothing(often):
    x = betty.tensor([1.0, 2.0], requires_grad=True)
    loss = often(x)
    loss.backward()
    first = x.grad.numpy().copy()
    x.grad = None
    loss.backward()
    assert (x.grad.numpy() == first).all()


def test_losses_that_share_a_saved_value():
    """The first backward frees what both went through, also where nothing was computed."""
    x = betty.tensor([1.0, 2.0], requires_grad=True)
    shared = x.exp()
    shared.sum().backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        (shared + 1).sum().backward()
    assert shared.tolist() == pytest.approx([2.718282, 7.389056])


def test_a_generator_runs_without_grad_mode_in_all_its_parts():
    @betty.no_grad()
    def modes():
        try:
            heard = yield betty.is_grad_enabled()
        except KeyError:
            heard = "error"
        yield heard, betty.is_grad_enabled()
        return "end"

    def whole():
        result = yield from modes()
        yield result

    assert list(whole()) == [False, (None, False), "end"]
    assert betty.is_grad_enabled()
    generator = modes()
    assert next(generator) is False
    assert generator.throw(KeyError()) == ("error", False)
    generator = modes()
    next(generator)
    assert generator.send("heard") == ("heard", False)
    generator.close()


def test_hooks_elsewhere_do_not_bring_back_what_was_given_up():
    w, value, y = given_up()
    hooked = betty.ones(2, requires_grad=True)
    handle = hooked.register_hook(lambda gradient: gradient)
    v = betty.tensor([3.0, 4.0], requires_grad=True)
    assert betty.autograd.grad((y * v).sum(), v)[0].tolist() == value.tolist()
    with pytest.raises(RuntimeError, match="a second time"):
        betty.autograd.grad((y * v * w).sum(), w)
    handle.remove()
