"""Tensor.register_hook: called with the whole gradient, may replace it, can be taken away."""

import betty
import pytest
from betty import nn
from betty.autograd import grad
from test_problems import Lower, quadratic


def leaf(values):
    return betty.tensor(values, requires_grad=True)


def test_a_hook_sees_the_gradient_and_goes_away():
    seen = []
    x = leaf([1.0, 2.0])
    h = x * x
    handle = h.register_hook(lambda g: seen.append(g.tolist()))
    (3 * h).sum().backward(retain_graph=True)
    assert seen == [[3, 3]]
    assert x.grad.tolist() == [6, 12]
    handle.remove()
    handle.remove()
    (3 * h).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [12, 24]


def test_what_it_gives_goes_on_in_its_place():
    x, w = leaf([1.0, 2.0]), leaf([2.0, 2.0])
    h = x * w
    h.register_hook(lambda g: g * 10)
    h.register_hook(lambda g: g + 1)  # in the order in which they were registered
    (h.sum() + x.sum()).backward()
    assert x.grad.tolist() == [23, 23]  # 11 w + 1
    assert w.grad.tolist() == [11, 22]


def test_nothing_of_the_old_gradient_goes_on():
    """A gradient that is not finite can be replaced."""
    x = leaf([0.0, 4.0])
    h = x * 1
    h.register_hook(lambda g: betty.nan_to_num(g, posinf=7.0))
    h.sqrt().sum().backward()
    assert x.grad.tolist() == [7.0, 0.25]


def test_a_hook_registered_after_its_tensor_was_used():
    x = leaf([1.0, 2.0])
    h = x * 2
    y = (h * h).sum()
    h.register_hook(lambda g: -g)
    y.backward()
    assert x.grad.tolist() == [-8, -16]


def test_hooks_along_a_chain_come_from_the_end():
    order = []
    x = leaf([1.0])
    a = x * 2
    b = a * 3
    c = a * b  # a is read twice: its hook waits for both
    for name, tensor in (("x", x), ("a", a), ("b", b), ("c", c)):
        tensor.register_hook(lambda g, name=name: order.append((name, g.item())))
    c.sum().backward()
    assert order == [("c", 1), ("b", 2), ("a", 12), ("x", 24)]
    assert x.grad.item() == 24


def test_a_leaf_gets_what_its_hook_makes_of_the_sum():
    x = leaf([1.0, 2.0])
    handle = x.register_hook(lambda g: g.clamp(max=1.0))
    (x * x).sum().backward()
    assert x.grad.tolist() == [1, 1]
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 2]
    with handle:
        pass
    (x * x).sum().backward()
    assert x.grad.tolist() == [4, 6]


def test_hooks_of_parameters_and_of_what_a_module_made():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = betty.ones(2, 3)
    model(x).sum().backward()
    plain = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    handles = [p.register_hook(lambda g: 2 * g) for p in model.parameters()]

    def forward(x):
        h = model[1](model[0](x))
        h.register_hook(lambda g: 3 * g)  # the handle and h itself are dropped here
        return model[2](h)

    forward(x).sum().backward()
    for index, (p, before) in enumerate(zip(model.parameters(), plain, strict=True)):
        factor = 6 if index < 2 else 2
        assert betty.allclose(p.grad, factor * before)
    for handle in handles:
        handle.remove()


def test_grad_calls_hooks_too():
    x, w = leaf([3.0]), leaf([2.0])
    h = x * w
    h.register_hook(lambda g: g * 5)
    gx, gh = grad((h * h).sum(), [x, h])
    assert gh.item() == 60 and gx.item() == 120 and x.grad is None
    h = x * w
    with h.register_hook(lambda g: g):
        with pytest.raises(RuntimeError, match="input 1 is not used by the outputs"):
            grad(h.sum(), [x, leaf([1.0])], retain_graph=True)
        with pytest.raises(RuntimeError, match="input 0 does not require grad"):
            grad(h.sum(), [betty.ones(1)])


def test_second_order_goes_through_what_a_hook_records():
    x = leaf([2.0])
    h = x * x
    h.register_hook(lambda g: g * h.detach())
    (first,) = grad((h * h).sum(), [x], create_graph=True)  # 2 h · h₀ · 2 x = 4 h₀ x³
    assert first.item() == 4 * 4 * 8
    (second,) = grad(first.sum(), [x])
    # Of 4 h h₀ x: by x 4 h h₀, and by h 4 h₀ x, which the hook multiplies by h₀ once more.
    assert second.item() == 4 * 4 * 4 + 4 * 4 * 2 * 4 * (2 * 2)


def test_the_history_is_given_up_as_without_hooks():
    x = leaf([1.0])
    h = x.exp()
    h.register_hook(lambda g: g)
    y = h.exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_bad_hooks():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        betty.ones(2).register_hook(print)
    x = leaf([1.0, 2.0])
    for hook, kind, message in (
        (lambda g: 3.0, TypeError, "expected a hook to return None or a tensor, got float"),
        (lambda g: g[:1], RuntimeError, r"the hook gave betty.float32\[1\]"),
        (lambda g: 1 / 0, ZeroDivisionError, "division"),
    ):
        h = x * 2
        with h.register_hook(hook), pytest.raises(kind, match=message):
            h.sum().backward()
    assert betty.is_grad_enabled() and x.grad is None


def test_a_problem_says_that_its_steps_call_none():
    class Hooked(Lower):
        def training_step(self, batch):
            h = self.module() * 1
            h.register_hook(print)
            return h.sum()

    with pytest.raises(RuntimeError, match="'lower': the engine's steps can't call hooks"):
        quadratic(2, lower=Hooked).run()
