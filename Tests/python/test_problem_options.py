"""Options that are set once problem and engine are made, and names of the reference."""

import copy
import pickle

import betty
import numpy as np
import pytest
from betty import hypergradient
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from test_problems import TARGET, A, Lower, Upper, link, make, number, quadratic

START = [0.5, -1.0, 2.0]

#: What is changed in the middle of a run, and what there was before.
CHANGES = [
    ({"type": "darts"}, {}),
    ({"type": "neumann", "neumann_iterations": 3, "neumann_alpha": 0.2}, {}),
    ({"type": hypergradient.CG(damping=0.5)}, {}),
    ({"darts_alpha": 0.5, "darts_multitask": True}, {"type": "darts"}),
    ({"neumann_alpha": 0.5}, {"type": "neumann"}),
    ({"cg_damping": 1.0}, {"type": "cg", "cg_warm_start": True}),
    ({"unroll_steps": 2}, {}),
    ({"gradient_accumulation": 2}, {}),
    ({"gradient_clipping": 0.05}, {}),
    ({"warmup_steps": 5}, {"unroll_steps": 2}),
    ({"on_nan": "skip"}, {}),
]


class Quartic(Lower):
    """Its Hessian is not the identity."""

    def training_step(self, batch):
        return super().training_step(batch) + 0.1 * (self.module() ** 4).sum()


def program(iterations, replay=False, **options):
    up = make(Upper, "upper", Config(replay=replay), np.ones(3), 0.05, [(TARGET,)])
    config = Config(**{"type": "exact", "replay": replay, **options})
    return link(up, make(Quartic, "lower", config, START, 0.1, [(A,)]), iterations)


def values(engine):
    return [number(each.module.value) for each in engine.problems]


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize(("changes", "before"), CHANGES)
def test_a_change_holds_from_the_next_step_on(changes, before, replay):
    """As in a run that has the options at first and takes over what the other had come to."""
    changed = program(2, replay, **before)
    changed.run()
    wanted = program(4, replay, **before | changes)
    wanted.load_state_dict(copy.deepcopy(
        {**changed.state_dict(), "problems": {
            name: {k: v for k, v in state.items() if k != "hypergradient"}
            for name, state in changed.state_dict()["problems"].items()}}))  # fmt: skip
    for name, value in changes.items():
        setattr(changed.lower.config, name, value)
    changed.train_iters = 4
    changed.run()
    wanted.run()
    for got, expected in zip(values(changed), values(wanted), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    if "on_nan" not in changes:
        plain = program(6, replay, **before)
        plain.run()
        assert any((a != b).any() for a, b in zip(values(plain), values(changed), strict=True))


def test_a_change_in_a_hook_holds_in_the_next_step():
    class Annealed(Quartic):
        def on_inner_loop_start(self):
            self.config.neumann_alpha = 0.5 / (1 + self.count)

    annealed = quadratic(3, lower=Annealed, type="neumann")
    annealed.run()
    by_steps = quadratic(1, lower=Quartic, type="neumann")
    for count in range(3):
        by_steps.lower.config.neumann_alpha = 0.5 / (1 + count)
        by_steps.run()
    np.testing.assert_array_equal(values(annealed), values(by_steps))


REFUSED = [
    ({}, "type", "cgg", "type 'cgg'"),
    ({}, "type", "iterative", "'exact' can't become 'iterative'"),
    ({"type": "forward"}, "type", "exact", "'forward' can't become 'exact'"),
    ({"type": "iterative"}, "iterative_truncation", 1, "options of type 'iterative' can't be"),
    ({}, "replay", True, "replay can't be changed"),
    ({}, "gradient_clipping", -1.0, "gradient_clipping must be at least 0.0, got -1"),
    ({"type": "neumann"}, "neumann_iterations", 0.5, "neumann_iterations"),
    ({}, "unroll_steps", 0, "unroll_steps must be at least 1, got 0"),
]


@pytest.mark.parametrize(("options", "name", "value", "message"), REFUSED)
def test_what_is_refused_changes_nothing(options, name, value, message):
    engine, other = program(2, **options), program(4, **options)
    engine.run()
    before = getattr(engine.lower.config, name)
    with pytest.raises((ValueError, KeyError), match=message) as caught:
        setattr(engine.lower.config, name, value)
    assert "\n" not in str(caught.value)
    assert getattr(engine.lower.config, name) == before
    engine.run()
    other.run()
    np.testing.assert_array_equal(values(engine), values(other))


def test_a_problem_takes_its_own_when_it_is_made():
    config = Config(type="exact", unroll_steps=2, gradient_clipping=0.5)
    first = make(Lower, "first", config, START, 0.1, [(A,)])
    config.unroll_steps, config.gradient_clipping = 3, 0.0
    second = make(Lower, "lower", config, START, 0.1, [(A,)])
    assert (first._unroll_steps, first.gradient_clipping) == (2, 0.5)
    assert (second._unroll_steps, second.gradient_clipping) == (3, 0.0)


@pytest.mark.parametrize("name", ["gradient_clipping", "_unroll_steps", "gas", "warmup_steps"])
def test_options_are_attributes_that_can_be_set(name):
    option = {"_unroll_steps": "unroll_steps", "gas": "gradient_accumulation"}.get(name, name)
    engines = program(4), program(4), program(4, **{option: 3})
    setattr(engines[1].lower, name, 3)
    assert getattr(engines[1].lower, name) == 3
    for engine in engines:
        if name == "gradient_clipping":
            setattr(engine.lower, name, getattr(engine.lower, name) / 100)
        engine.run()
    plain, changed, wanted = map(values, engines)
    np.testing.assert_array_equal(changed, wanted)
    assert (np.array(plain) != np.array(changed)).any()


def test_the_log_begins_when_it_is_wanted(caplog):
    caplog.set_level("INFO")
    engine = quadratic(2)
    engine.run()
    engine.lower.log_step = 1
    engine.lower.log_local_step = True
    engine.run()
    lines = [record.getMessage().split(" | ")[0] for record in caplog.records]
    assert lines == ["[3] lower", "[4] lower"]


def test_a_config_is_copied_without_who_heeds_it():
    engine = quadratic(1)
    config = engine.lower.config
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        other.type = "no method"
    assert set(vars(config)) == set(vars(Config()))


def test_positions_are_those_of_the_reference():
    config = Config("sama", 3, False, True, False, 2, 0.5, "bf16", 8.0, 4.0, 5, 6, True, 0.1)
    wanted = Config(
        type="sama", unroll_steps=3, first_order=False, retain_graph=True, allow_unused=False,
        gradient_accumulation=2, gradient_clipping=0.5, precision="bf16", initial_dynamic_scale=8.0,
        scale_factor=4.0, warmup_steps=5, log_step=6, log_local_step=True, darts_alpha=0.1,
    )  # fmt: skip
    assert config == wanted
    engine = EngineConfig(10, 5, "none", True, "gloo", "cpu", True, "max", 3, "accuracy")
    assert engine == EngineConfig(
        train_iters=10, valid_step=5, logger_type="none", roll_back=True, backend="gloo",
        strategy="cpu", early_stopping=True, early_stopping_mode="max",
        early_stopping_tolerance=3, early_stopping_metric="accuracy",
    )  # fmt: skip


# The engine's.


def test_length_of_a_run_and_time_of_validation_change():
    class Watched(Engine):
        seen = ()

        def validation(self):
            self.seen = (*self.seen, self.global_step)
            self.valid_step = 3

    engine = quadratic(5, engine=Watched)
    engine.train_iters, engine.valid_step = 8, 2
    engine.run()
    assert (engine.global_step, engine.lower.count, engine.seen) == (8, 8, (2, 3, 6))
    for name, value in (("train_iters", -1), ("valid_step", 0)):
        with pytest.raises(ValueError, match=f"{name} must be at least"):
            setattr(engine, name, value)
    assert (engine.train_iters, engine.valid_step) == (8, 3)


def test_a_loop_by_hand_counts():
    class Counting(Lower):
        seen = ()

        def training_step(self, batch):
            self.seen = (*self.seen, (self._global_step, self._count))
            return super().training_step(batch)

    engine = quadratic(1, lower=Counting)
    for _ in range(3):
        engine.global_step += 1
        engine.train_step()
    assert engine.global_step == 3 and engine.lower.seen == ((1, 1), (2, 2), (3, 3))
    assert engine.upper._global_step == 0  # it is not told
    engine.lower._count = 7
    assert engine.lower.count == 7


def test_names_of_the_reference_are_read():
    engine = quadratic(1, unroll_steps=4)
    up, low = engine.upper, engine.lower
    assert low._parents == [up] and up._children == [low] and up._paths == [[up, low, up]]
    assert low._unroll_steps == 4 and low._leaf and low._strategy == "default" and low._rank == 0
    assert (engine._rank, engine._roll_back, engine._strategy) == (0, False, "default")
    alone = make(Lower, "alone", Config(), START, 0.1, [(A,)])
    assert (alone.parents, alone.children, alone.paths, alone._strategy) == ([], [], [], None)
    assert alone._count == alone._global_step == 0


def test_names_need_not_be_identifiers():
    class Reaching(Lower):
        def training_step(self, batch):
            upper = getattr(self, "meta-net")
            return 0.5 * ((self.module() - upper() * batch[0]) ** 2).sum()

    class Reached(Upper):
        def training_step(self, batch):
            return 0.5 * ((getattr(self, "2nd.net")() - batch[0]) ** 2).sum()

    plain = quadratic(2)
    up = make(Reached, "meta-net", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Reaching, "2nd.net", Config(type="exact"), START, 0.1, [(A,)])
    engine = link(up, low, 2)
    engine.run()
    plain.run()
    np.testing.assert_array_equal(values(engine), values(plain))
    assert up.paths == [[up, low, up]] and getattr(engine, "meta-net") is up
    for name in ("two words", "", " ", "a\nb", 3):
        with pytest.raises(ValueError, match="name must be a word without spaces"):
            make(Lower, name, Config(), START, 0.1, [(A,)])


def test_strategy_cpu_is_the_default():
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    low = make(Lower, "lower", Config(type="exact"), START, 0.1, [(A,)])
    engine = link(up, low, 2, strategy="cpu")
    engine.run()
    plain = quadratic(2)
    plain.run()
    np.testing.assert_array_equal(values(engine), values(plain))
    assert engine._strategy == low._strategy == "cpu" and betty.tensor(0).device.type == "cpu"


def test_a_method_that_is_registered_anew_leaves_problems_theirs():
    def scaled(factor):
        def method(vector, lower, upper):
            return lower.mixed([factor * v for v in vector])

        return method

    ends = []
    for again in (False, True):
        hypergradient.register("scaled", scaled(1.0))
        engine = program(2, type="scaled")
        engine.run()
        if again:
            hypergradient.register("scaled", scaled(100.0))
        engine.lower.config.log_step = 1000
        engine.run()
        ends.append(values(engine))
    np.testing.assert_array_equal(*ends)
    fresh = program(2, type="scaled")
    fresh.run()
    fresh.run()
    assert (np.array(values(fresh)) != np.array(ends[0])).any()
