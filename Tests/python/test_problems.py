"""Multilevel programs against NumPy and closed forms; hooks, counts, lifetimes, recompilation."""

import gc
import threading
import weakref

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

RATE, UPPER_RATE, PENALTY = 0.3, 0.8, 0.1


class Vector(nn.Module):
    """A module that is one parameter."""

    def __init__(self, values):
        super().__init__()
        self.value = nn.Parameter(betty.tensor(np.asarray(values, dtype=np.float64)))

    def forward(self):
        return self.value


def link(upper, lower, iterations, engine=Engine, **config):
    return engine(
        problems=[upper, lower],
        config=EngineConfig(train_iters=iterations, **config),
        dependencies={"u2l": {upper: [lower]}, "l2u": {lower: [upper]}},
    )


def make(problem, name, config, values, rate, batches):
    module = Vector(values)
    optimizer = betty.optim.SGD(module.parameters(), lr=rate)
    return problem(name, config, module, optimizer, train_data_loader=batches)


def number(tensor):
    return tensor.detach().numpy().copy()


# Logistic regression with an L2 penalty for each feature.


class Penalties(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        return nn.functional.binary_cross_entropy_with_logits(x @ self.weights(), y)


class Weights(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        w = self.module()
        loss = nn.functional.binary_cross_entropy_with_logits(x @ w, y)
        return loss + PENALTY * (betty.exp(self.penalties()) * w * w).sum()


def logistic_data():
    rs = np.random.RandomState(3)
    w = rs.randn(6)
    x = rs.randn(60, 6)
    y = (x @ w + rs.randn(60) > 0).astype(np.float64)
    return [(x[:20], y[:20]), (x[20:40], y[20:40])], [(x[40:], y[40:])]


def data_gradient(w, batch):
    x, y = batch
    return x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y)


def logistic_in_numpy(train, valid, unroll, iterations, alpha):
    """The same loop with darts: (v: gradient of the validation loss at w)
    -(dL/ds(w + eps v) - dL/ds(w - eps v)) / 2 eps, eps = alpha / |v|."""
    w, s, history = np.zeros(6), np.full(6, -1.0), []
    for step in range(iterations):
        batch = train[step % len(train)]
        w = w - RATE * (data_gradient(w, batch) + 2 * PENALTY * np.exp(s) * w)
        if (step + 1) % unroll == 0:
            v = data_gradient(w, valid[0])
            eps = alpha / np.linalg.norm(v)
            above, below = (PENALTY * np.exp(s) * (w + e * v) ** 2 for e in (eps, -eps))
            s = s + UPPER_RATE * (above - below) / (2 * eps)
            history.append(s)
    return w, np.array(history)


@pytest.mark.parametrize("unroll", [1, 3])
@pytest.mark.parametrize("replay", [False, True])
def test_agrees_with_darts_in_numpy(unroll, replay):
    train, valid = logistic_data()
    history = []

    class Recorded(Penalties):
        def param_callback(self):
            history.append(number(self.module.value))

    config = Config(type="darts", unroll_steps=unroll, darts_alpha=0.02, replay=replay)
    upper = make(Recorded, "penalties", Config(replay=replay), np.full(6, -1.0), UPPER_RATE, valid)
    lower = make(Weights, "weights", config, np.zeros(6), RATE, train)
    link(upper, lower, 30).run()
    w, expected = logistic_in_numpy(train, valid, unroll, 30, 0.02)
    assert np.abs(expected[-1] - expected[0]).max() > 1e-2
    np.testing.assert_allclose(np.array(history), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(number(lower.module.value), w, rtol=0, atol=1e-6)


# A quadratic: with H = I the implicit gradient is exact, dU/dlambda = a (theta - t).

A, TARGET = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -1.0])


class Upper(ImplicitProblem):
    def training_step(self, batch):
        return 0.5 * ((self.lower() - batch[0]) ** 2).sum()


class Lower(ImplicitProblem):
    def training_step(self, batch):
        return 0.5 * ((self.module() - self.upper() * batch[0]) ** 2).sum()


def quadratic(iterations=4, upper=Upper, lower=Lower, engine=Engine, valid_step=500, **options):
    options = {"type": "exact", **options}
    top = make(
        upper, "upper", Config(replay=options.get("replay", False)), np.ones(3), 0.05, [(TARGET,)]
    )
    bottom = make(lower, "lower", Config(**options), [0.5, -1, 2], 0.1, [(A,)])
    return link(top, bottom, iterations, engine, valid_step=valid_step)


def by_hand(iterations, unroll=1):
    theta, lam = np.array([0.5, -1, 2]), np.ones(3)
    for step in range(1, iterations + 1):
        theta = theta - 0.1 * (theta - lam * A)
        if step % unroll == 0:
            lam = lam - 0.05 * A * (theta - TARGET)
    return theta, lam


def state_of(engine):
    return number(engine.lower.module.value), number(engine.upper.module.value)


@pytest.mark.parametrize("unroll", [1, 4])
def test_exact_agrees_with_the_closed_form(unroll):
    engine = quadratic(20, unroll_steps=unroll)
    engine.run()
    np.testing.assert_allclose(state_of(engine), by_hand(20, unroll), rtol=0, atol=1e-12)
    assert (engine.lower.count, engine.upper.count, engine.global_step) == (20, 20 // unroll, 20)


def test_knows_parents_children_and_paths():
    engine = quadratic()
    assert engine.lower.parents == [engine.upper] and engine.upper.children == [engine.lower]
    assert engine.upper.paths == [[engine.upper, engine.lower, engine.upper]]
    assert engine.lower.leaf and not engine.upper.leaf and engine.lower.paths == []


def test_hooks_come_in_order():
    events = []

    def hook(name, value=None):
        return lambda self: events.append(f"{self.name}.{name}") or value

    class Loud(Lower):
        on_inner_loop_start = hook("start")
        grad_callback = hook("grad")
        param_callback = hook("param")

    class LoudUpper(Upper):
        param_callback = hook("param")

    class Watched(Engine):
        def validation(self):
            events.append("validation")

    engine = quadratic(4, LoudUpper, Loud, Watched, valid_step=2, unroll_steps=2)
    engine.run()
    step = ["lower.grad", "lower.param"]
    assert events == 2 * (["lower.start", *step, *step, "upper.param", "validation"])
    np.testing.assert_allclose(state_of(engine), by_hand(4, 2), rtol=0, atol=1e-12)


def test_a_gradient_hook_changes_the_step():
    class Halved(Lower):
        def grad_callback(self):
            self.module.value.grad = self.module.value.grad * 0.5

    engine = quadratic(1, lower=Halved)
    engine.run()
    expected = np.array([0.5, -1, 2]) - 0.05 * (np.array([0.5, -1, 2]) - A)
    np.testing.assert_allclose(state_of(engine)[0], expected, rtol=0, atol=1e-12)


def test_a_step_of_ones_own_replaces_the_optimizers():
    class Own(Lower):
        def custom_optimizer_step(self):
            with betty.no_grad():
                self.module.value.sub_(0.2 * self.module.value.grad)

    engine = quadratic(1, lower=Own)
    engine.run()
    expected = np.array([0.5, -1, 2]) - 0.2 * (np.array([0.5, -1, 2]) - A)
    np.testing.assert_allclose(state_of(engine)[0], expected, rtol=0, atol=1e-12)


def test_a_train_step_of_ones_own_may_call_the_engines():
    class Twice(Engine):
        def train_step(self):
            super().train_step()
            super().train_step()

    engine = quadratic(3, engine=Twice)
    engine.run()
    assert (engine.global_step, engine.lower.count) == (3, 6)
    np.testing.assert_allclose(state_of(engine), by_hand(6), rtol=0, atol=1e-12)


def test_validation_stops_a_run():
    class Stopped(Engine):
        def validation(self):
            return {"loss": 1.0}

    upper = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    lower = make(Lower, "lower", Config(type="exact"), np.ones(3), 0.1, [(A,)])
    config = {"early_stopping": True, "early_stopping_tolerance": 2, "valid_step": 1}
    engine = link(upper, lower, 100, Stopped, **config)
    engine.run()
    assert 2 <= engine.global_step <= 4


@pytest.mark.parametrize("replay", [False, True])
def test_compiles_nothing_after_the_first_upper_steps(replay):
    engine = quadratic(6, unroll_steps=3, replay=replay)
    engine.run()
    before = betty.counters()
    engine.run()
    after = betty.counters()
    assert after["compilations"] == before["compilations"]
    assert after["program_runs"] > before["program_runs"]


def test_other_threads_work_while_a_callback_runs():
    values = []

    class Threaded(Lower):
        def training_step(self, batch):
            work = lambda: values.append(float((betty.ones(4) * 2).sum()))  # noqa: E731
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            thread.join(timeout=10)
            assert not thread.is_alive(), "the library holds its lock"
            return super().training_step(batch)

    engine = quadratic(3, lower=Threaded)
    engine.run()
    assert values == [8.0] * 3


def test_a_dropped_program_is_collected():
    engine = quadratic(2)
    engine.run()
    seen = [weakref.ref(engine), weakref.ref(engine.lower), weakref.ref(engine.upper.module)]
    del engine
    gc.collect()
    assert [each() for each in seen] == [None, None, None]


def test_a_batch_may_hold_no_tensor():
    class Words(Lower):
        def training_step(self, batch):
            assert batch == {"name": "three", "factor": 2}
            return 0.5 * ((self.module() - batch["factor"] * self.upper()) ** 2).sum()

    upper = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    batches = [{"name": "three", "factor": 2}]
    lower = make(Words, "lower", Config(type="exact"), np.zeros(3), 0.1, batches)
    link(upper, lower, 1).run()
    np.testing.assert_allclose(number(lower.module.value), np.full(3, 0.2), rtol=0, atol=1e-12)
