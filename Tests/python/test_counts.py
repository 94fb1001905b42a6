"""Counts of steps that are given from outside: as far as they go, and no further."""

import betty
import pytest
from betty import _native, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

MOST = 2**53


class Single(ImplicitProblem):
    def training_step(self, batch):
        return self.module.weight.sum()


def program():
    module = nn.Linear(1, 1, bias=False)
    problem = Single(
        "single", Config(), module, optim.SGD(module.parameters(), lr=0.1, momentum=0.9), None, [0]
    )
    return Engine([problem], EngineConfig(train_iters=2))


def set_global_step(engine, count):
    engine.global_step = count


def set_count(engine, count):
    engine.load_state_dict({**engine.state_dict(), "problems": {
        "single": {**engine.single.state_dict(), "count": count}}})  # fmt: skip


def set_steps(engine, count):
    engine.single.optimizer._engine.set_steps(engine.single.module.weight, count)


def set_loss_scale(engine, count):
    _native.set_loss_scale(engine.single._handle, 1.0, count)


SETTERS = [set_global_step, set_count, set_steps, set_loss_scale]


@pytest.mark.parametrize("give", SETTERS)
def test_a_run_goes_on_at_the_largest_count(give):
    engine = program()
    engine.run()
    give(engine, MOST)
    engine.run()
    if give is set_global_step:
        assert engine.global_step == MOST + 2
    if give is set_count:
        assert engine.single.count == MOST + 2


@pytest.mark.parametrize("give", SETTERS)
@pytest.mark.parametrize("count", [-1, MOST + 1, 2**63 - 1])
def test_a_larger_one_is_refused(give, count):
    engine = program()
    engine.run()
    with pytest.raises(ValueError, match=r"must be at least 0 and at most 2\*\*53, got -?\d+"):
        give(engine, count)
    engine.run()
    assert (engine.global_step, engine.single.count) == (4, 4)


def products(beta, decay, steps):
    """Of the first factors of NAdam's momentum, as PyTorch multiplies them."""
    product = 1.0
    for step in range(1, steps + 1):
        product *= beta * (1 - 0.5 * 0.96 ** (step * decay))
    return product


@pytest.mark.parametrize(("beta", "decay"), [(0.9, 4e-3), (0.999, 4e-3), (0.9999, 0), (0.99, 2.0)])
@pytest.mark.parametrize("steps", [1, 2, 255, 256, 257, 300, 2000])
def test_the_momentum_of_nadam_is_the_product_of_its_factors(beta, decay, steps):
    weight = nn.Parameter(betty.ones(1, dtype=betty.float64))
    rule = optim.NAdam([weight], lr=1.0, betas=(beta, 0.5), momentum_decay=decay)
    weight.grad = betty.ones(1, dtype=betty.float64)
    rule.step()
    rule._engine.set_steps(weight, steps)
    wanted = products(beta, decay, steps)
    assert float(rule.state[weight]["mu_product"]) == pytest.approx(wanted, rel=1e-6, abs=1e-30)
    # One more step on the same gradient: (1 - mu) / (1 - product) + m mu' / (1 - product mu').
    mu, after = (beta * (1 - 0.5 * 0.96 ** (t * decay)) for t in (steps + 1, steps + 2))
    mean = rule.state[weight]["exp_avg"].item() * beta + 1 - beta
    square = rule.state[weight]["exp_avg_sq"].item() * 0.5 + 0.5
    product = wanted * mu
    change = (1 - mu) / (1 - product) + mean * after / (1 - product * after)
    before = weight.item()
    rule.step()
    root = (square / (1 - 0.5 ** (steps + 1))) ** 0.5 + 1e-8
    assert before - weight.item() == pytest.approx(change / root, rel=2e-5)


def test_nadam_goes_on_at_a_count_that_was_loaded():
    """However large it is, a step takes as long."""
    weight = nn.Parameter(betty.ones(1))
    rule = optim.NAdam([weight], betas=(0.999999999, 0.999))
    weight.grad = betty.ones(1)
    rule.step()
    state = rule.state_dict()
    state["state"][0]["step"] = 10**12
    rule.load_state_dict(state)
    rule.step()
    assert rule.state_dict()["state"][0]["step"] == 10**12 + 1
