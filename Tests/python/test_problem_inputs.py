"""What problems take: methods, batches, parameters, options."""

from typing import NamedTuple

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem

LOADER = [(betty.tensor([1.0]), betty.tensor([2.0]))]


class Pair(NamedTuple):
    x: betty.Tensor
    y: betty.Tensor


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


class TestMethods:
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


class Reweighted(ImplicitProblem):
    """A lower level with everything that real ones have: dropout, weights, a dict, a detach."""

    def training_step(self, batch):
        x, y = batch
        losses = nn.functional.cross_entropy(self.module(x), y, reduction="none")
        weights = self.upper(losses.detach().unsqueeze(1)).squeeze(1)
        accuracy = (self.module(x).argmax(1) == y).float().mean()
        return {"loss": (weights * losses).mean(), "accuracy": accuracy}


class Weighted(Reweighted):
    """Without the detach, which a finite difference moves along and a derivative does not."""

    def training_step(self, batch):
        x, y = batch
        losses = nn.functional.cross_entropy(self.module(x), y, reduction="none")
        return (self.upper(x[:, :1]).squeeze(1) * losses).mean()


class Clean(ImplicitProblem):
    def training_step(self, batch):
        return nn.functional.cross_entropy(self.lower(batch[0]), batch[1])


def reweighting(kind, unroll, iterations, lower=Reweighted):
    betty.manual_seed(3)
    rs = np.random.RandomState(0)
    data = betty.utils.data.TensorDataset(
        betty.from_numpy(rs.randn(40, 6)), betty.from_numpy(rs.randint(0, 3, 40))
    )
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)).double()
    weigh = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid()).double()
    inner = betty.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    low = lower(
        "lower", Config(type=kind, unroll_steps=unroll), net, inner,
        betty.optim.lr_scheduler.CosineAnnealingLR(inner, 100),
        betty.utils.data.DataLoader(data, 16, shuffle=True),
    )  # fmt: skip
    up = Clean(
        "upper", Config(), weigh, betty.optim.SGD(weigh.parameters(), lr=1.0),
        train_data_loader=[data.tensors],
    )  # fmt: skip
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=iterations), edges), weigh


def test_loaders_schedules_and_dropout_compile_nothing_anew():
    engine, _ = reweighting("darts", 2, 12)
    engine.run()
    before = betty.counters()["compilations"]
    engine.run()
    assert betty.counters()["compilations"] == before


def test_a_schedule_by_plateaus_is_stepped_by_the_validation():
    class Validated(Engine):
        def validation(self):
            self.lower.scheduler.step(1.0)  # no better than the last time

    engine, _ = reweighting("darts", 2, 6)
    low = engine.lower
    low.set_scheduler(betty.optim.lr_scheduler.ReduceLROnPlateau(low.optimizer, patience=1))
    config = EngineConfig(train_iters=6, valid_step=1)
    Validated(engine.problems, config, engine.dependencies).run()
    assert [group["lr"] for group in low.optimizer.param_groups] == [pytest.approx(0.001)]


def test_a_finite_difference_sees_the_masks_of_the_step():
    """The losses at both ends of the difference draw the same dropout, or it would be noise."""
    moved = []
    for kind in ("darts", "exact"):
        engine, weigh = reweighting(kind, 1, 1, Weighted)
        before = [p.detach().numpy().copy() for p in weigh.parameters()]
        engine.run()
        after = [p.detach().numpy() for p in weigh.parameters()]
        moved.append(np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)]))
    assert np.abs(moved[1]).max() > 1e-5
    np.testing.assert_allclose(moved[0], moved[1], rtol=0, atol=1e-3 * np.abs(moved[1]).max())


class TestBatches:
    def test_dict_loss_is_logged(self, caplog):
        caplog.set_level("INFO", "betty")
        engine, _ = single(
            lambda self, batch: {"loss": (self.module() ** 2).sum(), "accuracy": 0.25},
            config=Config(log_step=1),
        )
        engine.run()
        assert [record.getMessage() for record in caplog.records] == [
            "[1] only | loss 1 | accuracy 0.25", "[2] only | loss 0 | accuracy 0.25",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "batch",
        [
            {"x": betty.tensor([2.0]), "y": betty.tensor([1.0])},
            [betty.tensor([2.0]), betty.tensor([1.0])],
            (betty.tensor([2.0]), betty.tensor([1.0])),
            (np.array([2.0], np.float32), np.array([1.0], np.float32)),
            Pair(betty.tensor([2.0]), betty.tensor([1.0])),
            betty.tensor([[2.0], [1.0]]),
        ],
    )
    @pytest.mark.parametrize("loader", [list, iter])
    def test_kinds_of_batches(self, batch, loader):
        def step(self, given):
            assert type(given) is (tuple if isinstance(batch, (list, tuple)) else type(batch))
            x, y = given.values() if isinstance(given, dict) else given
            return ((self.module() * x - y) ** 2).sum()

        engine, only = single(step, iterations=1, lr=0.1, train_data_loader=loader([batch]))
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

    def test_state_round_trip(self):
        one, two = (problem(Lower, n, lr=0.1) for n in ("one", "two"))
        one.module.w.data.fill_(5)
        two.load_state_dict(one.state_dict())
        assert two.module.w.item() == 5
        with pytest.raises(KeyError, match="'two': unexpected state 'engine'"):
            two.load_state_dict({"engine": {}})


def test_what_is_computed_without_gradients_is_a_constant():
    def square(self, batch):
        with betty.no_grad():
            factor = self.module() * 1.0
            with betty.enable_grad():
                other = self.module().detach() * 1.0
        return (self.module() * factor * other).sum()

    engine, only = single(square, iterations=1, lr=0.5, module=Scalar(3.0))
    engine.run()
    assert only.module.w.item() == 3 - 0.5 * 9

    def nothing(self, batch):
        with betty.no_grad():
            return (self.module() ** 2).sum()

    engine, only = single(nothing)
    with pytest.raises(RuntimeError, match="'only': the loss depends on none of its parameters"):
        engine.run()


def test_no_hypergradient_flows_through_constants():
    class Blind(Lower):
        def training_step(self, batch):
            with betty.no_grad():
                goal = self.upper() * 1.0
            return 0.5 * ((self.module() - goal + 0 * self.upper()) ** 2).sum()

    engine, low, up = pair(lower=Blind, iterations=3)
    engine.run()
    assert up.module.w.item() == 1
    assert up.count == low.count == 3


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"type": "cgg"},
            ValueError,
            "'cgg' is unknown, known are darts, exact, sama, neumann, cg, reinforce",
        ),
        ({"unroll_steps": 2**62, "gradient_accumulation": 4}, ValueError, "out of range"),
        ({"unroll_steps": 10**20}, (OverflowError, ValueError), "too big|range"),
        ({"precision": "bf32"}, ValueError, "must be bf16, fp16 or fp32, got 'bf32'"),
        ({"unroll_steps": 1.5}, TypeError, "unroll_steps.*takes int"),
        ({"precision": "fp8"}, ValueError, "fp8"),
        ({"type": "cg", "cg_iterations": -1}, ValueError, "cg_iterations.*-1"),
        ({"type": "neumann", "neumann_iterations": 10**7}, ValueError, "neumann_iterations"),
        ({"darts_alpha": "big"}, TypeError, "darts_alpha"),
    ],
)
def test_options_of_methods(options, error, text):
    with pytest.raises(error, match=text) as caught:
        pair(config=Config(**options))
    assert "\n" not in str(caught.value)


def test_a_loss_of_integers_is_refused():
    engine, only = single(lambda self, batch: (self.module() > 0).sum())
    with pytest.raises((TypeError, ValueError, RuntimeError), match="'only'"):
        engine.run()
    assert only.module.w.item() == 1


def test_configs_of_another_type():
    with pytest.raises(TypeError, match="problem 'a': config must be a Config, got dict"):
        ImplicitProblem("a", {"type": "darts"})
    with pytest.raises(TypeError, match="Engine: config must be an EngineConfig, got Config"):
        Engine([problem(Lower, "a")], Config())


def test_a_name_that_is_taken():
    with pytest.raises(ValueError, match="already has an attribute 'module'"):
        Engine([problem(Lower, "module"), problem(Lower, "b")], EngineConfig(train_iters=1))


@pytest.mark.parametrize("generated", [False, True])
def test_slices_as_batches_do_not_change_the_step(generated):
    x, y = betty.randn(12, 3), betty.randn(12, 1)

    class Cuts:
        def __iter__(self):
            return ((x[at : at + 2], y[at : at + 2]) for at in range(0, 12, 2))

    class Fit(ImplicitProblem):
        def training_step(self, batch):
            return ((self.module(batch[0]) - batch[1]) ** 2).mean()

    model = nn.Linear(3, 1)
    loader = Cuts() if generated else list(Cuts())
    sgd = betty.optim.SGD(model.parameters(), lr=0.1)
    fit = Fit("fit", Config(), model, sgd, train_data_loader=loader)
    engine = Engine([fit], EngineConfig(train_iters=1))
    engine.run()
    before = betty.counters()["compilations"]
    for _ in range(5):
        engine.run()
    # Slices are copied out of what is computed already: none has a program.
    assert betty.counters()["compilations"] == before
