"""Mixed precision of problems: every method beside f32, scaling, errors, resuming."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from precision_programs import LOW, METHODS, cosine, hypergradient, program, single


@pytest.fixture(autouse=True)
def quiet():
    """That this processor has no product of bf16 is told once, to whoever is first."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no fast bf16 product")
        yield


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("method", METHODS)
def test_hypergradients_agree_with_f32(method, precision):
    exact = hypergradient(method, "fp32")
    rounded = hypergradient(method, precision)
    assert np.isfinite(rounded).all() and np.linalg.norm(exact) > 0
    assert cosine(exact, rounded) >= 0.99
    assert np.linalg.norm(rounded) == pytest.approx(np.linalg.norm(exact), rel=0.05)


def weighed(method, precision):
    """A hypergradient of a net that weighs samples by their detached losses."""
    betty.manual_seed(1)
    module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    weigher = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    random = np.random.RandomState(0)

    class Weighed(ImplicitProblem):
        def training_step(self, batch):
            losses = F.cross_entropy(self.module(batch[0]), batch[1], reduction="none")
            weights = betty.sigmoid(self.up(losses.detach().reshape(-1, 1)))
            return (weights[:, 0] * losses).mean()

    class Clean(ImplicitProblem):
        def training_step(self, batch):
            return F.cross_entropy(self.low(batch[0]), batch[1])

        def grad_callback(self):
            self.seen = np.concatenate([p.grad.numpy().ravel() for p in weigher.parameters()])

    def make(cls, name, net, method="darts"):
        config = Config(type=method, precision=precision)
        images = random.randn(32, 8).astype(np.float32)
        batch = betty.from_numpy(images), betty.from_numpy(random.randint(0, 3, 32))
        sgd = optim.SGD(net.parameters(), lr=0.1)
        return cls(name, config, net, sgd, train_data_loader=[batch])

    low, up = make(Weighed, "low", module, method), make(Clean, "up", weigher)
    Engine([up, low], EngineConfig(train_iters=1), {"u2l": {up: [low]}, "l2u": {low: [up]}}).run()
    return up.seen


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("method", ["darts", "sama"])
def test_the_limit_of_a_finite_difference_moves_detached_parts(method, precision):
    exact, rounded = weighed(method, "fp32"), weighed(method, precision)
    assert cosine(exact, rounded) > 0.99
    # The exact product takes them for constants.
    assert cosine(weighed("exact", "fp32"), weighed("exact", precision)) > 0.99
    assert cosine(weighed("exact", "fp32"), weighed("darts", "fp32")) < 0.96


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("method", METHODS)
def test_runs_stay_close_to_f32(method, precision):
    losses = {}
    for kind in ("fp32", precision):
        engine = program(method, kind, upper=kind, iters=20)
        engine.run()
        losses[kind] = engine.lower.stats()["loss"]
        assert engine.lower.skipped_steps == engine.upper.skipped_steps == 0
    assert losses[precision] == pytest.approx(losses["fp32"], rel=0.03)


def test_a_method_of_ones_own():
    def shrunk(vector, lower, upper):
        return lower.mixed([v - 0.1 * h for v, h in zip(vector, lower.hvp(vector), strict=True)])

    betty.hypergradient.register("shrunk", shrunk)
    METHODS["shrunk"] = {}
    try:
        exact = hypergradient("shrunk", "fp32")
        for precision in LOW:
            assert cosine(exact, hypergradient("shrunk", precision)) > 0.99
    finally:
        del METHODS["shrunk"]


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation": 2},
        {"gradient_clipping": 0.1},
        {"replay": True},
        {"on_nan": "skip"},
        {"on_nan": "stop"},
        {"roll_back": True},
        {"darts_multitask": True},
        {"include_indirect": True},
    ],
)
def test_options_work_in_low_precision(options, precision):
    values = {}
    for kind in ("fp32", precision):
        engine = program("darts", kind, upper=kind, iters=8, **options)
        engine.run()
        moved = [*engine.lower.module.parameters(), engine.upper.module.logits]
        values[kind] = np.concatenate([p.detach().numpy().ravel() for p in moved])
    assert np.isfinite(values[precision]).all()
    assert cosine(values["fp32"], values[precision]) > 0.999


def test_three_levels_with_an_indirect_term():
    """A middle problem in fp16 whose own hypergradient counts for the top one."""

    def build(precision):
        betty.manual_seed(0)
        parts = [nn.Linear(6, 6) for _ in range(3)]
        x = betty.randn(16, 6)

        class Low(ImplicitProblem):
            def training_step(self, batch):
                return ((self.module(x).tanh() - self.middle.module(x)) ** 2).mean()

        class Middle(ImplicitProblem):
            def training_step(self, batch):
                out = self.low(x).tanh() - self.top(x)
                return (out**2).mean() + 0.1 * (self.module.weight**2).sum()

        class Top(ImplicitProblem):
            def training_step(self, batch):
                return ((self.middle(x) - 1) ** 2).mean() + 0.1 * (self.module.weight**2).sum()

        problems = []
        for kind, name, part in zip(
            (Top, Middle, Low), ("top", "middle", "low"), parts, strict=True
        ):
            config = Config(
                type="cg", cg_iterations=2, cg_damping=1.0, precision=precision,
                include_indirect=name == "middle",
            )  # fmt: skip
            sgd = optim.SGD(part.parameters(), lr=0.1)
            problems.append(kind(name, config, part, sgd, train_data_loader=[x]))
        top, middle, low = problems
        edges = {
            "u2l": {top: [middle], middle: [low]},
            "l2u": {low: [middle], middle: [top]},
        }
        Engine(problems, EngineConfig(train_iters=3), edges).run()
        return top.module.weight.detach().numpy()

    start = build("fp32")
    for precision in LOW:
        assert np.allclose(build(precision), start, atol=0.01)


# Networks


class Residual(nn.Module):
    """Convolutions with batch statistics around a shortcut, then pooling and a layer."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(6), nn.BatchNorm2d(6)])
        self.last = nn.Linear(6 * 16, 4)

    def forward(self, x):
        x = F.relu(self.norms[0](self.first(x.reshape(-1, 1, 8, 8))))
        x = F.relu(self.norms[1](self.second(x)) + x)
        return self.last(F.max_pool2d(x, 2).flatten(1))


class Sequence(nn.Module):
    """Attention, layer norms and a recurrent layer over tokens."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(10, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.cell, self.last = nn.GRU(16, 12, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        tokens = (x[:, :8].abs() * 3).long().clamp(0, 9)
        states, _ = self.cell(self.block(self.tokens(tokens)))
        return self.last(states[:, -1])


class Classifier(ImplicitProblem):
    def training_step(self, batch):
        return F.cross_entropy(self.module(batch[0]), batch[1])

    def grad_callback(self):
        self.seen = [p.grad.detach().numpy().ravel() for p in self.module.parameters()]


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("network", [Residual, Sequence])
def test_gradients_of_networks_agree_with_f32(network, precision):
    def run(kind):
        betty.manual_seed(1)
        module = network()
        sgd = optim.SGD(module.parameters(), lr=0.1)
        batch = (betty.randn(32, 64), betty.arange(32) % 4)
        only = Classifier("only", Config(precision=kind), module, sgd, train_data_loader=[batch])
        Engine([only], EngineConfig(train_iters=1), {}).run()
        return only

    exact, rounded = run("fp32"), run(precision)
    assert cosine(np.concatenate(exact.seen), np.concatenate(rounded.seen)) > 0.995
    assert re.search("bf16|f16", betty.dump(rounded))
    for mine, theirs in zip(rounded.module.buffers(), exact.module.buffers(), strict=True):
        assert mine.dtype == theirs.dtype
        assert np.allclose(mine.numpy(), theirs.numpy(), atol=0.02)


# What is where


def test_dump_shows_the_casts_and_describe_the_precision():
    engine = program("exact", "bf16", iters=2)
    engine.run()
    lower, upper = betty.dump(engine.lower), betty.dump(engine.upper)
    recording = lower.split("recording: ")[1].split("step: ")[0]
    assert "cast" in recording and "bf16" in recording
    # The upper loss uses the lower module in the lower problem's precision.
    assert "bf16" in upper.split("recording: ")[1].split("step: ")[0]
    lines = engine.describe().splitlines()
    assert "precision" in lines[0]
    rows = {line.split()[0]: line for line in lines[1:3]}
    assert " bf16 " in rows["lower"] and " fp32 " in rows["upper"]
    engine = program("exact", "fp32", iters=2)
    engine.run()
    assert "bf16" not in betty.dump(engine.lower) + betty.dump(engine.upper)


class Mean(ImplicitProblem):
    def training_step(self, batch):
        return (self.module(batch) ** 2).mean()


def test_low_precision_takes_less_memory():
    """Planned bytes of a step whose activations outweigh its parameters."""

    def planned(precision):
        betty.manual_seed(0)
        layers = [part for _ in range(12) for part in (nn.Linear(64, 64), nn.GELU())]
        module = nn.Sequential(*layers)
        sgd = optim.SGD(module.parameters(), lr=0.1)
        x = betty.randn(2048, 64)
        only = Mean("only", Config(precision=precision), module, sgd, train_data_loader=[x])
        engine = Engine([only], EngineConfig(train_iters=1), {})
        engine.run()
        return int(re.search(r"arena of (\d+) bytes", betty.dump(only))[1])

    # A processor that widens operands needs room for that besides.
    bound = 0.7 if betty.backends.cpu.has_bf16() else 0.8
    assert 0 < planned("bf16") <= bound * planned("fp32")


# Bad input, and what is told


def test_that_bf16_is_storage_only_is_told_once():
    program = (
        "from precision_programs import single; single('bf16')[0].run(); single('bf16')[0].run()"
    )
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parent,
    )  # fmt: skip
    told = run.stderr.count(
        "RuntimeWarning: problem 'only': this processor has no fast bf16 product"
    )
    assert told == (0 if betty.backends.cpu.has_bf16() else 1)


def test_parameters_of_f64_are_refused():
    for precision in LOW:
        with pytest.raises(TypeError, match=f"problem 'only': precision '{precision}'.*f64"):
            single(precision, dtype=betty.float64)[0].run()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"precision": "bf32"}, ValueError, "must be bf16, fp16 or fp32, got 'bf32'"),
        ({"precision": 16}, TypeError, "precision.*takes string"),
        ({"initial_dynamic_scale": 0.0}, ValueError, "initial_dynamic_scale must be above 0"),
        ({"scale_factor": 1.0}, ValueError, "scale_factor must be above 1"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        single(options.pop("precision", "fp16"), **options)
