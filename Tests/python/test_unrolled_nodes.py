"""Implicit problems on a path that also leads through an unrolled one do all they do elsewhere:
they adapt, move, remember, report, refuse. What they give is compared with the same path through a
problem whose one step of gradient descent, at rate 1, is what the identity for the inverse Hessian
stands for."""

import betty
import numpy as np
import pytest
from betty import hypergradient, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

F64 = betty.float64


class Vector(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.v = nn.Parameter(betty.tensor(values, dtype=F64))


class Top(ImplicitProblem):
    def training_step(self, batch):
        return ((self.mid.module.v - 1) ** 2).sum()


class Mid(ImplicitProblem):
    def training_step(self, batch):
        return self.scale * (
            ((self.module.v - self.low.module.v) ** 2).sum() + 0.1 * (self.module.v**4).sum()
        )

    scale = 1.0


class Concave(Mid):
    scale = -1.0


def low_of(base):
    class Low(base):
        def training_step(self, batch):
            return ((self.module.v - self.top.module.v) ** 2).sum() / 2

    return Low


class Side(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module.v - self.mid.module.v * self.low.module.v) ** 2).sum() / 2


def program(
    unrolled, mid=Mid, optimizer=optim.SGD, lr=0.1, top=Top, on_nan="ignore", edges=None, **options
):
    def level(kind, name, values, make, rate, config):
        module = Vector(values)
        return kind(name, config, module, make(module.parameters(), rate), train_data_loader=[0])

    base, method = (IterativeProblem, "iterative") if unrolled else (ImplicitProblem, "exact")
    up = level(top, "top", [0.3, 0.1], optim.SGD, 0.1, Config(on_nan=on_nan))
    middle = level(mid, "mid", [0.2, 0.5], optimizer, lr, Config(**options))
    low = level(low_of(base), "low", [0.4, 0.7], optim.SGD, 1.0, Config(type=method))
    problems = [up, middle, low]
    if edges == "side":
        problems.append(level(Side, "side", [0.6, -0.4], optim.SGD, 0.0, Config(type="exact")))
        edges = {
            "u2l": {up: [low], middle: [problems[3]]},
            "l2u": {low: [problems[3], middle], problems[3]: [middle], middle: [up]},
        }
    elif edges == "below":
        edges = {"u2l": {up: [middle], middle: [low]}, "l2u": {low: [middle], middle: [up]}}
    else:
        edges = {"u2l": {up: [low]}, "l2u": {low: [middle], middle: [up]}}
    return Engine(problems, EngineConfig(train_iters=3), edges)


def values(engine):
    return [each.module.v.detach().numpy() for each in engine.problems]


def bringing(vector, lower, upper):
    return lower.mixed([v + BROUGHT for v in vector])


BROUGHT = betty.tensor([0.25, -0.5], dtype=F64) * 2
hypergradient.register("bringing", bringing)

METHODS = [
    {"type": "exact"},
    {"type": "sama"},
    {"type": "sama", "sama_multitask": True},
    {"type": "darts", "darts_multitask": True},
    {"type": "cg", "cg_iterations": 1, "cg_warm_start": True},
    {"type": "neumann", "neumann_iterations": 2, "neumann_alpha": 0.1},
    {"type": "bringing"},
]


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.RMSprop])
@pytest.mark.parametrize("options", METHODS, ids=str)
def test_products_are_those_of_any_other_path(options, optimizer):
    engines = [program(unrolled, optimizer=optimizer, **options) for unrolled in (False, True)]
    for engine in engines:
        engine.run()
    for wanted, got in zip(*map(values, engines), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_a_problem_is_left_where_its_method_moves_it():
    found = []
    for multitask in (False, True):
        engine = program(True, lr=0.0, darts_alpha=0.5, darts_multitask=multitask)
        engine.run()
        found.append(engine.mid.module.v.tolist())
    assert found[0] == [0.2, 0.5] != found[1]


def test_what_a_method_tells_and_keeps_is_there():
    engine = program(True, type="cg", cg_warm_start=True, cg_iterations=2)
    engine.run()
    (info,) = engine.top.hypergradient_info
    assert (info.path, info.problem, info.type) == (("top", "mid", "low", "top"), "mid", "cg")
    assert info.numbers["iterations"] > 0
    state = engine.top.state_dict()["hypergradient"]
    assert len(state) == 1 and np.abs(next(iter(state.values())).numpy()).sum() > 0
    resumed = program(True, type="cg", cg_warm_start=True, cg_iterations=2)
    resumed.load_state_dict(engine.state_dict())
    for each in (engine, resumed):
        each.run()
    assert [v.tolist() for v in values(engine)] == [v.tolist() for v in values(resumed)]


def test_an_indefinite_hessian_is_warned_of_and_refused():
    engine = program(True, Concave, type="cg")
    with pytest.warns(RuntimeWarning, match=r"cg through 'mid': the Hessian is not positive def"):
        engine.run()
    strict = program(True, Concave, type="cg", cg_strict=True)
    before = strict.top.module.v.tolist()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"problem 'top', step 1: cg through 'mid'"):
            strict.run()
        assert strict.top.module.v.tolist() == before
        assert strict.top.module.v.grad is None


def test_a_step_that_is_left_out_moves_nothing():
    class Poisoned(Top):
        def training_step(self, batch):
            loss = super().training_step(batch)
            return loss * betty.tensor(float("nan"), dtype=F64) if self.count == 2 else loss

    engine = program(True, lr=0.0, top=Poisoned, on_nan="skip", darts_multitask=True)
    engine.train_iters = 1
    engine.run()
    before = engine.mid.module.v.tolist()
    engine.run()
    assert engine.top.skipped_steps == 1
    assert engine.mid.module.v.tolist() == before != [0.2, 0.5]
    engine.run()
    assert engine.mid.module.v.tolist() != before


class Middle(Mid):
    """Its gradient has a part through the side problem."""

    def training_step(self, batch):
        side = getattr(self, "side", self.low)
        return super().training_step(batch) + (side.module.v**3).sum()


def test_an_indirect_part_counts_on_such_a_path():
    found = []
    for unrolled in (False, True):
        for counts in (False, True):
            engine = program(
                unrolled, Middle, lr=0.0, edges="side", type="exact", include_indirect=counts
            )
            engine.run()
            found.append(engine.top.module.v.detach().numpy())
    np.testing.assert_allclose(found[2:], found[:2], rtol=1e-9)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_an_indirect_part_through_unrolled_steps_is_refused():
    wanted = r"'mid': include_indirect can't go through 'low', which has type 'iterative'"
    with pytest.raises(ValueError, match=wanted):
        program(True, Middle, edges="below", type="exact", include_indirect=True)
    engine = program(True, Middle, edges="below", type="exact")
    with pytest.raises(ValueError, match=wanted):
        engine.mid.config.include_indirect = True
    assert engine.mid.config.include_indirect is False
    engine.run()
