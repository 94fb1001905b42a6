"""Roll-back against the same loop in NumPy, in all its combinations; steps_per_call."""

import betty
import numpy as np
import pytest
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from test_problems import TARGET, A, Lower, Upper, Vector, number, quadratic

START = np.array([0.5, -1.0, 2.0])
RATE, UPPER_RATE, MOMENTUM = 0.1, 0.05, 0.9


def program(lower=Lower, upper=Upper, iterations=12, roll_back=True, schedule=None, **options):
    module, top = Vector(START), Vector(np.ones(3))
    inner = betty.optim.SGD(module.parameters(), lr=RATE, momentum=MOMENTUM)
    outer = betty.optim.SGD(top.parameters(), lr=UPPER_RATE)
    up = upper("upper", Config(), top, outer, train_data_loader=[(TARGET,)])
    low = lower(
        "lower", Config(**{"type": "exact", **options}), module, inner,
        schedule(inner) if schedule else None, [(A,), (2 * A,), (A - 1,)],
    )  # fmt: skip
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=iterations, roll_back=roll_back), edges)


def in_numpy(iterations, unroll, warmup=0, gas=1, decay=1.0):
    """(theta, lambda): the inner loop is undone but for one whole step on its last batch."""
    batches = [A, 2 * A, A - 1]
    theta, velocity, lam, rate = START.copy(), np.zeros(3), np.ones(3), RATE
    saved, gradient, is_first = None, np.zeros(3), True
    begun = False

    def move(theta, velocity, gradient):
        velocity = gradient if not begun else MOMENTUM * velocity + gradient
        return theta - rate * velocity, velocity

    for step in range(1, iterations + 1):
        loop_start = is_first and step - 1 >= warmup
        if loop_start or step - 1 == warmup:
            saved = theta.copy(), velocity.copy(), begun
        is_first = False
        batch = batches[(step - 1) % 3]
        gradient = gradient + (theta - lam * batch) / gas
        if step % gas == 0:
            theta, velocity = move(theta, velocity, gradient)
            begun, gradient = True, np.zeros(3)
        if step % (unroll * gas) == 0 and step > warmup:
            lam = lam - UPPER_RATE * batch * (theta - TARGET)
            theta, velocity, begun = saved
            theta, velocity = move(theta, velocity, theta - lam * batch)
            begun, is_first, rate = True, True, rate * decay
    return theta, lam


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("unroll", [1, 4])
@pytest.mark.parametrize("warmup", [0, 5, 8])
@pytest.mark.parametrize("gas", [1, 3])
def test_agrees_with_numpy(unroll, warmup, gas, replay):
    steps = 24
    engine = program(
        iterations=steps, unroll_steps=unroll, warmup_steps=warmup, gradient_accumulation=gas,
        replay=replay,
    )  # fmt: skip
    engine.run()
    theta, lam = in_numpy(steps, unroll, warmup, gas)
    np.testing.assert_allclose(number(engine.lower.module.value), theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(number(engine.upper.module.value), lam, rtol=0, atol=1e-12)
    assert engine.lower.count == steps


def test_warm_up_is_not_undone():
    """What the reference forgets: its first inner loop begins before the warm-up."""
    engine = program(iterations=9, unroll_steps=1, warmup_steps=8)
    engine.run()
    assert engine.upper.count == 1
    plain = program(iterations=8, roll_back=False, unroll_steps=100)
    plain.run()
    moved = np.abs(number(engine.lower.module.value) - number(plain.lower.module.value)).max()
    assert moved < 0.5 < np.abs(number(plain.lower.module.value) - START).max()


def test_the_schedule_follows_the_repeated_step():
    def schedule(optimizer):
        return betty.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    engine = program(iterations=12, unroll_steps=4, schedule=schedule)
    engine.run()
    assert engine.lower.optimizer.param_groups[0]["lr"] == pytest.approx(RATE * 0.5**3)
    theta, lam = in_numpy(12, 4, decay=0.5)
    np.testing.assert_allclose(number(engine.lower.module.value), theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(number(engine.upper.module.value), lam, rtol=0, atol=1e-12)


@pytest.mark.parametrize("hooked", [False, True])
def test_hooks_come_in_order(hooked):
    events = []

    def hook(name):
        return lambda self: events.append(f"{self.name}.{name}")

    class Loud(Lower):
        on_inner_loop_start = hook("start")
        param_callback = hook("param")
        if hooked:
            grad_callback = hook("grad")

        def training_step(self, batch):
            events.append("lower.step")
            return super().training_step(batch)

    class LoudUpper(Upper):
        param_callback = hook("param")

    engine = program(Loud, LoudUpper, iterations=4, unroll_steps=2)
    engine.run()
    step = ["lower.step", *(["lower.grad"] if hooked else []), "lower.param"]
    assert events == 2 * ["lower.start", *step, *step, "upper.param", *step]


def test_buffers_are_undone():
    class Counting(Vector):
        def __init__(self, values):
            super().__init__(values)
            self.register_buffer("passes", betty.zeros(1))

        def forward(self):
            self.passes.add_(1)
            return self.value

    class Buffered(Lower):
        def training_step(self, batch):
            return 0.5 * ((self.module() - self.upper.module.value * batch[0]) ** 2).sum()

    engine = program(Buffered, iterations=6, unroll_steps=3)
    counting = Counting(START)
    engine.lower.set_module(counting)
    engine.run()
    # Three passes of each loop and one of the upper problem are undone, one is made again.
    assert counting.passes.item() == 2


def test_a_middle_level_with_several_steps():
    """Undone when its own upper problem has stepped, not at every step of the lower one."""
    seen = {"low": [], "mid": [], "top": []}

    class Level(ImplicitProblem):
        def training_step(self, batch):
            above = {"low": "mid", "mid": "top"}.get(self.name)
            loss = ((self.module() - batch) ** 2).sum()
            if above:
                loss = loss + ((self.module() - getattr(self, above)()) ** 2).sum()
            if self.name != "low":
                below = {"mid": "low", "top": "mid"}[self.name]
                loss = loss + ((self.module() - getattr(self, below)()) ** 2).sum()
            return loss

        def param_callback(self):
            seen[self.name].append(number(self.module.value))

    def level(name, unroll):
        module = Vector(np.ones(2))
        optimizer = betty.optim.SGD(module.parameters(), lr=0.05)
        data = [betty.tensor([0.5, 2.0], dtype=betty.float64)]
        config = Config(type="exact", unroll_steps=unroll)
        return Level(name, config, module, optimizer, train_data_loader=data)

    low, mid, top = level("low", 2), level("mid", 3), level("top", 1)
    edges = {"u2l": {top: [mid], mid: [low]}, "l2u": {low: [mid], mid: [top]}}
    engine = Engine([top, mid, low], EngineConfig(train_iters=12, roll_back=True), edges)
    engine.run()
    assert (low.count, mid.count, top.count) == (12, 6, 2)
    # low: 12 steps and 6 repeated; mid: 6 and 2 repeated; top: 2.
    assert [len(seen[name]) for name in ("low", "mid", "top")] == [18, 8, 2]
    # The repeated step of mid begins where its loop began: it is near the loop's first one.
    first, _, third, repeated = seen["mid"][:4]
    assert np.abs(repeated - first).max() < 0.5 * np.abs(repeated - third).max()


def test_a_failing_repeated_step_changes_nothing():
    class Fails(Lower):
        calls = 0

        def training_step(self, batch):
            self.calls += 1
            if self.calls == 3:
                raise ArithmeticError("third")
            return super().training_step(batch)

    engine = program(Fails, iterations=2, unroll_steps=2)
    with pytest.raises(ArithmeticError, match="third"):
        engine.run()
    plain = program(iterations=2, unroll_steps=2, roll_back=False)
    plain.run()
    for name in ("lower", "upper"):
        got, expected = (number(getattr(e, name).module.value) for e in (engine, plain))
        np.testing.assert_array_equal(got, expected)
    engine.run()


def test_an_upper_problem_that_steps_more_often():
    batches = []

    class Often(Upper):
        def training_step(self, batch):
            batches.append(batch[0].numpy()[0])
            return super().training_step(batch)

    engine = quadratic(6, unroll_steps=3)
    up, low = engine.upper, engine.lower
    often = Often(
        "upper", Config(steps_per_call=4), up.module, up.optimizer,
        train_data_loader=[(betty.from_numpy(TARGET + i),) for i in range(8)],
    )  # fmt: skip
    Engine(
        [often, low], EngineConfig(train_iters=6), {"u2l": {often: [low]}, "l2u": {low: [often]}}
    ).run()
    assert often.count == 8 and batches == [1.0 + i for i in range(8)]


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_steps_per_call_is_checked(value):
    with pytest.raises((ValueError, TypeError), match="steps_per_call"):
        program(steps_per_call=value)


# Several problems below one.


class Side(ImplicitProblem):
    """Goes towards the upper problem; the upper one reads both."""

    def training_step(self, batch):
        events.append((self.name, "step", self.count, number(self.module.value)[0]))
        return ((self.module.value - self.top.module.value - 3) ** 2).sum()


class Top(ImplicitProblem):
    def training_step(self, batch):
        lows = [getattr(self, name).module.value for name in ("left", "right")]
        events.append(("top", "step", self.count, *[number(low)[0] for low in lows]))
        return sum(((low - 2) ** 2).sum() for low in lows) + (self.module.value**2).sum()


events: list[tuple] = []


def two_sides(iterations, unroll):
    events.clear()

    def make(cls, name, **options):
        module = Vector(np.ones(1))
        sgd = betty.optim.SGD(module.parameters(), lr=0.1)
        return cls(name, Config(**options), module, sgd, train_data_loader=[0])

    top = make(Top, "top")
    left, right = (
        make(Side, name, unroll_steps=each)
        for name, each in zip(("left", "right"), unroll, strict=True)
    )
    edges = {"u2l": {top: [left, right]}, "l2u": {left: [top], right: [top]}}
    config = EngineConfig(train_iters=iterations, roll_back=True)
    engine = Engine([top, left, right], config, edges)
    engine.run()
    return engine


def test_all_lower_problems_go_back_once_the_upper_one_has_stepped():
    engine = two_sides(4, (2, 2))
    names = [event[0] for event in events]
    loop = ["left", "right", "left", "right", "top", "left", "right"]
    assert names == loop + loop
    # The upper problem sees the whole loop of both: 1 -> 1.6 -> 2.08.
    np.testing.assert_allclose(events[4][3:], [2.08, 2.08], rtol=1e-12)
    # Each goes back to where its loop began, and steps with what the upper one has become.
    upper = 1 - 0.1 * sum_of_gradients(2.08, 2.08)
    again = 1 - 0.1 * 2 * (1 - upper - 3)
    assert events[5][3] == events[6][3] == 1
    np.testing.assert_allclose([events[7][3], events[8][3]], [again, again], rtol=1e-12)
    assert engine.left.count == engine.right.count == 4


def sum_of_gradients(*lows):
    """Of the upper loss at 1: its own, and -v . d2L/dtheta dlambda = 2 v of each side."""
    return 2 + sum(2 * 2 * (low - 2) for low in lows)


def test_a_problem_whose_upper_one_waits_for_another_goes_back_later():
    """The left one's loop is over after 2 steps, the right one's after 3."""
    two_sides(6, (2, 3))
    names = [event[0] for event in events]
    loop = ["left", "right"] * 3 + ["top", "left", "right"]
    assert names == loop + loop
    start = [event[3] for event in events]
    assert start[7] == start[0] and start[8] == start[1]
    # The second loops begin where the repeated steps have led.
    assert start[16] == start[9] and start[17] == start[10]


def test_a_middle_problem_goes_back_when_its_own_upper_one_has_stepped():
    """mid waits below top for side; its lower problem goes back as soon as mid has stepped."""
    events.clear()

    class Loud(ImplicitProblem):
        def training_step(self, batch):
            events.append(self.name)
            value = self.module.value
            for name in self.cfg:
                value = value - getattr(self, name).module.value
            return (value**2).sum()

    def make(name, reads, **options):
        module = Vector(np.full(1, 0.5))
        sgd = betty.optim.SGD(module.parameters(), lr=0.1)
        return Loud(name, Config(**options), module, sgd, train_data_loader=[0], extra_config=reads)

    top = make("top", ["mid", "side"])
    mid = make("mid", ["top", "low"])
    low, side = make("low", ["mid"]), make("side", ["top"], unroll_steps=2)
    edges = {
        "u2l": {top: [mid, side], mid: [low]},
        "l2u": {low: [mid], mid: [top], side: [top]},
    }
    config = EngineConfig(train_iters=2, roll_back=True)
    Engine([top, mid, low, side], config, edges).run()
    first = ["low", "mid", "low", "side"]
    # mid has called top, which waits; its second loop goes on meanwhile.
    assert events[:4] == first
    assert events[4:] == ["low", "mid", "low", "side", "top", "side", "mid"]
