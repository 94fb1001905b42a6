"""A descent step taken apart: parts that a program calls, or puts its own in the place of."""

from copy import deepcopy

import betty
import numpy as np
import pytest
from betty import utils
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import Problem
from test_problems import TARGET, A, Lower, Upper, Vector, make, number, quadratic

START = [0.5, -1.0, 2.0]


class ByHand:
    """The whole step, written as the reference writes it."""

    def one_step_descent(self, batch=None):
        if batch is None:
            self.cur_batch = batch = self.get_batch()
        loss, stats = self.get_loss(batch)
        self.backward(
            loss=loss, params=self.trainable_parameters(), paths=self.paths,
            create_graph=False, retain_graph=False, allow_unused=True,
        )  # fmt: skip
        self.said.append("backward")
        if self.gradient_accumulation_boundary():
            self.optimizer_step()
            self.zero_grad()
        return stats


class Parted:
    """One part of its own; the others are the problem's."""

    def optimizer_step(self, *args, **kwargs):
        self.said.append("step")
        super().optimizer_step(*args, **kwargs)

    def grad_callback(self):
        self.said.append("grad_callback")


def program(own, roll_back, **options):
    said = []
    lower = type("OwnLower", (own, Lower), {"said": said}) if own else Lower
    upper = type("OwnUpper", (own, Upper), {"said": said}) if own else Upper
    up = make(upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(
        lower, "lower", Config(type="exact", unroll_steps=2, gradient_clipping=0.8, **options),
        START, 0.1, [(A,), (2 * A,)],
    )  # fmt: skip
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=12, roll_back=roll_back), edges), said


@pytest.mark.parametrize("own", [ByHand, Parted])
@pytest.mark.parametrize("roll_back", [False, True])
@pytest.mark.parametrize("gas", [1, 2])
def test_a_step_by_hand_is_the_engines(own, roll_back, gas):
    plain, _ = program(None, roll_back, gradient_accumulation=gas)
    plain.run()
    parted, said = program(own, roll_back, gradient_accumulation=gas, replay=True)
    parted.run()
    for name in ("lower", "upper"):
        np.testing.assert_allclose(
            number(getattr(parted, name).module.value),
            number(getattr(plain, name).module.value), rtol=0, atol=1e-12,
        )  # fmt: skip
        assert getattr(parted, name).count == getattr(plain, name).count
    assert len(said) >= 12


def test_backward_adds_what_it_is_asked_for():
    engine = quadratic(1)
    engine.run()
    up, low = engine.upper, engine.lower
    loss, _ = up.get_loss(up.cur_batch)
    up.backward(loss, up.trainable_parameters(), [])
    assert up.module.value.grad is None  # the upper loss has no direct gradient
    loss, _ = up.get_loss(up.cur_batch)
    up.backward(loss)
    whole = number(up.module.value.grad)
    np.testing.assert_allclose(whole, A * (number(low.module.value) - TARGET))
    loss, _ = up.get_loss(up.cur_batch)
    up.backward(loss, paths=up.paths)
    np.testing.assert_allclose(number(up.module.value.grad), 2 * whole)
    with pytest.raises(ValueError, match="'upper': backward takes all of its paths, or none"):
        up.backward(loss, paths=[[up, low]])
    with pytest.raises(ValueError, match="'upper': backward takes a scalar loss, got"):
        up.backward(up.module.value * 2)


def test_a_loss_by_hand_of_another_batch_is_not_what_upper_problems_differentiate():
    (plain, _), (asked, _) = program(Parted, False), program(Parted, False)
    for engine in (plain, asked):
        engine.train_iters = 1
        engine.run()  # the first of two lower steps: the upper problem waits
    low = asked.lower
    for params, paths in ((None, None), (low.trainable_parameters(), [])):
        loss, _ = low.get_loss((betty.from_numpy(7 * A),))
        low.backward(loss, params, paths)
        wanted = number(low.module.value) - number(asked.upper.module.value) * 7 * A
        np.testing.assert_allclose(number(low.module.value.grad), wanted, atol=1e-12)
        low.zero_grad()
    for engine in (plain, asked):
        engine.upper.one_step_descent()
    np.testing.assert_array_equal(*(number(e.upper.module.value) for e in (plain, asked)))
    loss, _ = low.get_loss(low.cur_batch)
    low.backward(loss)
    assert low.module.value.grad is not None


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("rows", [False, True])
def test_a_step_by_hand_on_another_batch_is_not_what_upper_problems_differentiate(replay, rows):
    """They differentiate the loss of the batch drawn last, at the parameters as they are."""
    loader = [(betty.from_numpy(A),), (betty.from_numpy(2 * A),)]
    if rows:
        table = betty.utils.data.TensorDataset(betty.from_numpy(np.stack([A, 2 * A])))
        loader = betty.utils.data.DataLoader(table, batch_size=1)
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Lower, "lower", Config(type="exact", replay=replay), START, 0.1, loader)
    engine = Engine(
        [up, low], EngineConfig(train_iters=3), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    drawn, (theta, lam) = low.cur_batch, (number(low.module.value), number(up.module.value))
    low.one_step_descent((betty.from_numpy(7 * A),))
    theta = theta - 0.1 * (theta - lam * 7 * A)
    np.testing.assert_allclose(number(low.module.value), theta, atol=1e-12)
    assert low.cur_batch is drawn
    np.testing.assert_allclose(number(drawn[0]).reshape(3), A)
    up.one_step_descent()
    lam = lam - 0.05 * A * (theta - TARGET)
    np.testing.assert_allclose(number(up.module.value), lam, atol=1e-12)
    engine.train_iters = 1
    engine.run()  # on the second batch, as if nothing had been in between
    theta = theta - 0.1 * (theta - lam * 2 * A)
    np.testing.assert_allclose(number(low.module.value), theta, atol=1e-12)


class Descent(betty.optim.Optimizer):
    """A program's own, with momentum."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with betty.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        before = self.state[param].get("buffer")
                        grown = param.grad if before is None else 0.9 * before + param.grad
                        self.state[param]["buffer"] = grown.clone()
                        param.sub_(grown * group["lr"])


def with_optimizer(kind, roll_back=False, **options):
    def level(problem, name, config, rate, batches):
        module = Vector(START)
        optimizer = kind(module.parameters(), rate)
        schedule = betty.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        return problem(name, config, module, optimizer, schedule, batches)

    up = level(Upper, "upper", Config(), 0.05, [(TARGET,)])
    low = level(Lower, "lower", Config(unroll_steps=2, **options), 0.1, [(A,), (2 * A,)])
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=8, roll_back=roll_back), edges)


@pytest.mark.parametrize("options", [
    {"type": "exact"}, {"type": "cg", "gradient_clipping": 0.5},
    {"type": "exact", "gradient_accumulation": 2, "replay": True},
])  # fmt: skip
def test_an_optimizer_in_python_steps_a_problem(options):
    def momentum(params, lr):
        return betty.optim.SGD(params, lr, momentum=0.9)

    plain, own = with_optimizer(momentum, **options), with_optimizer(Descent, **options)
    for engine in (plain, own):
        engine.run()
    for name in ("upper", "lower"):
        got, wanted = (number(getattr(e, name).module.value) for e in (own, plain))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)
        assert (got != START).any()
    other = with_optimizer(Descent, **options)
    other.load_state_dict(deepcopy(own.state_dict()))
    for engine in (own, other):
        engine.run()
    np.testing.assert_array_equal(*(number(e.lower.module.value) for e in (own, other)))


@pytest.mark.parametrize("kind", [betty.optim.RAdam, betty.optim.ASGD, betty.optim.Rprop])
def test_optimizers_that_are_python(kind):
    engine = with_optimizer(kind)
    engine.run()
    assert all((number(each.module.value) != START).any() for each in engine.problems)


def test_what_needs_a_rule_of_the_engine_says_so():
    for name in ("sama", "iterative", "forward"):
        with pytest.raises(TypeError, match=f"'lower': type '{name}' differentiates .* of Descent"):
            with_optimizer(Descent, type=name)
    with pytest.raises(TypeError, match="roll_back can't undo the steps of Descent"):
        with_optimizer(Descent, roll_back=True)
    engine = with_optimizer(betty.optim.SGD)
    with pytest.raises(TypeError, match="Descent: its step is Python"):
        engine.lower.set_optimizer(Descent(engine.lower.module.parameters(), 0.1))
    engine.run()


def test_an_exception_in_a_part_leaves_the_count():
    class Failing(Lower):
        def optimizer_step(self, *args, **kwargs):
            raise ArithmeticError("no step today")

    engine = quadratic(3, lower=Failing)
    with pytest.raises(ArithmeticError, match="no step today"):
        engine.run()
    assert engine.lower.count == 0


def test_states_are_remembered_and_put_back():
    module = Vector(START)
    optimizer = betty.optim.Adam(module.parameters(), lr=0.1)
    low = Lower("lower", Config(type="exact"), module, optimizer, train_data_loader=[(A,)])
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    engine = Engine(
        [up, low], EngineConfig(train_iters=2), {"u2l": {up: [low]}, "l2u": {low: [up]}}
    )
    engine.run()
    with pytest.raises(RuntimeError, match="'lower': recover_states before cache_states"):
        low.recover_states()
    low.cache_states()
    before, moment = number(module.value), number(optimizer.state[module.value]["exp_avg"])
    engine.run()
    assert (number(module.value) != before).all()
    low.recover_states(clean=False)
    np.testing.assert_array_equal(number(module.value), before)
    np.testing.assert_array_equal(number(optimizer.state[module.value]["exp_avg"]), moment)
    engine.run()
    low.recover_states()
    np.testing.assert_array_equal(number(module.value), before)


@pytest.mark.parametrize("replay", [False, True])
def test_each_loader_by_ones_own_method(replay):
    class Scaling(Lower):
        def get_batch_single_loader(self, idx):
            batch = super().get_batch_single_loader(idx)
            return tuple(part * (idx + 1) for part in batch)

        def training_step(self, batch):
            assert len(batch) == 2
            first, second = batch
            return super().training_step((first[0] + second[0],))

    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Scaling, "lower", Config(type="exact", replay=replay), START, 0.1,
               ([(A,)], [(A,)]))  # fmt: skip
    plain_up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    plain = make(Lower, "lower", Config(type="exact"), START, 0.1, [(3 * A,)])
    for u, p in ((up, low), (plain_up, plain)):
        Engine([u, p], EngineConfig(train_iters=4), {"u2l": {u: [p]}, "l2u": {p: [u]}}).run()
    np.testing.assert_allclose(number(low.module.value), number(plain.module.value), atol=1e-12)


def test_helpers_on_lists_of_tensors():
    a, b = betty.tensor([3.0, 4.0], requires_grad=True), betty.tensor([[1.0], [2.0]])
    (a * a).sum().backward()
    assert utils.get_grad_norm([a, b.requires_grad_()]) == 100
    assert utils.get_weight_norm(a) == 25
    assert utils.get_weight_norm([betty.tensor([float("inf")])]) == -1
    assert utils.to_vec([a, b], alpha=2.0).tolist() == [6, 8, 2, 4]
    assert utils.count_parameters([a, b]) == 4
    assert utils.flatten_list([[1], [2, 3]]) == [1, 2, 3]
    assert utils.get_param_index(b, [a, b]) == 1
    assert utils.get_param_index(b, [a]) is None
    assert utils.neg_with_none(None) is None
    assert utils.neg_with_none(b).tolist() == [[-1], [-2]]
    filled = utils.replace_none_with_zero([None, b], [a, b])
    assert filled[0].tolist() == [0, 0] and filled[1] is b
    assert utils.convert_tensor("word", "cpu") == "word"
    assert utils.get_dtype("bf16") is betty.bfloat16


def test_a_problem_of_no_kind_has_the_parts_too():
    assert {"backward", "cache_states", "recover_states"} <= set(dir(Problem))
