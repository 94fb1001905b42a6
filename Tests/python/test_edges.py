"""Calls of the engine at their edges: nothing to give back, numbers for tensors, infinities."""

import betty
import numpy as np
import pytest
from betty import _native


def test_functions_may_have_no_results():
    for call, given, options in [
        ("unbind", (betty.zeros(0, 3),), {}),
        ("unbind", (betty.zeros(2, 0),), {"dim": 1}),
        ("split", (betty.zeros(0, 3),), {"split_size_or_sections": []}),
        ("meshgrid", (), {}),
    ]:
        assert _native.operation(call)(*given, **options) == ()


def test_a_long_chain_that_fails_is_tried_once():
    x = betty.ones(2).take(betty.tensor([5]))
    for _ in range(20_000):
        x = x + 1
    before = betty.counters()["compilations"]
    for _ in range(5):
        x = x + 1
    assert betty.counters()["compilations"] - before <= 1
    with pytest.raises(IndexError):
        x.item()


def test_numbers_are_scalars():
    assert _native.operation("max")(2.5).item() == 2.5
    values, indices = _native.operation("min")(-1.5, dim=0)
    assert (values.item(), indices.item()) == (-1.5, 0)
    assert [x.item() for x in _native.operation("aminmax")(0.5)] == [0.5, 0.5]


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("function", ["svd", "eigh"])
def test_factorisations_of_what_is_not_finite_come_back(function, bad):
    x = betty.tensor([[1.0, bad], [bad, 1.0]])
    with pytest.raises(RuntimeError, match=r"non-finite values"):
        getattr(betty.linalg, function)(x)[0].tolist()


def test_asinh_and_acosh_at_the_ends():
    x = betty.tensor([0.0, np.inf, -np.inf, 1e20, -1e-20], requires_grad=True)
    y = betty.asinh(x)
    np.testing.assert_allclose(y.detach(), np.arcsinh(x.detach().numpy()), rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, [1, 0, 0, 1e-20, 1], atol=1e-19)
    assert np.isnan(betty.acosh(betty.tensor([0.5, -1e10])).numpy()).all()


def test_parts_are_views():
    for change in (
        lambda x: x.chunk(2)[1].zero_(),
        lambda x: x.split(3)[1].zero_(),
        lambda x: [row.zero_() for row in x[3:]],
        lambda x: [row.zero_() for row in x.unbind()[3:]],
        lambda x: x.tensor_split(2)[1].zero_(),
    ):
        x = betty.ones(6, 2)
        change(x)
        assert x.sum().item() == 6


def test_many_parts_are_copies():
    for x in (betty.arange(1000), betty.arange(1000.0, requires_grad=True)):
        parts = x.unbind()
        assert len(parts) == 1000 and parts[999].item() == 999
        assert [int(part) for part in x][::500] == [0, 500]
    betty.stack(x.unbind()).sum().backward()
    assert x.grad.sum().item() == 1000


def test_backward_of_a_function_must_be_linear():
    class Clipped(betty.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient.clamp(-1, 1)

    with pytest.raises(NotImplementedError, match="not linear"):
        Clipped.apply(betty.ones(3, requires_grad=True))


def test_a_problem_refuses_an_optimizer_of_python():
    class Own(betty.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    with pytest.raises(TypeError, match="its step is Python"):
        _ = Own([betty.nn.Parameter(betty.zeros(2))])._handle
