"""cg and neumann where the lower loss does not curve along every parameter."""

import warnings

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

CURVATURES = [1.0, 3.0]


class Weights(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(betty.tensor([1.0, 2.0], dtype=betty.float64))
        self.head = nn.Parameter(betty.tensor(0.0, dtype=betty.float64))


class Up(ImplicitProblem):
    def training_step(self, batch):
        return self.low.module.w.sum() + self.low.module.head


class Low(ImplicitProblem):
    """By default of a quadratic loss that does not mention the head."""

    def training_step(self, batch):
        curvatures = betty.tensor(CURVATURES, dtype=betty.float64)
        return ((self.module.w - self.up.module.w) ** 2 * curvatures).sum() / 2


class Flat(Low):
    """The loss mentions the head, along which it has no curvature."""

    def training_step(self, batch):
        return super().training_step(batch) + self.module.head


def build(low=Low, **options):
    nets = [Weights(), Weights()]
    rules = [optim.SGD(net.parameters(), lr=1.0) for net in nets]
    up = Up("up", Config(), nets[0], rules[0], train_data_loader=[0])
    low = low("low", Config(**options), nets[1], rules[1], train_data_loader=[0])
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=1), edges), up


@pytest.mark.parametrize("damping", [0.0, 1e-12])
@pytest.mark.parametrize("iterations", [2, 3, 10, 50])
def test_cg_leaves_out_what_the_lower_loss_does_not_mention(iterations, damping):
    """d upper / d λ = H⁻¹H of ones: the bias that only the upper loss reads has no part in it."""
    engine, up = build(type="cg", cg_iterations=iterations, cg_damping=damping)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.run()
    np.testing.assert_allclose(np.array([1, 2]) - up.module.w.detach().numpy(), [1, 1], rtol=1e-9)


@pytest.mark.parametrize("iterations", [3, 20])
def test_cg_stops_and_warns_where_no_curvature_is_left(iterations):
    engine, up = build(Flat, type="cg", cg_iterations=iterations)
    with pytest.warns(RuntimeWarning, match="problem 'up', step 1: cg through 'low': .*singular"):
        engine.run()
    assert np.abs(up.module.w.detach().numpy()).max() < 10  # no step along rounding


def test_a_strict_cg_refuses_a_singular_hessian():
    engine, up = build(Flat, type="cg", cg_iterations=5, cg_strict=True)
    with pytest.raises(RuntimeError, match="the Hessian is singular"):
        engine.run()
    assert up.module.w.tolist() == [1.0, 2.0]


def test_a_diverging_series_is_warned_of():
    engine, _ = build(type="neumann", neumann_iterations=30, neumann_alpha=1.0)
    with pytest.warns(RuntimeWarning, match="neumann through 'low': the series diverges"):
        engine.run()


def test_a_series_of_two_terms_is_not():
    engine, _ = build(type="neumann", neumann_iterations=1, neumann_alpha=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.run()
