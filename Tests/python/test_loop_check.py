"""check where inner loops are differentiated: beside the other mode and finite differences."""

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, Exact, Iterative, check
from betty.problems import ImplicitProblem, IterativeProblem
from test_hypergradient_check import Lower, Net, Upper, Values, network, tensor
from test_hypergradient_paths import GRAPHS, build


class Unrolled(IterativeProblem):
    training_step = Lower.training_step


class Drops(IterativeProblem):
    """Random masks, which every loop draws alike."""

    def training_step(self, batch):
        x, y = batch
        x = nn.functional.dropout(x, 0.3)
        return Lower.training_step(self, (x, y))


def loop(kind, steps=6, optimizer=optim.SGD, problem=Unrolled, run=None, **options):
    """The network again, its loop unrolled."""
    engine = network(Exact(), 1)
    rs = np.random.RandomState(4)
    rs.randn(12, 4)
    net, weights = Net(rs), Values(rs.randn(6) * 0.3)
    up = Upper("up", Config(), weights, optim.SGD(weights.parameters(), lr=0.1),
               train_data_loader=engine.up.train_data_loader[0])  # fmt: skip
    low = problem(
        "low", Config(type=kind, unroll_steps=steps, **options), net,
        optimizer(net.parameters(), lr=0.05), train_data_loader=engine.low.train_data_loader[0],
        extra_config=engine.low.cfg,
    )  # fmt: skip
    accumulation = options.get("gradient_accumulation", 1)
    engine = Engine(
        [up, low], EngineConfig(train_iters=run or 2 * steps * accumulation),
        {"u2l": {up: [low]}, "l2u": {low: [up]}},
    )  # fmt: skip
    engine.run()
    return engine


LOOPS = {
    "iterative": {"kind": "iterative"},
    "forward": {"kind": "forward"},
    "adam": {"kind": "iterative", "optimizer": optim.Adam},
    "adam, forward": {"kind": "forward", "optimizer": optim.Adam},
    "checkpoints": {"kind": Iterative(checkpoint=True), "steps": 9},
    "accumulation": {"kind": "iterative", "gradient_accumulation": 3, "steps": 4},
    "clipping": {"kind": "iterative", "gradient_clipping": 0.1},
    "masks": {"kind": "iterative", "problem": Drops},
    "replay": {"kind": "iterative", "replay": True},
    "in the middle of a loop": {"kind": "iterative", "run": 9},
}


def everything(engine):
    """All that a check must leave alone."""
    values = [p.detach().numpy().copy() for q in engine.problems for p in q.module.parameters()]
    states = [s["state"] for s in (q.optimizer.state_dict() for q in engine.problems)]
    numbers = [n for s in states for each in s.values() for n in each.values()]
    loops = [t for q in engine.problems for t in q.state_dict().get("loop", [])]
    return values + [np.asarray(n).copy() for n in (*numbers, *loops, betty.get_rng_state())]


@pytest.mark.parametrize("case", LOOPS)
def test_a_loop_is_differentiated_as_both_references_say(case):
    engine = loop(**LOOPS[case])
    before = everything(engine)
    report = check(engine, engine.up, samples=3, verbose=False)
    for a, b in zip(everything(engine), before, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(report.configured[0], report.unrolled[0], rtol=1e-8, atol=1e-12)
    assert np.abs(report.unrolled[0]).max() > 1e-4
    known = ~np.isnan(report.differences[0])
    wanted = report.differences[0][known]
    np.testing.assert_allclose(report.unrolled[0][known], wanted, rtol=1e-4, atol=1e-8)
    assert report.loops == {"low": LOOPS[case].get("steps", 6)}


def test_a_run_goes_on_after_a_check_as_if_there_had_been_none():
    found = []
    for is_checked in (False, True):
        betty.manual_seed(3)
        engine = loop("iterative", run=9, problem=Drops, optimizer=optim.Adam)
        if is_checked:
            check(engine, engine.up, samples=1, verbose=False)
        engine.run()
        found.append(everything(engine))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_truncation_shows_in_both(capsys):
    engine = loop(Iterative(truncation=2))
    report = check(engine, engine.up, samples=6)
    np.testing.assert_allclose(report.unrolled[0], report.differences[0], rtol=1e-4, atol=1e-8)
    assert 0.9 < report.to_unrolled.cosine < 0.999999
    assert report.to_unrolled.relative_norm < 0.9
    whole = check(loop(Iterative(truncation=6)), engine.up, samples=1, verbose=False)
    assert whole.loops == {"low": 6}
    head = capsys.readouterr().out.splitlines()[0]
    assert head == "hypergradient of 'up', through 6 steps of 'low'"


@pytest.mark.parametrize("kind", ["iterative", "forward"])
def test_a_loop_that_begins_at_a_copy(kind):
    """MAML: the upper parameters are where the loop begins."""

    class Task(IterativeProblem):
        def training_step(self, batch):
            x, y = batch
            return ((self.module(x) - y) ** 2).mean()

    class Meta(ImplicitProblem):
        training_step = Upper.training_step

    rs = np.random.RandomState(4)
    data = [(tensor(rs.randn(6, 3)), tensor(rs.randn(6, 1))) for _ in range(2)]
    nets = [Net(np.random.RandomState(seed)) for seed in (1, 2)]
    up = Meta("up", Config(), nets[0], optim.SGD(nets[0].parameters(), lr=0.1),
              train_data_loader=data[:1])  # fmt: skip
    low = Task("low", Config(type=kind, unroll_steps=3), nets[1],
               optim.Adam(nets[1].parameters(), lr=0.1), train_data_loader=data[1:])  # fmt: skip
    low.initialize_from(up)
    engine = Engine(
        [up, low], EngineConfig(train_iters=7), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    report = check(engine, up, samples=4, verbose=False)
    assert report.to_unrolled.cosine > 1 - 1e-12
    assert abs(report.to_unrolled.relative_norm - 1) < 1e-9
    assert report.to_differences.cosine > 1 - 1e-6
    assert max(report.to_differences.worst) < 1e-4


def test_above_64_numbers_the_tape_is_beside_a_whole_one():
    class Many(IterativeProblem):
        def training_step(self, batch):
            pull = (self.module.values - self.up.module.values) ** 2
            return (pull * (1 + self.up.module.values**2)).sum()

    class Sum(ImplicitProblem):
        def training_step(self, batch):
            return (self.low.module.values**3).sum()

    up, low = (
        kind(name, Config(type=Iterative(truncation=truncation), unroll_steps=steps), module,
             optim.SGD(module.parameters(), lr=0.1), train_data_loader=[0])
        for kind, name, steps, truncation, module in (
            (Sum, "up", 1, 0, Values(np.linspace(-1, 1, 70))),
            (Many, "low", 4, 1, Values(np.linspace(0, 1, 70))),
        )
    )  # fmt: skip
    engine = Engine(
        [up, low], EngineConfig(train_iters=4), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    report = check(engine, up, samples=70, verbose=False)
    np.testing.assert_allclose(report.unrolled[0], report.differences[0], rtol=1e-4, atol=1e-6)
    assert report.to_unrolled.relative_norm < 0.9


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("where", ["at the bottom", "everywhere"])
def test_any_graph_with_loops(graph, where):
    """Beside implicit problems, below them, and above each other."""
    edges, hyper, slopes = GRAPHS[graph]
    lowers = {name for edge in edges for name in edge} - set(hyper)
    loops = lowers - {b for _, b in edges} if where == "at the bottom" else lowers
    types = dict.fromkeys(lowers, CG(iterations=20, tolerance=1e-13))
    types |= {name: ("iterative", "forward")[place % 2] for place, name in enumerate(sorted(loops))}
    engine, problems, _ = build(edges, hyper, types, slopes)
    engine.run()
    for name in loops:
        problems[name]._unroll_steps = 3
        problems[name].optimizer.param_groups[0]["lr"] = 0.2
    for name in hyper:
        report = check(engine, problems[name], iterations=200, rate=0.3, verbose=False)
        np.testing.assert_allclose(report.configured[0], report.unrolled[0], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(report.differences[0], report.unrolled[0], rtol=1e-5, atol=1e-7)


def test_a_loop_goes_on_between_the_micro_steps_of_an_update():
    def run(looks):
        engine = loop("iterative", run=14, steps=4, gradient_accumulation=3)
        assert any(p.grad is not None for p in engine.low.module.parameters())
        if looks:
            check(engine, engine.up, verbose=False)
        engine.train_iters = 10
        engine.run()
        return everything(engine)

    for a, b in zip(run(True), run(False), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("where", ["upper", "lower", "both"])
@pytest.mark.parametrize("kind", ["iterative", "forward", "cg"])
def test_losses_that_draw_random_numbers_are_compared_on_the_same_draws(kind, where):
    """cg stands on the masks of the lower problem's last step, the references on others."""
    betty.manual_seed(0)
    x, y = betty.randn(40, 4, dtype=betty.float64), betty.randn(40, 1, dtype=betty.float64)

    class Up(ImplicitProblem):
        def training_step(self, batch):
            out = self.low.module(batch[0])
            if where != "lower":
                out = nn.functional.dropout(out, 0.5)
            return nn.functional.mse_loss(out, batch[1])

    class Low(ImplicitProblem if kind == "cg" else IterativeProblem):
        def training_step(self, batch):
            given = batch[0] if where == "upper" else nn.functional.dropout(batch[0], 0.1)
            loss = nn.functional.mse_loss(self.module(given), batch[1])
            return loss + (self.up.module.values.exp() * self.module.weight**2).sum()

    above, below = Values(np.linspace(-2, 0, 4)), nn.Linear(4, 1, bias=False).double()
    data = [(x, y)]
    rules = [optim.SGD(m.parameters(), lr=rate) for m, rate in ((above, 1e-3), (below, 0.05))]
    up = Up("up", Config(), above, rules[0], train_data_loader=data)
    options = {"type": kind, "unroll_steps": 5, "cg_iterations": 10}
    low = Low("low", Config(**options), below, rules[1], train_data_loader=data)
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    engine = Engine([up, low], EngineConfig(train_iters=15), edges)
    engine.run()
    iterations = {"iterations": 300} if kind == "cg" else {}
    report = check(engine, up, verbose=False, **iterations)
    least = 0.9 if kind == "cg" and where != "upper" else 1 - 1e-7
    assert report.to_unrolled.cosine > least and report.to_differences.cosine > least - 1e-3
    # Whatever the masks, both references are of one function.
    found = [
        np.concatenate([a.ravel() for a in each]) for each in (report.unrolled, report.differences)
    ]
    known = ~np.isnan(found[1])
    np.testing.assert_allclose(found[0][known], found[1][known], rtol=1e-3, atol=1e-6)
