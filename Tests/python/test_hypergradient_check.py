"""check on a network: its references agree with each other, and good methods with them.

And the score function estimate against the closed forms of a categorical and a Gaussian policy.
"""

from dataclasses import replace

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, Darts, Exact, Neumann, check, score_loss
from betty.problems import ImplicitProblem
from test_hypergradient_paths import GRAPHS, build


def tensor(values):
    return betty.tensor(np.asarray(values, dtype=np.float64))


class Net(nn.Module):
    def __init__(self, rs):
        super().__init__()
        self.a = nn.Parameter(tensor(rs.randn(4, 3) * 0.5))
        self.b = nn.Parameter(tensor(rs.randn(1, 4) * 0.5))

    def forward(self, x):
        return betty.tanh(x @ self.a.t()) @ self.b.t()


class Values(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.values = nn.Parameter(tensor(values))


class Upper(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return ((self.low(x) - y) ** 2).mean()


class Lower(ImplicitProblem):
    """Weighted squares near the start: a proximal term makes the minimum a strict one."""

    def training_step(self, batch):
        x, y = batch
        losses = ((self.module(x) - y) ** 2).sum(1)
        pairs = zip(self.module.parameters(), self.cfg, strict=True)
        penalty = sum(((p - start) ** 2).sum() for p, start in pairs)
        return (betty.sigmoid(self.up.module.values) * losses).mean() + 0.25 * penalty


def network(kind, iterations):
    rs = np.random.RandomState(4)
    x, y = rs.randn(12, 3), np.sin(rs.randn(12, 1) * 2)
    net, weights = Net(rs), Values(rs.randn(6) * 0.3)
    up = Upper(
        "up",
        Config(),
        weights,
        optim.SGD(weights.parameters(), lr=0.0),
        train_data_loader=[(tensor(x[6:]), tensor(y[6:]))],
    )
    low = Lower(
        "low",
        Config(type=kind, unroll_steps=iterations),
        net,
        optim.SGD(net.parameters(), lr=0.3),
        train_data_loader=[(tensor(x[:6]), tensor(y[:6]))],
        extra_config=[tensor(p.detach().numpy().copy()) for p in net.parameters()],
    )
    engine = Engine(
        [up, low], EngineConfig(train_iters=iterations), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    return engine


def test_the_references_agree_and_cg_with_them(capsys):
    engine = network(CG(iterations=60, tolerance=1e-11), 100)
    before = [p.detach().numpy().copy() for p in engine.low.module.parameters()]
    report = check(engine, engine.up, iterations=100, samples=6)
    np.testing.assert_allclose(report.unrolled[0], report.differences[0], rtol=1e-5, atol=1e-9)
    assert report.to_unrolled.cosine > 0.999999
    assert abs(report.to_unrolled.relative_norm - 1) < 1e-5
    assert report.to_differences.worst[0] < 1e-4
    for parameter, values in zip(engine.low.module.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.detach().numpy(), values)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("hypergradient of 'up'")
    assert lines[2].startswith("exact unrolling")


def test_the_identity_is_worth_less():
    found = {}
    for kind in (Darts(), Exact(), Neumann(iterations=50, alpha=0.3)):
        engine = network(kind, 100)
        report = check(engine, engine.up, iterations=100, samples=1, verbose=False)
        found[type(kind).__name__] = report.to_unrolled.cosine
    assert abs(found["Darts"] - found["Exact"]) < 1e-4
    assert 0 < found["Exact"] < found["Neumann"] <= 1


def test_asks_for_an_engine_that_has_run():
    engine = network(Exact(), 10)
    with pytest.raises(ValueError, match="'low' has no path of a hypergradient"):
        check(engine, engine.low)
    engine, problems, _ = build(*GRAPHS["three levels"][:2], {}, GRAPHS["three levels"][2])
    with pytest.raises(ValueError, match="'u' must have taken a step"):
        check(engine, problems["u"])


@pytest.mark.parametrize("graph", GRAPHS)
def test_any_graph(graph):
    """Several lower problems, levels and paths: the retraining goes from the lowest up."""
    edges, hyper, slopes = GRAPHS[graph]
    kind = CG(iterations=20, tolerance=1e-13)
    types = {name: kind for edge in edges for name in edge if name not in hyper}
    engine, problems, _ = build(edges, hyper, types, slopes)
    engine.run()
    for name in hyper:
        before = [p.module.value.detach().numpy().copy() for p in problems.values()]
        report = check(engine, problems[name], iterations=200, rate=0.3, verbose=False)
        assert report.settled < 1e-8
        np.testing.assert_allclose(report.configured[0], report.unrolled[0], rtol=1e-6, atol=1e-8)
        assert report.to_unrolled.cosine > 1 - 1e-12
        for problem, values in zip(problems.values(), before, strict=True):
            np.testing.assert_array_equal(problem.module.value.detach().numpy(), values)
        # Differences know of everything; in "middle too" and the others no path is left out.
        np.testing.assert_allclose(report.differences[0], report.unrolled[0], rtol=1e-5, atol=1e-7)


def test_a_path_that_is_left_out_shows_in_the_differences():
    edges, hyper, slopes = GRAPHS["two lowers"]
    types = dict.fromkeys("ab", CG(iterations=20, tolerance=1e-13))
    engine, problems, _ = build(edges, hyper, types, slopes)
    up, a, b = (problems[name] for name in "uab")
    engine.set_dependency({"l2u": {a: [up], b: [up]}, "u2l": {up: [a]}})
    engine.run()
    report = check(engine, up, iterations=200, rate=0.3, verbose=False)
    assert report.to_unrolled.cosine > 1 - 1e-12
    # b is no lower problem of a path, so it is not retrained, and a is all there is.
    np.testing.assert_allclose(report.differences[0], report.unrolled[0], rtol=1e-5, atol=1e-7)


def test_a_middle_problem_that_counts_its_own_term_is_refused():
    edges, hyper, slopes = GRAPHS["three levels"]
    engine, problems, _ = build(edges, hyper, {}, slopes)
    engine.run()
    problems["b"]._config = replace(problems["b"].config, include_indirect=True)
    with pytest.raises(ValueError, match="'b' counts its own implicit gradient"):
        check(engine, problems["u"])


# The score function.


class Policy(ImplicitProblem):
    """Samples of a policy and their costs, which the upper parameters shape."""

    def training_step(self, batch):
        return score_loss(*self.cfg(self.module.values, self.up.module.values), baseline=True)


class Wish(ImplicitProblem):
    def training_step(self, batch):
        return (self.low.module.values * tensor(self.cfg)).sum()


def estimate(policy, theta, costs, vector):
    """The hypergradient of the linear upper loss with slope `vector`."""
    outer, inner = Values(costs), Values(theta)
    up = Wish(
        "up", Config(), outer, optim.SGD(outer.parameters(), lr=1.0), extra_config=vector,
        train_data_loader=[0],
    )  # fmt: skip
    low = Policy(
        "low", Config(type="reinforce"), inner, optim.SGD(inner.parameters(), lr=0.0),
        extra_config=policy, train_data_loader=[0],
    )  # fmt: skip
    Engine([up, low], EngineConfig(train_iters=1), {"u2l": {up: [low]}, "l2u": {low: [up]}}).run()
    return np.asarray(costs) - outer.values.detach().numpy()


def test_score_function_of_a_categorical_policy():
    """E[c] = sum_k p_k lambda_k, so v d2E/dtheta dlambda_k = p_k (v_k - v p)."""
    theta, costs, vector = np.array([0.3, -0.2, 0.5]), [1.0, -2.0, 0.5], np.array([1.0, 2.0, -1.0])
    p = np.exp(theta) / np.exp(theta).sum()
    rs = np.random.RandomState(0)
    count = 200_000
    sampled = betty.tensor(rs.choice(3, size=count, p=p))

    def policy(values, upper):
        log_probs = betty.log_softmax(values, 0)
        return log_probs[sampled], upper[sampled]

    found = estimate(policy, theta, costs, vector)
    np.testing.assert_allclose(found, -p * (vector - vector @ p), atol=5 / np.sqrt(count))


def test_score_function_of_a_gaussian_policy():
    """a ~ N(theta, 1), c = (a - lambda)^2: v d2E/dtheta dlambda = -2 v."""
    rs = np.random.RandomState(1)
    count = 100_000
    sampled = tensor(0.7 + rs.randn(count))

    def policy(values, upper):
        log_probs = -0.5 * (sampled - values[0]) ** 2
        return log_probs, (sampled - upper[0]) ** 2

    found = estimate(policy, [0.7], [0.2], [1.5])
    np.testing.assert_allclose(found, [3.0], atol=20 / np.sqrt(count))


def test_a_baseline_makes_the_estimate_less_noisy():
    rs = np.random.RandomState(2)
    gradients = {False: [], True: []}
    for _ in range(200):
        theta = nn.Parameter(tensor([0.0]))
        sampled = tensor(rs.randn(20))
        for baseline, found in gradients.items():
            loss = score_loss(-0.5 * (sampled - theta) ** 2, (sampled - 3) ** 2, baseline)
            found.append(betty.autograd.grad(loss, [theta])[0].item())
    mean = {key: np.mean(values) for key, values in gradients.items()}
    assert np.std(gradients[True]) < 0.7 * np.std(gradients[False])
    assert abs(mean[True] + 6) < 5 * np.std(gradients[True]) / np.sqrt(200)


def test_score_loss_refuses_what_has_no_baseline():
    with pytest.raises(ValueError, match="of one shape"):
        score_loss(tensor([1.0, 2.0]), tensor([1.0]))
    with pytest.raises(ValueError, match="two samples, got 1"):
        score_loss(tensor([1.0]), tensor([1.0]))
