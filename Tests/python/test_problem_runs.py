"""Problems and the engine: batches, callbacks that fail, bad set-ups; every message is one line."""

import signal
import threading
import time

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

LOADER = [(betty.tensor([1.0]), betty.tensor([2.0]))]


class Scalar(nn.Module):
    def __init__(self, value=1.0):
        super().__init__()
        self.w = nn.Parameter(betty.tensor([value]))

    def forward(self):
        return self.w


class Lower(ImplicitProblem):
    """L = ½ (w − λ)²"""

    def training_step(self, batch):
        return 0.5 * ((self.module() - self.upper()) ** 2).sum()


class Upper(ImplicitProblem):
    """U = ½ (w − 3)², whose hypergradient is w − 3."""

    def training_step(self, batch):
        return 0.5 * ((self.lower() - 3) ** 2).sum()


def problem(kind, name, config=None, lr=0.5, **options):
    options.setdefault("train_data_loader", LOADER)
    module = options.pop("module", None) or Scalar()
    if "optimizer" not in options:
        options["optimizer"] = betty.optim.SGD(module.parameters(), lr=lr)
    return kind(name, config or Config(type="exact"), module, **options)


def pair(lower=Lower, upper=Upper, iterations=4, config=None, engine=Engine, **options):
    low = problem(lower, "lower", config, **options)
    up = problem(upper, "upper")
    made = engine(
        [up, low],
        EngineConfig(train_iters=iterations, valid_step=2),
        {"u2l": {up: [low]}, "l2u": {low: [up]}},
    )
    return made, low, up


def single(step, iterations=2, **options):
    """One problem whose loss is `step(self, batch)`."""

    class Only(ImplicitProblem):
        def training_step(self, batch):
            return step(self, batch)

    only = problem(Only, "only", **options)
    return Engine([only], EngineConfig(train_iters=iterations)), only


def by_hand(iterations):
    w = l = 1.0
    for _ in range(iterations):
        w -= 0.5 * (w - l)
        l -= 0.5 * (w - 3)
    return w, l


class TestRun:
    def test_agrees_with_the_run_by_hand(self):
        engine, low, up = pair(iterations=10)
        engine.run()
        np.testing.assert_allclose(
            [low.module.w.item(), up.module.w.item()], by_hand(10), rtol=1e-5
        )
        assert (low.count, up.count, engine.global_step) == (10, 10, 10)

    @pytest.mark.parametrize("kind", ["darts", "exact", "neumann", "cg"])
    def test_compiles_nothing_after_two_upper_steps(self, kind):
        engine, _, up = pair(iterations=6, config=Config(type=kind, unroll_steps=3))
        engine.run()
        assert up.count == 2
        before = betty.counters()["compilations"]
        engine.run()
        assert up.count == 4
        assert betty.counters()["compilations"] == before

    def test_every_method_finds_the_solution(self):
        for kind in ("darts", "exact", "neumann", "cg"):
            engine, low, _ = pair(iterations=60, config=Config(type=kind))
            engine.run()
            assert abs(low.module.w.item() - 3) < 1e-2

    def test_attributes(self):
        engine, low, up = pair()
        assert engine.lower is low
        assert up.lower is low
        assert low.upper is up
        assert low.parents == [up]
        assert up.children == [low]
        assert low.leaf and not up.leaf
        assert up.paths == [[up, low, up]]
        assert low.paths == []
        assert repr(low) == "Lower(name='lower', count=0)"

    def test_modes_during_validation(self):
        seen = []

        class Watch(Engine):
            def validation(self):
                seen.append((self.global_step, self.lower.module.training))
                return {"loss": 0.0}

        engine, low, _ = pair(engine=Watch)
        engine.run()
        assert seen == [(2, False), (4, False)]
        assert low.module.training


class TestBatches:
    def test_dict_loss_is_logged(self, capsys):
        engine, _ = single(
            lambda self, batch: {"loss": (self.module() ** 2).sum(), "accuracy": 0.25},
            config=Config(log_step=1),
        )
        engine.run()
        out = capsys.readouterr()
        assert (out.out + out.err).count("accuracy") == 2

    @pytest.mark.parametrize(
        "batch",
        [
            {"x": betty.tensor([2.0]), "y": betty.tensor([1.0])},
            [betty.tensor([2.0]), betty.tensor([1.0])],
            (betty.tensor([2.0]), betty.tensor([1.0])),
            (np.array([2.0], np.float32), np.array([1.0], np.float32)),
        ],
    )
    def test_kinds_of_batches(self, batch):
        def step(self, given):
            assert type(given) is type(batch)
            x, y = given.values() if isinstance(given, dict) else given
            return ((self.module() * x - y) ** 2).sum()

        engine, only = single(step, iterations=1, lr=0.1, train_data_loader=[batch])
        engine.run()
        assert only.module.w.item() == pytest.approx(1 - 0.1 * 2 * 2 * (2 - 1), rel=1e-6)

    def test_several_loaders(self):
        seen = []

        def step(self, batch):
            (x,), y = batch
            seen.append((x.item(), y.item()))
            return (self.module() * x * y).sum()

        first = [(betty.tensor(float(i)),) for i in range(2)]
        second = [betty.tensor(float(i)) for i in range(3)]
        engine, _ = single(step, iterations=5, train_data_loader=(first, second))
        engine.run()
        assert seen == [(0, 0), (1, 1), (0, 2), (1, 0), (0, 1)]

    def test_a_loader_that_makes_batches_ahead(self):
        data = betty.utils.data.TensorDataset(betty.arange(4).float())
        loader = betty.utils.data.DataLoader(data, 2, num_workers=1)
        engine, only = single(
            lambda self, batch: (self.module() * batch[0]).sum(),
            iterations=4, lr=1.0, train_data_loader=loader,
        )  # fmt: skip
        engine.run()
        assert only.module.w.item() == 1 - 2 * 6

    def test_own_get_batch(self):
        class Own(ImplicitProblem):
            def get_batch(self):
                return betty.ones(1)

            def training_step(self, batch):
                return (self.module() * batch).sum()

        own = problem(Own, "own", train_data_loader=None, lr=0.25)
        Engine([own], EngineConfig(train_iters=2)).run()
        assert own.module.w.item() == 0.5

    def test_a_batch_without_tensors(self):
        engine, only = single(
            lambda self, batch: (self.module() * batch["n"]).sum(),
            lr=0.25, train_data_loader=[{"n": 1, "name": "a"}],
        )  # fmt: skip
        engine.run()
        assert only.module.w.item() == 0.5

    def test_an_empty_loader(self):
        engine, _ = single(lambda self, batch: self.module().sum(), train_data_loader=[])
        with pytest.raises(RuntimeError, match="'only'.*gives no batch"):
            engine.run()

    def test_batches_of_changing_size(self):
        loader = [betty.ones(n) for n in (3, 3, 1, 0)]
        engine, only = single(
            lambda self, batch: (self.module() * batch).sum(),
            iterations=8, lr=0.5, train_data_loader=loader,
        )  # fmt: skip
        engine.run()
        assert only.module.w.item() == 1 - 0.5 * 14


class TestParameters:
    def test_frozen_ones_stay_and_pass_no_gradient(self):
        class Two(Scalar):
            def __init__(self):
                super().__init__()
                self.fixed = nn.Parameter(betty.tensor([2.0]), requires_grad=False)

            def forward(self):
                return self.w * self.fixed

        engine, low, _ = pair(module=Two(), lr=0.01, iterations=6)
        engine.run()
        assert low.module.fixed.item() == 2
        assert low.module.w.item() != 1

    def test_a_problem_may_have_none(self):
        engine, low, up = pair()
        calls = []

        class Probe(ImplicitProblem):
            def training_step(self, batch):
                calls.append(1)
                return self.lower().sum() * 0

        probe = Probe("probe", Config(), nn.Identity(), train_data_loader=LOADER)
        engine = Engine(
            [problem(Upper, "upper"), problem(Lower, "lower"), probe],
            EngineConfig(train_iters=2),
        )
        with pytest.raises((RuntimeError, ValueError), match="'probe'.*none of its parameters"):
            engine.run()
        assert calls == [1]

    def test_no_optimizer(self):
        with pytest.raises(ValueError, match="'only' has parameters but no optimizer"):
            single(lambda self, batch: self.module().sum(), optimizer=None)

    def test_custom_step_instead_of_an_optimizer(self):
        class Custom(ImplicitProblem):
            def training_step(self, batch):
                return self.module().sum()

            def custom_optimizer_step(self):
                with betty.no_grad():
                    for p in self.trainable_parameters():
                        p.data.sub_(0.125 * p.grad)

        custom = problem(Custom, "custom", optimizer=None)
        Engine([custom], EngineConfig(train_iters=2)).run()
        assert custom.module.w.item() == 0.75

    def test_state_round_trip(self):
        one, two = (problem(Lower, n, lr=0.1) for n in ("one", "two"))
        one.module.w.data.fill_(5)
        two.load_state_dict(one.state_dict())
        assert two.module.w.item() == 5
        with pytest.raises(KeyError, match="'two': unexpected state 'engine'"):
            two.load_state_dict({"engine": {}})


class Oops(Exception):
    """What a callback raises."""


CALLBACKS = [
    "training_step", "get_batch", "on_inner_loop_start", "grad_callback", "param_callback",
    "custom_optimizer_step", "epoch_callback",
]  # fmt: skip


class TestErrorsInCallbacks:
    @pytest.mark.parametrize("where", ["lower", "upper"])
    @pytest.mark.parametrize("name", CALLBACKS)
    def test_are_raised_as_themselves_and_the_run_goes_on(self, name, where):
        base = Lower if where == "lower" else Upper
        fail = {"at": 3, "calls": 0}

        def callback(self, *args):
            fail["calls"] += 1
            if fail["calls"] == fail["at"]:
                raise Oops(name)
            if name == "custom_optimizer_step":
                with betty.no_grad():
                    for p in self.trainable_parameters():
                        p.data.sub_(0.5 * p.grad)
                return None
            inherited = getattr(base, name, None)
            return inherited(self, *args) if inherited is not None else None

        kind = type("Failing", (base,), {name: callback})
        engine, low, up = pair(**{where: kind}, iterations=6)
        with pytest.raises(Oops, match=name):
            engine.run()
        for p in (low.module.w, up.module.w):
            assert np.isfinite(p.item())
        counts = low.count
        engine.run()
        assert low.count - counts in (6, 7)
        assert np.isfinite([low.module.w.item(), up.module.w.item()]).all()

    def test_of_the_engine(self):
        class Failing(Engine):
            def validation(self):
                raise Oops("validation")

        engine, low, _ = pair(engine=Failing)
        with pytest.raises(Oops, match="validation"):
            engine.run()
        assert low.module.training
        assert low.count == 2

    def test_leave_the_failed_step_undone(self):
        class Failing(Lower):
            broken = False

            def training_step(self, batch):
                if self.broken:
                    raise Oops("now")
                return super().training_step(batch)

        engine, low, up = pair(lower=Failing, iterations=5)
        engine.run()
        low.broken = True
        with pytest.raises(Oops):
            engine.run()
        np.testing.assert_allclose([low.module.w.item(), up.module.w.item()], by_hand(5), rtol=1e-5)
        low.broken = False
        engine.run()
        np.testing.assert_allclose(
            [low.module.w.item(), up.module.w.item()], by_hand(10), rtol=1e-5
        )

    @pytest.mark.parametrize("replay", [False, True])
    def test_an_interrupt_arrives_within_a_second(self, replay):
        engine, low, up = pair(iterations=10**9, config=Config(type="exact", replay=replay))
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.run()
        assert time.monotonic() - start < 1.5
        assert abs(low.module.w.item() - 3) < 1e-3
        assert low.count >= up.count > 0
        engine.train_step()


class TestBadInput:
    @pytest.mark.parametrize(
        ("step", "error", "text"),
        [
            (lambda self, batch: self.module() * betty.ones(3), (RuntimeError, ValueError),
             r"scalar loss, got f32\[3\]"),
            (lambda self, batch: betty.ones(1).sum(), (RuntimeError, ValueError),
             "none of its parameters"),
            (lambda self, batch: 3.0, TypeError, "must return a tensor or a dict.*float"),
            (lambda self, batch: None, TypeError, "must return a tensor.*NoneType"),
            (lambda self, batch: {"cost": self.module().sum()}, ValueError, "without 'loss'.*cost"),
            (lambda self, batch: (self.module() > 0).sum(), (RuntimeError, ValueError, TypeError),
             "i64|float"),
        ],
    )  # fmt: skip
    def test_losses(self, step, error, text):
        engine, only = single(step)
        with pytest.raises(error, match=text) as caught:
            engine.run()
        assert "'only'" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert only.module.w.item() == 1

    def test_no_data(self):
        with pytest.raises(ValueError, match="'only' has no data: give it a train_data_loader"):
            single(lambda self, batch: self.module().sum(), train_data_loader=None)
        with pytest.raises(TypeError, match="'only': a train data loader must be iterable.*int"):
            single(lambda self, batch: self.module().sum(), train_data_loader=3)

    def test_no_training_step(self):
        engine = Engine([problem(ImplicitProblem, "bare")], EngineConfig(train_iters=1))
        with pytest.raises(NotImplementedError, match="'bare' defines no training_step"):
            engine.run()

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            (dict(type="cgg"), ValueError, "'cgg' is unknown, known are darts, exact"),
            (dict(unroll_steps=0), ValueError, "unroll_steps must be at least 1, got 0"),
            (dict(unroll_steps=1.5), TypeError, "unroll_steps.*takes int"),
            (dict(precision="fp8"), ValueError, "fp8"),
            (dict(gradient_clipping=-1), ValueError, "gradient_clipping"),
            (dict(type="cg", cg_iterations=-1), ValueError, "cg_iterations.*-1"),
            (dict(type="neumann", neumann_iterations=10**7), ValueError, "neumann_iterations"),
            (dict(darts_alpha="big"), TypeError, "darts_alpha"),
        ],
    )
    def test_options(self, options, error, text):
        with pytest.raises(error, match=text):
            pair(config=Config(**options))

    def test_unknown_names(self):
        with pytest.raises(TypeError, match="unrolled"):
            Config(unrolled=3)
        with pytest.raises(TypeError, match="iterations"):
            EngineConfig(iterations=3)
        with pytest.raises(ValueError, match="train_iters"):
            EngineConfig(train_iters=-1)
        with pytest.raises(ValueError, match=r"identifier.*'a b'"):
            ImplicitProblem("a b")

    def test_dependencies(self):
        a, b, c = (problem(Lower, name) for name in "abc")
        run = EngineConfig(train_iters=1)
        for edges, text in (
            ({"l2u": {a: [b], b: [a]}}, "cycle"),
            ({"u2l": {a: [b]}}, "no l2u path leads from 'b' to 'a'"),
            ({"l2u": {a: [c]}}, "'c', which is not in `problems`"),
            ({"l2u": {a: [b, b]}}, "twice"),
            ({"up": {}}, "'u2l' and 'l2u'"),
        ):
            with pytest.raises(ValueError, match=text) as caught:
                Engine([a, b], run, edges)
            assert "\n" not in str(caught.value)
        with pytest.raises(ValueError, match="two problems have the name 'a'"):
            Engine([a, problem(Lower, "a")], run)
        with pytest.raises(ValueError, match="no problems"):
            Engine([], run)
        with pytest.raises(TypeError, match="not a Problem"):
            Engine([3], run)

    def test_a_name_that_is_taken(self):
        with pytest.raises(ValueError, match="already has an attribute 'module'"):
            Engine([problem(Lower, "module"), problem(Lower, "b")], EngineConfig(train_iters=1))
