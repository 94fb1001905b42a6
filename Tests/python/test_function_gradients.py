"""What an autograd.Function's backward may return: shapes, None, other things."""

import betty
import pytest


def function(backward):
    return type("Fn", (betty.autograd.Function,), {
        "forward": staticmethod(lambda ctx, *inputs: sum(inputs) * 2),
        "backward": staticmethod(lambda ctx, gradient: backward(gradient)),
    })  # fmt: skip


def leaves(count):
    return [betty.ones(2, requires_grad=True) for _ in range(count)]


@pytest.mark.parametrize(
    ("backward", "got"),
    [(lambda g: betty.ones(3), 3), (lambda g: (g * 2)[:1], 1), (lambda g: g.sum(), "")],
)
def test_a_gradient_of_a_wrong_shape_is_named(backward, got):
    (x,) = leaves(1)
    message = rf"Function FnBackward returned an invalid gradient at index 0 - got \[{got}\] but "
    with pytest.raises(RuntimeError, match=message + r"expected shape compatible with \[2\]"):
        function(backward).apply(x)


def test_the_second_of_two_gradients():
    with pytest.raises(RuntimeError, match=r"at index 1 - got \[1\]"):
        function(lambda g: (g, g[:1])).apply(*leaves(2))


def test_a_gradient_that_is_summed():
    (x,) = leaves(1)
    function(lambda g: g.expand(3, 2)).apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_what_is_no_gradient():
    with pytest.raises(RuntimeError, match="FnBackward: expected Tensor or None, got int"):
        function(lambda g: 3).apply(*leaves(1))


def test_only_none():
    x, y = leaves(2)
    made = function(lambda g: None).apply(x)
    assert made.requires_grad
    (made * y).sum().backward()
    assert x.grad is None and y.grad.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="not used"):
        betty.autograd.grad(function(lambda g: None).apply(x).sum(), x)


def test_a_constant_is_named():
    with pytest.raises(NotImplementedError, match=r"Fn\.backward is not linear"):
        function(lambda g: betty.ones(2)).apply(*leaves(1))


def test_only_tensors_are_saved():
    class Fn(betty.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            ctx.save_for_backward(3)

    with pytest.raises(TypeError, match=r"save_for_backward .* argument 0 is of type int"):
        Fn.apply(*leaves(1))
