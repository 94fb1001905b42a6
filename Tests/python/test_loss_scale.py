"""fp16: the scale of losses and of vectors, what an overflow does, how a scale is resumed."""

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem
from precision_programs import Watched, WatchedSingle, cosine, hypergradient, single


def test_overflow_leaves_the_step_out_and_halves_the_scale():
    engine, only = single("fp16", factor=1e5, initial_dynamic_scale=2.0**40)
    before = only.module.weight.detach().numpy().copy()
    engine.run()
    assert only.skipped_steps == 1 and only.loss_scale == 2.0**39
    assert (only.module.weight.detach().numpy() == before).all()


def test_the_scale_falls_until_steps_are_taken():
    engine, only = single("fp16", initial_dynamic_scale=2.0**30, scale_factor=4.0)
    for _ in range(20):
        engine.run()
    assert 0 < only.skipped_steps < 20
    assert only.loss_scale == 2.0**30 / 4.0**only.skipped_steps
    exact = single("fp32")
    for _ in range(20 - only.skipped_steps):
        exact[0].run()
    moved = exact[1].module.weight.detach().numpy()
    assert np.allclose(only.module.weight.detach().numpy(), moved, atol=2e-4)


def test_small_gradients_do_not_vanish():
    """1e-8 is no number of f16; scaled it is."""
    found = {}
    for precision in ("fp32", "fp16"):
        engine, only = single(precision, factor=1e-7, kind=WatchedSingle)
        engine.run()
        found[precision] = only.seen
    assert np.abs(found["fp32"]).max() < 1e-7
    assert cosine(found["fp32"], found["fp16"]) > 0.999


@pytest.mark.parametrize("scale", [1e-9, 1e6])
@pytest.mark.parametrize("method", ["exact", "cg", "iterative", "forward"])
def test_vectors_carry_their_own_scale(method, scale):
    """A vector of any size gives the same direction: it is brought into range."""

    class Near(Watched):
        def training_step(self, batch):
            return scale * sum(((p - 0.1) ** 2).sum() for p in self.lower.module.parameters())

    exact = hypergradient(method, "fp32", Near)
    rounded = hypergradient(method, "fp16", Near)
    assert np.isfinite(rounded).all()
    assert cosine(exact, rounded) > 0.99


def test_hundreds_of_overflows_in_a_row_end_the_run():
    engine, only = single("fp16", factor=float("inf"))
    before = only.module.weight.detach().numpy().copy()
    with pytest.raises(RuntimeError, match=r"problem 'only'.*200 steps in a row overflowed"):
        for _ in range(300):
            engine.run()
    assert only.skipped_steps == 200
    assert (only.module.weight.detach().numpy() == before).all()


def test_a_loss_that_is_not_finite_stops_where_that_is_asked_for():
    engine, only = single("fp16", factor=float("nan"), on_nan="stop")
    with pytest.raises(RuntimeError, match="problem 'only': the loss or its gradient"):
        engine.run()
    assert only.loss_scale == 4096
    engine, only = single("fp16", initial_dynamic_scale=2.0**40, on_nan="stop")
    engine.run()
    assert only.skipped_steps == 1


def test_the_scale_grows_after_good_steps_and_is_resumed():
    engine, only = single("fp16")
    engine.run()
    state = only.state_dict()
    assert state["loss_scale"] == (4096.0, 1)
    again, other = single("fp16")
    other.load_state_dict({**state, "loss_scale": (1024.0, 1999)})
    again.run()
    assert other.loss_scale == 2048 and other.state_dict()["loss_scale"] == (2048.0, 0)
    with pytest.raises(ValueError, match="loss_scale"):
        other.load_state_dict({"loss_scale": (-1.0, 0)})
    assert "loss_scale" not in single("bf16")[1].state_dict()


def unlike(method, lower, size, factor=1.0):
    """An upper problem in fp16 whose module weighs the lower loss, in another precision."""
    betty.manual_seed(0)
    net, above = nn.Linear(4, 2), nn.Linear(4, 1)
    batch = betty.randn(6, 4)

    class Low(IterativeProblem if method in ("iterative", "forward") else ImplicitProblem):
        def training_step(self, batch):
            weights = self.up.module(factor * batch)
            weights = weights.sigmoid() if factor == 1.0 else weights
            return size * (weights * self.module(batch) ** 2).mean()

    class Up(ImplicitProblem):
        def training_step(self, batch):
            return ((self.low.module(batch) - 1) ** 2).mean()

    low = Low(
        "low",
        Config(type=method, precision=lower, unroll_steps=2),
        net,
        optim.SGD(net.parameters(), lr=1e-5),
        train_data_loader=[batch],
    )
    adam = optim.SGD(above.parameters(), lr=0.01)
    up = Up("up", Config(precision="fp16"), above, adam, train_data_loader=[batch])
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=2), edges), low, up


@pytest.mark.parametrize("lower", ["fp32", "bf16"])
@pytest.mark.parametrize("method", ["iterative", "exact"])
def test_an_overflow_in_products_of_a_lower_problem_is_caught(method, lower):
    """The lower problem rounds its products with the upper one's parameters to f16."""
    engine, _, up = unlike(method, lower, size=1e3)
    before = up.module.weight.detach().numpy().copy()
    engine.run()
    assert up.skipped_steps == 1 and up.loss_scale == 2048
    np.testing.assert_array_equal(up.module.weight.detach().numpy(), before)
    for _ in range(20):
        engine.run()
    assert up.skipped_steps < 21
    assert (up.module.weight.detach().numpy() != before).any()
    assert np.isfinite(up.module.weight.detach().numpy()).all()


@pytest.mark.parametrize("method", ["iterative", "forward", "exact"])
def test_overflows_without_end_name_their_problem(method):
    engine, low, _ = unlike(method, "fp16", size=1.0, factor=1e6)
    with pytest.raises(RuntimeError, match=r"problem 'low': 200 steps in a row overflowed"):
        for _ in range(300):
            engine.run()
    assert low.skipped_steps == 200
