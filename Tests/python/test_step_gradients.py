"""Gradients around a step: what hooks see, what is left over, what a loss does not depend on."""

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

F64 = betty.float64
X = betty.linspace(-1, 1, 12, dtype=F64).reshape(4, 3)
Y = X[:, :1] + 0.3


def linear(inputs, value):
    module = nn.Linear(inputs, 1, dtype=F64)
    for p in module.parameters():
        p.data.fill_(value)
    return module


class Single(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module(batch[0]) - batch[1]) ** 2).mean()


def single(cls, **options):
    module = linear(3, 2.0)
    optimizer = betty.optim.SGD(module.parameters(), lr=0.1)
    return cls("only", Config(**options), module, optimizer, train_data_loader=[(X, Y)])


class TestGradientsInHooks:
    @pytest.mark.parametrize("more", [{}, {"gradient_accumulation": 2}])
    def test_param_callback_sees_the_clipped_gradients(self, more):
        seen = []

        class Watching(Single):
            def param_callback(self):
                seen.append([p.grad.numpy().copy() for p in self.module.parameters()])

        problem = single(Watching, gradient_clipping=0.5, **more)
        Engine([problem], EngineConfig(train_iters=4)).run()
        norms = [np.sqrt(sum(float((g * g).sum()) for g in step)) for step in seen]
        assert len(norms) == (2 if more else 4)
        np.testing.assert_allclose(norms, 0.5, rtol=1e-5)
        assert all(p.grad is None for p in problem.module.parameters())

    def test_the_step_is_the_same_with_and_without_one(self):
        class Watching(Single):
            def param_callback(self):
                pass

        ends = []
        for cls in (Single, Watching):
            problem = single(cls, gradient_clipping=0.5)
            Engine([problem], EngineConfig(train_iters=5)).run()
            ends.append(problem.module.weight.detach().numpy())
        np.testing.assert_array_equal(*ends)

    def test_one_that_raises_leaves_no_gradients(self):
        class Raising(Single):
            def param_callback(self):
                raise KeyError("mine")

        problem = single(Raising)
        with pytest.raises(KeyError):
            Engine([problem], EngineConfig(train_iters=1)).run()
        assert problem.module.weight.grad is None


@pytest.mark.parametrize("replay", [False, True])
def test_a_gradient_that_was_there_is_part_of_the_next_step(replay):
    plain, given = single(Single, replay=replay), single(Single, replay=replay)
    for problem in (plain, given):
        engine = Engine([problem], EngineConfig(train_iters=2))
        engine.run()
        if problem is given:
            (given.module.weight.sum() * 0.5).backward()
        engine.run()
    # The step that found it went 0.1 * 0.5 further; the one after it contracts that.
    assert given.module.weight.grad is None
    contraction = np.eye(4) - 0.2 * np.linalg.matrix_power(moments(), 1)
    expected = contraction @ np.array([-0.05, -0.05, -0.05, 0.0])
    difference = np.concatenate(
        [
            (given.module.weight - plain.module.weight).detach().numpy()[0],
            (given.module.bias - plain.module.bias).detach().numpy(),
        ]
    )
    np.testing.assert_allclose(difference, expected, rtol=0, atol=1e-12)


def moments():
    """Mean of the outer products of rows with a one behind: half the Hessian of the loss."""
    rows = np.concatenate([X.numpy(), np.ones((4, 1))], axis=1)
    return rows.T @ rows / 4


class Up(ImplicitProblem):
    def training_step(self, batch):
        return ((self.low(batch[0]) - batch[1]) ** 2).mean()


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = linear(3, 0.3), linear(2, 0.3)

    def forward(self, x):
        return self.used(x)


def pair(low, kind, upper, **adam):
    class Low(ImplicitProblem):
        def training_step(self, batch):
            return low(self, (self.module(batch[0]) - batch[1]) ** 2)

    module = linear(3, -0.2)
    optimizer = betty.optim.Adam(upper.parameters(), lr=0.1, **adam)
    up = Up("up", Config(), upper, optimizer, train_data_loader=[(X, Y)])
    sgd = betty.optim.SGD(module.parameters(), lr=0.1)
    lower = Low("low", Config(type=kind, unroll_steps=2), module, sgd, train_data_loader=[(X, Y)])
    return Engine(
        [up, lower],
        EngineConfig(train_iters=4),
        {"u2l": {up: [lower]}, "l2u": {lower: [up]}},
    )


def weighted(low, losses):
    return (betty.sigmoid(low.up(X)) * losses).mean()


@pytest.mark.parametrize("kind", ["darts", "sama", "exact"])
def test_unused_upper_parameters_have_a_gradient_of_zero(kind):
    upper = TwoParts()
    pair(weighted, kind, upper, weight_decay=0.5).run()
    reference = linear(2, 0.3)
    adam = betty.optim.Adam(reference.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(2):
        for p in reference.parameters():
            p.grad = betty.zeros_like(p)
        adam.step()
    for p, q in zip(upper.unused.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["neumann", "cg"])
def test_or_none_where_the_method_solves(kind):
    upper = TwoParts()
    pair(weighted, kind, upper, weight_decay=0.5).run()
    np.testing.assert_array_equal(upper.unused.weight.detach().numpy(), 0.3)


def test_a_lower_loss_may_ignore_the_upper_level_for_some_steps():
    def warming_up(low, losses):
        return losses.mean() if low.count <= 2 else weighted(low, losses)

    upper = linear(3, 0.3)
    engine = pair(warming_up, "darts", upper)
    with pytest.warns(RuntimeWarning, match="'up', step 1: neither its loss nor one below depends"):
        engine.run()
    assert engine.up.count == 2
    assert not np.allclose(upper.weight.detach().numpy(), 0.3)


def test_a_loss_without_any_level_below_must_depend_on_its_parameters():
    class Constant(Single):
        def training_step(self, batch):
            return (batch[0] ** 2).mean()

    problem = single(Constant)
    with pytest.raises(RuntimeError, match="the loss depends on none of its parameters"):
        Engine([problem], EngineConfig(train_iters=1)).run()


@pytest.mark.parametrize("read", [False, True])
def test_gradients_through_values_that_a_parameter_had_once(read):
    """Both passes are computed with the step; each has its own value of the other parameter."""
    factor, changed = nn.Parameter(betty.full((2,), 2.0)), nn.Parameter(betty.full((2,), 5.0))
    optimizer = betty.optim.SGD([factor], lr=1.0)
    for _ in range(2):
        (changed * factor).sum().backward()
        if read:
            factor.grad.tolist()
        with betty.no_grad():
            changed.add_(1)
    optimizer.step()
    assert factor.tolist() == [2 - 5 - 6] * 2
