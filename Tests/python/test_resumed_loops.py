"""A run stopped at any step, saved, and taken up by a fresh engine goes on to the same bits.

Engines of many shapes; batches come from a number of draws that the test puts back, as a program
would put back its loader.
"""

from copy import deepcopy

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import CG, Iterative
from betty.problems import ImplicitProblem, IterativeProblem

STEPS = 12
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.05),
}


class Net(nn.Module):
    def __init__(self, seed, norm=False, drop=False, dtype=betty.float64):
        super().__init__()
        rs = np.random.RandomState(seed)
        self.weight = nn.Parameter(betty.tensor(rs.randn(3, 2) * 0.5).to(dtype))
        self.bias = nn.Parameter(betty.tensor(rs.randn(2) * 0.1).to(dtype))
        self.norm = nn.BatchNorm1d(2, dtype=dtype) if norm else None
        self.drop = nn.Dropout(0.3) if drop else None

    def forward(self, x):
        x = betty.tanh(x @ self.weight + self.bias)
        x = x if self.norm is None else self.norm(x)
        return x if self.drop is None else self.drop(x)


class Level:
    """A loss of its own network, of those below and, as a pull towards them, of those above (and of
    those in ``cfg``)."""

    draws = 0

    def get_batch(self):
        self.draws += 1
        rs = np.random.RandomState(1000 * len(self.name) + self.draws)
        dtype = self.module.weight.dtype
        return betty.tensor(rs.randn(4, 3)).to(dtype), betty.tensor(rs.randn(4, 2)).to(dtype)

    def rate(self):
        return 1 + 0.01 * self.count  # a number that changes

    def training_step(self, batch):
        x, y = batch
        loss = self.rate() * ((self.module(x) - y) ** 2).mean()
        for lower in self.children:
            loss = loss + ((lower.module(x) - self.module(x) * y) ** 2).mean()
        for upper in dict.fromkeys((*self.parents, *self.cfg)):
            pull = (self.module.weight - upper.module.weight) ** 2
            loss = loss + (upper.module.bias.sigmoid().sum() * pull).sum()
        return loss


class Implicit(Level, ImplicitProblem):
    pass


class Unrolled(Level, IterativeProblem):
    pass


class Called(Unrolled):
    def param_callback(self):
        for parameter in self.trainable_parameters():
            parameter.data.clamp_(-0.8, 0.8)


class Replayed(Implicit):
    def rate(self):
        return 1.0


class ReplayedUnrolled(Unrolled):
    rate = Replayed.rate


class Parted(Implicit):
    def optimizer_step(self):
        super().optimizer_step()


class Shown(Implicit):
    def grad_callback(self):
        pass


def level(kind, name, config, seed, optimizer="sgd", scheduled=False, **net):
    module = Net(seed, **net)
    made = OPTIMIZERS[optimizer](module.parameters())
    schedule = optim.lr_scheduler.StepLR(made, 4, 0.7) if scheduled else None
    return kind(name, Config(**config), module, made, schedule, extra_config=[])


def bilevel(lower, kind=Implicit, upper=None, source=False, **options):
    """A lower problem of these options under an upper one."""

    def build():
        run = {k: v for k, v in options.items() if k in ("roll_back", "strategy", "replicas")}
        net = {k: v for k, v in options.items() if k not in run}
        up = level(Implicit, "up", upper or {}, 1, "adam", dtype=net.get("dtype", betty.float64))
        low = level(kind, "lower", lower, 2, **net)
        if source:
            low.initialize_from(up)
        edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
        return Engine([up, low], EngineConfig(train_iters=STEPS, **run), edges)

    return build


def two_lowers(a, b, kinds=(Implicit, Implicit), roll_back=False, order=1):
    """Loops of different lengths: the upper problem waits for both."""

    def build():
        up = level(Implicit, "up", {}, 1, "adam")
        one, two = level(kinds[0], "a", a, 2), level(kinds[1], "bb", b, 3)
        edges = {"u2l": {up: [one, two]}, "l2u": {one: [up], two: [up]}}
        problems = [up, one, two][::order]
        return Engine(problems, EngineConfig(train_iters=STEPS, roll_back=roll_back), edges)

    return build


def three_levels(low, mid, roll_back=False, kind=Implicit):
    def build():
        up, middle = level(Implicit, "up", {}, 1), level(Implicit, "mid", mid, 2)
        lowest = level(kind, "lower", low, 3, "adam")
        edges = {"u2l": {up: [lowest], middle: [lowest]}, "l2u": {lowest: [middle], middle: [up]}}
        lowest.cfg.append(up)
        problems = [up, middle, lowest]
        return Engine(problems, EngineConfig(train_iters=STEPS, roll_back=roll_back), edges)

    return build


def two_middles(roll_back=False):
    """Problems that step rarely and wait: u asks for what a middle one recorded some steps ago."""

    def build():
        up = level(Implicit, "up", {}, 1)
        m, n = (
            level(Implicit, name, {"type": "exact"}, seed) for name, seed in (("m", 2), ("nn", 3))
        )
        a = level(Implicit, "a", {"type": "exact", "unroll_steps": 2}, 4)
        b = level(Implicit, "bb", {"type": "exact", "unroll_steps": 3}, 5)
        edges = {"u2l": {up: [a, b]}, "l2u": {a: [m], b: [n], m: [up], n: [up]}}
        a.cfg.append(up)
        b.cfg.append(up)
        problems = [up, m, n, b, a]
        return Engine(problems, EngineConfig(train_iters=STEPS, roll_back=roll_back), edges)

    return build


FIVE = {"unroll_steps": 5}
SHAPES = {
    "darts": bilevel(FIVE),
    "a warm start": bilevel({**FIVE, "type": CG(iterations=3, warm_start=True)}),
    "sama": bilevel({**FIVE, "type": "sama"}, optimizer="adam"),
    "warm-up": bilevel({**FIVE, "warmup_steps": 3}),
    "accumulation": bilevel({"unroll_steps": 2, "gradient_accumulation": 3, "type": "exact"}),
    "accumulation above": bilevel({"unroll_steps": 2}, upper={"gradient_accumulation": 2}),
    "accumulation and clipping": bilevel(
        {"unroll_steps": 2, "gradient_accumulation": 3, "gradient_clipping": 0.5}, kind=Shown
    ),
    "accumulation in Python": bilevel({"unroll_steps": 2, "gradient_accumulation": 3}, Parted),
    "several steps above": bilevel({"unroll_steps": 4}, upper={"steps_per_call": 2}),
    "a schedule": bilevel(FIVE, scheduled=True),
    "statistics": bilevel(FIVE, norm=True),
    "roll-back": bilevel(FIVE, roll_back=True, optimizer="adam", norm=True),
    "roll-back and warm-up": bilevel({**FIVE, "warmup_steps": 3}, roll_back=True),
    "roll-back and accumulation": bilevel(
        {"unroll_steps": 2, "gradient_accumulation": 2}, roll_back=True, scheduled=True
    ),
    "unrolled": bilevel(FIVE, kind=Unrolled),
    "unrolled adam": bilevel(FIVE, kind=Unrolled, optimizer="adam", scheduled=True),
    "unrolled from a copy": bilevel(FIVE, kind=Unrolled, source=True, optimizer="adam"),
    "unrolled from a copy, warm-up": bilevel(
        {"unroll_steps": 2, "warmup_steps": 5}, kind=Unrolled, source=True
    ),
    "unrolled with dropout": bilevel(FIVE, kind=Unrolled, drop=True, norm=True),
    "unrolled with a callback": bilevel(FIVE, kind=Called),
    "unrolled with accumulation": bilevel(
        {"unroll_steps": 2, "gradient_accumulation": 2, "gradient_clipping": 1.0}, kind=Unrolled
    ),
    "unrolled with roll-back": bilevel(FIVE, kind=Unrolled, roll_back=True),
    "checkpoints": bilevel({"unroll_steps": 9, "type": Iterative(checkpoint=True)}, kind=Unrolled),
    "truncated": bilevel({"unroll_steps": 6, "type": Iterative(truncation=3)}, kind=Unrolled),
    "truncated checkpoints": bilevel(
        {"unroll_steps": 9, "type": Iterative(truncation=7, checkpoint=True)}, kind=Unrolled
    ),
    "forward": bilevel({**FIVE, "type": "forward"}, kind=Unrolled, optimizer="adam"),
    "forward from a copy": bilevel({**FIVE, "type": "forward"}, kind=Unrolled, source=True),
    "two lowers": two_lowers({"unroll_steps": 2}, {"unroll_steps": 3}),
    "two lowers the other way": two_lowers({"unroll_steps": 2}, {"unroll_steps": 3}, order=-1),
    "two lowers, roll-back": two_lowers({"unroll_steps": 2}, {"unroll_steps": 3}, roll_back=True),
    "two unrolled lowers": two_lowers(
        {"unroll_steps": 4}, {"unroll_steps": 3}, kinds=(Unrolled, Unrolled), order=-1
    ),
    "one of them unrolled": two_lowers(
        {"unroll_steps": 2, "type": "exact"}, {"unroll_steps": 3}, kinds=(Implicit, Unrolled)
    ),
    "replayed": bilevel({**FIVE, "replay": True}, Replayed),
    "replayed, unrolled": bilevel({**FIVE, "replay": True}, ReplayedUnrolled, drop=True),
    "replayed, roll-back": two_lowers(
        {"unroll_steps": 2, "replay": True},
        {"unroll_steps": 3, "replay": True},
        kinds=(Replayed, Replayed),
        roll_back=True,
    ),
    "replicas": bilevel(FIVE, Unrolled, strategy="data_parallel", replicas=2, norm=True),
    "half precision": bilevel({**FIVE, "precision": "fp16"}, Unrolled, dtype=betty.float32),
    "three levels": three_levels({"unroll_steps": 2}, {"unroll_steps": 2, "type": "exact"}),
    "three levels, roll-back": three_levels({"unroll_steps": 2}, {"unroll_steps": 2}, True),
    "three levels, unrolled below": three_levels(
        {"unroll_steps": 3}, {"type": "exact"}, kind=Unrolled
    ),
    "two middles": two_middles(),
    "two middles, roll-back": two_middles(True),
}


def numbers(engine):
    tensors = [t for p in engine.problems for t in (*p.module.parameters(), *p.module.buffers())]
    return [t.detach().numpy().copy() for t in tensors]


def steps(engine, count):
    engine.train_iters = count
    engine.run()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_goes_on_from_any_step(shape, tmp_path):
    build, path = SHAPES[shape], tmp_path / "run"
    betty.manual_seed(0)
    whole = build()
    steps(whole, STEPS)
    wanted = numbers(whole)
    betty.manual_seed(0)
    stopped = build()
    for stop in range(1, STEPS):
        steps(stopped, 1)
        betty.save({"run": stopped.state_dict(), "random": betty.get_rng_state()}, path)
        taken = betty.load(path)
        resumed = build()
        resumed.load_state_dict(taken["run"])
        for a, b in zip(resumed.problems, stopped.problems, strict=True):
            a.draws = b.draws
        betty.set_rng_state(taken["random"])
        steps(resumed, STEPS - stop)
        for a, b in zip(numbers(resumed), wanted, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"stopped after {stop} steps")
        betty.set_rng_state(taken["random"])


def stopped(shape, count=4):
    engine = SHAPES[shape]()
    steps(engine, count)
    return engine


def test_between_two_loops_a_state_holds_no_loop():
    for shape in ("darts", "roll-back", "unrolled", "accumulation"):
        engine = stopped(shape, 6 if shape == "accumulation" else 5)
        assert not {"loop", "batch"} & set(engine.lower.state_dict())
        steps(engine, 1)
        assert ("loop" in engine.lower.state_dict()) == (shape != "darts")


@pytest.mark.parametrize(
    "shape", ["accumulation", "roll-back", "unrolled adam", "forward", "two lowers"]
)
def test_a_running_engine_goes_back(shape):
    """To the middle of a loop, from the middle of another."""
    engine = SHAPES[shape]()
    steps(engine, 7)
    draws = [problem.draws for problem in engine.problems]
    # Parameters are trained where they lie, so what is to be put back is a copy.
    kept = deepcopy(engine.state_dict())
    steps(engine, 6)
    wanted = numbers(engine)
    engine.load_state_dict(kept)
    for problem, count in zip(engine.problems, draws, strict=True):
        problem.draws = count
    steps(engine, 6)
    for a, b in zip(numbers(engine), wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ("roll-back", "what roll_back goes back to"),
        ("unrolled", "the steps that type 'iterative' differentiates"),
        ("forward", "the steps that type 'forward' differentiates"),
        ("accumulation", "the gradients accumulated so far"),
    ],
)
def test_a_file_that_says_nothing_of_the_loop_is_taken_with_a_warning(shape, what):
    state = stopped(shape).state_dict()
    del state["problems"]["lower"]["loop"]
    fresh = SHAPES[shape]()
    message = (
        f"problem 'lower', step 4: its state was taken in the middle of an inner loop .* {what}"
    )
    with pytest.warns(RuntimeWarning, match=message):
        fresh.load_state_dict(state)
    steps(fresh, 4)


def test_a_file_of_the_original_leaves_the_loop_alone():
    engine = stopped("accumulation")
    before = engine.lower.module.weight.grad.numpy().copy()
    engine.lower.load_state_dict({"module": engine.lower.module.state_dict()})
    np.testing.assert_array_equal(engine.lower.module.weight.grad.numpy(), before)


@pytest.mark.parametrize("damage", ["another program", "short", "no words", "an index", "no graph"])
def test_a_loop_that_does_not_fit_is_refused(damage):
    loop = list(stopped("unrolled").lower.state_dict()["loop"])
    other = "unrolled"
    if damage == "another program":
        other = "darts"
    elif damage == "short":
        loop[0] = loop[0][:-3]
    elif damage == "no words":
        loop[0] = loop[0].double()
    elif damage == "an index":
        loop = loop[:-1]
    else:
        texts = [place for place, tensor in enumerate(loop) if tensor.dtype == betty.uint8]
        loop[texts[0]] = loop[texts[0]][:-5]
    engine = SHAPES[other]()
    with pytest.raises((ValueError, TypeError), match=r"^problem 'lower': ") as error:
        engine.lower.load_state_dict({"count": 4, "loop": loop})
    assert "\n" not in str(error.value)
    steps(engine, 5)
