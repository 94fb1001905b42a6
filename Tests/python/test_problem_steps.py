"""Steps that are not finite, parts that are exchanged, runs that are resumed, familiar names."""

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.envs import Env
from betty.problems import ImplicitProblem
from test_problems import TARGET, A, Lower, Upper, Vector, by_hand, link, make, number, quadratic


class Poisoned(Lower):
    """Its loss is NaN on the given steps."""

    bad = (2,)
    steps = 0

    def training_step(self, batch):
        self.steps += 1
        loss = super().training_step(batch)
        return loss * betty.tensor(float("nan"), dtype=betty.float64) if self.is_bad() else loss

    def is_bad(self):
        return self.steps in self.bad


class Accumulating(Poisoned):
    def grad_callback(self):
        pass


class TestNotFinite:
    @pytest.mark.parametrize("lower", [Poisoned, Accumulating])
    def test_ignore_takes_the_step(self, lower):
        engine = quadratic(2, lower=lower)
        engine.run()
        assert np.isnan(number(engine.lower.module.value)).all()

    @pytest.mark.parametrize("lower", [Poisoned, Accumulating])
    def test_skip_leaves_it_out_and_counts_it(self, lower):
        engine = quadratic(5, lower=lower, unroll_steps=100, on_nan="skip")
        engine.run()
        np.testing.assert_allclose(
            number(engine.lower.module.value), by_hand(4, 100)[0], rtol=0, atol=1e-12
        )
        assert (engine.lower.skipped_steps, engine.lower.count) == (1, 5)

    @pytest.mark.parametrize("lower", [Poisoned, Accumulating])
    def test_stop_names_problem_and_step_and_the_run_goes_on(self, lower):
        engine = quadratic(5, lower=lower, unroll_steps=100, on_nan="stop")
        message = r"problem 'lower': the loss or its gradient is not finite at step 2;.*last good"
        with pytest.raises(RuntimeError, match=message) as caught:
            engine.run()
        assert "\n" not in str(caught.value)
        np.testing.assert_allclose(
            number(engine.lower.module.value), by_hand(1, 100)[0], rtol=0, atol=1e-12
        )
        assert engine.lower.count == 1
        engine.run()
        np.testing.assert_allclose(
            number(engine.lower.module.value), by_hand(6, 100)[0], rtol=0, atol=1e-12
        )

    def test_an_infinite_gradient_is_seen_and_replayed_steps_are_guarded(self):
        class Root(Lower):
            def training_step(self, batch):
                return (self.module() * batch[0]).sqrt().sum()

        # The gradient of a root at 0 is infinite, its value is finite.
        module = Vector([0.0, 4.0])
        optimizer = betty.optim.SGD(module.parameters(), lr=0.1)
        config = Config(on_nan="skip", replay=True)
        root = Root("lower", config, module, optimizer, train_data_loader=[(np.ones(2),)])
        Engine([root], EngineConfig(train_iters=3)).run()
        assert (root.skipped_steps, root.count) == (3, 3)
        np.testing.assert_array_equal(number(module.value), [0, 4])

    def test_momentum_and_statistics_stay_as_they_were(self):
        class Net(ImplicitProblem):
            def training_step(self, batch):
                return (self.module(batch) ** 2).mean()

        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        optimizer = betty.optim.Adam(net.parameters(), lr=0.1)
        good, bad = betty.randn(8, 3), betty.full((8, 3), float("nan"))
        problem = Net("net", Config(on_nan="skip"), net, optimizer, train_data_loader=[good, bad])
        engine = Engine([problem], EngineConfig(train_iters=1))
        engine.run()
        before = [number(t) for t in (*net.parameters(), *net.buffers())]
        moments = [number(s["exp_avg"]) for s in optimizer.state.values()]
        engine.run()
        assert problem.skipped_steps == 1
        after = [number(t) for t in (*net.parameters(), *net.buffers())]
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a, b)
        for a, state in zip(moments, optimizer.state.values(), strict=True):
            np.testing.assert_array_equal(a, number(state["exp_avg"]))
            assert state["step"] == 1

    def test_wrong_values(self):
        with pytest.raises(ValueError, match="on_nan must be ignore, stop or skip, got 'maybe'"):
            quadratic(1, on_nan="maybe")


def test_statistics_are_not_moved_by_jacobian_products():
    """The hypergradient reads the recorded loss: one forward pass a step, none more."""

    class Low(ImplicitProblem):
        def training_step(self, batch):
            return (self.module(batch) * self.up.module.value).pow(2).mean()

    class Up(ImplicitProblem):
        def training_step(self, batch):
            return sum((p * p).sum() for p in self.low.module.parameters())

    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).double()
    low = Low(
        "low", Config(type="cg", cg_iterations=3), net, betty.optim.SGD(net.parameters(), lr=0.1),
        train_data_loader=[betty.randn(4, 2, dtype=betty.float64)],
    )  # fmt: skip
    top = Vector(np.ones(3))
    up = Up("up", Config(), top, betty.optim.SGD(top.parameters(), lr=0.1), train_data_loader=[1])
    Engine([up, low], EngineConfig(train_iters=5), {"u2l": {up: [low]}, "l2u": {low: [up]}}).run()
    assert net[1].num_batches_tracked.item() == 5


class TestExchange:
    def test_dependencies_change_between_steps(self):
        engine = quadratic(3)
        up, low = engine.upper, engine.lower
        engine.set_dependency({"u2l": {}, "l2u": {}})
        assert up.leaf and low.leaf and up.paths == [] and engine.leaves == [up, low]
        engine.set_dependency({"u2l": {up: [low]}, "l2u": {low: [up]}})
        engine.run()
        np.testing.assert_allclose(
            (number(low.module.value), number(up.module.value)), by_hand(3), rtol=0, atol=1e-12
        )
        with pytest.raises(ValueError, match="no l2u path"):
            engine.set_dependency({"u2l": {up: [low]}, "l2u": {}})
        assert engine.leaves == [low] and up.paths == [[up, low, up]]

    def test_dependencies_change_in_a_run(self):
        class Cut(Lower):
            def on_inner_loop_start(self):
                if self.count == 4:
                    engine.set_dependency({"u2l": {}, "l2u": {self: [self.upper]}})

        class Regular(Upper):
            def training_step(self, batch):
                return super().training_step(batch) + self.module().pow(2).sum()

        engine = quadratic(8, Regular, Cut, unroll_steps=2)
        engine.run()
        assert (engine.lower.count, engine.upper.count, engine.upper.paths) == (8, 4, [])

    def test_module_and_optimizer_change(self):
        engine = quadratic(2)
        engine.run()
        fresh = Vector([0.5, -1, 2])
        engine.upper.set_module(Vector(np.ones(3)))
        engine.lower.set_module(fresh)
        engine.run()
        np.testing.assert_allclose(
            (number(fresh.value), number(engine.upper.module.value)), by_hand(2), atol=1e-12
        )
        engine.lower.set_optimizer(betty.optim.SGD(fresh.parameters(), lr=0.0))
        before = number(fresh.value)
        engine.run()
        np.testing.assert_array_equal(number(fresh.value), before)

    def test_loaders_change(self):
        seen = []

        class Seeing(Lower):
            def training_step(self, batch):
                seen.append(batch[0][0])
                return super().training_step(batch)

        engine = quadratic(2, lower=Seeing)
        engine.run()
        engine.lower.set_train_data_loader([(A * 3,)])
        engine.run()
        assert seen == [1, 1, 3, 3]
        with pytest.raises(IndexError, match="train data loader 1 of 1"):
            engine.lower.set_train_data_loader([], 1)
        with pytest.raises(TypeError, match="must be iterable, got int"):
            engine.lower.set_train_data_loader(3)

    def test_groups_of_ones_own_and_loaded_state_are_kept(self):
        engine = quadratic(2)
        optimizer = betty.optim.SGD([{"params": [engine.lower.module.value], "lr": 0.2}], lr=9.0)
        low = Lower("lower", Config(type="exact"), engine.lower.module, optimizer,
                    train_data_loader=[(A,)])  # fmt: skip
        link(engine.upper, low, 1)
        assert low.optimizer is optimizer and optimizer.param_groups[0]["lr"] == 0.2

    def test_param_groups(self):
        class Grouped(Lower):
            def param_groups(self):
                return [{"params": [self.module.value], "lr": 0.0}]

        engine = quadratic(2, lower=Grouped)
        engine.run()
        np.testing.assert_array_equal(number(engine.lower.module.value), [0.5, -1, 2])

    def test_an_optimizer_of_other_parameters_serves_as_a_pattern(self):
        optimizer = betty.optim.SGD(Vector([1.0]).parameters(), lr=0.1)
        low = Lower("lower", Config(type="exact"), Vector([0.5, -1, 2]), optimizer,
                    train_data_loader=[(A,)])  # fmt: skip
        up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
        link(up, low, 3).run()
        np.testing.assert_allclose(number(low.module.value), by_hand(3)[0], rtol=0, atol=1e-12)

    def test_evaluation_mode_counts_nothing(self):
        engine = quadratic(2)
        engine.eval()
        engine.train_step()
        assert (engine.lower.count, engine.upper.count) == (0, 0)
        engine.train()
        engine.train_step()
        assert (engine.lower.count, engine.upper.count) == (1, 1)


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped():
    whole, first, second = (quadratic(n, unroll_steps=3) for n in (20, 7, 13))
    for engine in (whole, first, second):
        optimizer = betty.optim.Adam(engine.lower.module.parameters(), lr=0.05)
        engine.lower.set_optimizer(optimizer)
    whole.run()
    first.run()
    second.load_state_dict(first.state_dict())
    assert (second.global_step, second.lower.count) == (7, 7)
    second.run()
    for name in ("lower", "upper"):
        np.testing.assert_array_equal(
            *(number(getattr(e, name).module.value) for e in (whole, second))
        )
    with pytest.raises(KeyError, match="the state is of problems"):
        second.load_state_dict({**first.state_dict(), "problems": {}})


def test_state_loaded_before_the_engine_is_made():
    engine = quadratic(4)
    engine.run()
    low = make(Lower, "lower", Config(type="exact"), np.zeros(3), 0.1, [(A,)])
    low.load_state_dict(engine.lower.state_dict())
    link(engine.upper, low, 1)
    assert low.count == 4
    np.testing.assert_array_equal(number(low.module.value), by_hand(4)[0])


def test_an_environment_reaches_all_and_is_reached():
    class World(Env):
        def initialize(self):
            self.time = 0

        def step(self):
            self.time += 1
            return (A,) if self.lower.module is not None else None

    class Acting(Lower):
        def get_batch(self):
            return tuple(betty.from_numpy(part) for part in self.env.step())

    world = World()
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Acting, "lower", Config(type="exact"), [0.5, -1, 2], 0.1, None)
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    engine = Engine([up, low], EngineConfig(train_iters=3), edges, env=world)
    engine.run()
    assert engine.env is world is up.env and world.upper is up and world.time == 3
    np.testing.assert_allclose(number(low.module.value), by_hand(3)[0], rtol=0, atol=1e-12)
    with pytest.raises(NotImplementedError, match="World defines no reset"):
        world.reset()


def test_problems_that_share_a_module():
    module = Vector([1.0, 2.0])

    class First(ImplicitProblem):
        def training_step(self, batch):
            return self.module().pow(2).sum()

    class Second(ImplicitProblem):
        def training_step(self, batch):
            return (self.module() * self.first.module()).sum()

    first, second = (
        kind(name, Config(), module, betty.optim.SGD(module.parameters(), lr=0.25),
             train_data_loader=[0])
        for kind, name in ((First, "first"), (Second, "second"))
    )  # fmt: skip
    Engine([first, second], EngineConfig(train_iters=2), {}).run()
    np.testing.assert_allclose(number(module.value), np.array([1.0, 2.0]) / 16)


def test_an_epochs_callback_comes_before_its_loader_starts_again():
    class Shuffled(Lower):
        def epoch_callback(self):
            order.append(list(self.epoch_counter))
            data.insert(0, (A * 10,))

        def training_step(self, batch):
            order.append(batch[0][0])
            return super().training_step(batch)

    order, data = [], [(A,), (2 * A,)]

    class Loader:
        def __iter__(self):
            return iter(list(data))

    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Shuffled, "lower", Config(type="exact"), np.ones(3), 0.1, Loader())
    link(up, low, 4).run()
    assert order == [1, 2, [0], 10, 1] and low.epoch_counter == [1]


def test_steps_by_hand():
    class ByHand(Engine):
        def train_step(self):
            for leaf in self.leaves:
                leaf.step(global_step=self.global_step)

    engine = quadratic(3, engine=ByHand)
    engine.run()
    np.testing.assert_allclose(number(engine.lower.module.value), by_hand(3)[0], atol=1e-12)
    before = number(engine.lower.module.value)
    stats = engine.lower.one_step_descent((betty.from_numpy(A),))
    moved = before - 0.1 * (before - number(engine.upper.module.value) * A)
    np.testing.assert_allclose(number(engine.lower.module.value), moved, atol=1e-12)
    assert stats["loss"] > 0 and engine.lower.count == 3


PROBLEM_NAMES = """
    __call__ forward training_step training_step_exec one_step_descent step get_batch
    get_batch_single_loader get_loss set_grads optimizer_step zero_grad clip_grad state_dict
    load_state_dict configure_device get_opt_param_group_for_param get_opt_state_for_param
    epoch_callback_exec gradient_accumulation_boundary is_implemented log add_logger add_env
    parameters trainable_parameters meta_trainable_parameters train eval is_rank_zero name config
    children parents paths leaf count initialize patch_everything patch_module patch_optimizer
    patch_scheduler patch_data_loader set_module set_optimizer set_scheduler set_train_data_loader
    cfg device train_data_loader cur_batch epoch_counter module optimizer scheduler env precision
    gas gradient_clipping warmup_steps logger log_step log_local_step
"""
ENGINE_NAMES = """
    config train_iters valid_step global_step logger_type logger problems leaves dependencies env
    early_stopping device parse_config train_step run initialize train eval check_leaf find_paths
    set_dependency set_problem_attr do_validation is_rank_zero cleanup is_implemented
"""


def test_names_of_the_reference_are_there():
    engine = quadratic(1)
    engine.run()
    for owner, names in ((engine.lower, PROBLEM_NAMES), (engine, ENGINE_NAMES)):
        missing = [name for name in names.split() if not hasattr(owner, name)]
        assert missing == []
    up, low = engine.upper, engine.lower
    assert engine.find_paths(low, up) == [[up, low, up]]
    assert engine.check_leaf(low) and not engine.check_leaf(up) and not engine.do_validation()
    loss, stats = low.get_loss(low.cur_batch)
    assert loss.item() == stats["loss"]
    low.set_grads([low.module.value], [betty.ones(3, dtype=betty.float64) * 3])
    low.set_grads([low.module.value], [betty.ones(3, dtype=betty.float64)])
    before = number(low.module.value)
    low.optimizer_step()
    np.testing.assert_allclose(number(low.module.value), before - 0.4)
    low.zero_grad()
    assert low.module.value.grad is None
    assert low.get_opt_param_group_for_param(low.module.value)["lr"] == 0.1
    assert low.get_opt_state_for_param(up.module.value) == {}


def test_a_schedule_under_accumulation_warns_of_nothing(recwarn):
    class Net(ImplicitProblem):
        def training_step(self, batch):
            return (self.module(batch) ** 2).mean()

    net = nn.Linear(3, 1)
    optimizer = betty.optim.SGD(net.parameters(), lr=0.1)
    problem = Net(
        "net",
        Config(gradient_accumulation=2),
        net,
        optimizer,
        betty.optim.lr_scheduler.StepLR(optimizer, 2),
        [betty.randn(8, 3)],
    )
    Engine([problem], EngineConfig(train_iters=4)).run()
    assert [str(warning.message) for warning in recwarn] == []
