"""Iterative problems in programs: where loops begin, tasks, three levels, memory, mistakes."""

import gc

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem

F64 = betty.float64


class Vector(nn.Module):
    def __init__(self, values, dtype=F64):
        super().__init__()
        self.v = nn.Parameter(betty.tensor(values, dtype=dtype))


def level(kind, name, values, lr, config=None, **options):
    module = values if isinstance(values, nn.Module) else Vector(values)
    optimizer = options.pop("optimizer", optim.SGD)(module.parameters(), lr=lr)
    loader = options.pop("loader", [0])
    return kind(name, config or Config(**options), module, optimizer, train_data_loader=loader)


def run(problems, u2l, l2u, iters):
    engine = Engine(problems, EngineConfig(train_iters=iters), {"u2l": u2l, "l2u": l2u})
    engine.run()
    return engine


A = np.array([0.5, 1.0, 2.0])
T, RATE = 6, 0.3
KEPT = (1 - RATE * A) ** T


class Pull(IterativeProblem):
    """½ Σ a (θ − λ)², so that θ_T = λ + (1 − rate a)^T (θ_0 − λ)."""

    def training_step(self, batch):
        a = betty.from_numpy(A)
        return (a * (self.module.v - self.upper.module.v).square()).sum() / 2


class Half(ImplicitProblem):
    def training_step(self, batch):
        return self.lower.module.v.square().sum() / 2


@pytest.mark.parametrize("kind", ["iterative", "forward"])
@pytest.mark.parametrize("first_order", [True, False])
def test_closed_form_of_a_quadratic(kind, first_order):
    upper = level(Half, "upper", [1.0, -2.0, 0.5], 0.1, first_order=first_order)
    lower = level(Pull, "lower", [0.1, 0.2, 0.3], RATE, unroll_steps=T, type=kind)
    start, theta = np.array([1.0, -2.0, 0.5]), np.array([0.1, 0.2, 0.3])
    run([upper, lower], {upper: [lower]}, {lower: [upper]}, 2 * T)
    for _ in range(2):
        theta = start + KEPT * (theta - start)
        start = start - 0.1 * (1 - KEPT) * theta
    np.testing.assert_allclose(lower.module.v.tolist(), theta, rtol=1e-12)
    np.testing.assert_allclose(upper.module.v.tolist(), start, rtol=1e-12)


class Sines(IterativeProblem):
    """One task: fit y from x with a small net, from the upper problem's weights on."""

    def training_step(self, batch):
        x, y = batch
        hidden = nn.functional.dropout(self.module[0](x).tanh(), 0.3)
        return (self.module[1](hidden) - y).square().mean()


class Meta(ImplicitProblem):
    def training_step(self, batch):
        x, y = batch
        net = self.task.module
        return (net[1](net[0](x).tanh()) - y).square().mean()


def net(seed):
    betty.manual_seed(seed)
    return nn.Sequential(nn.Linear(1, 5), nn.Linear(5, 1)).double()


def data(seed, count):
    rng = np.random.RandomState(seed)
    return [(rng.randn(6, 1), rng.randn(6, 1)) for _ in range(count)]


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("tasks", [1, 3])
def test_loops_that_begin_at_the_upper_parameters(tasks, checkpoint):
    """MAML with dropout and Adam inside, tasks one after another, against create_graph."""
    steps, rate = 4, 0.05
    support, query = data(1, tasks * steps), data(2, tasks)
    meta = level(Meta, "meta", net(0), 1.0, gradient_accumulation=tasks, loader=query)
    task = level(
        Sines, "task", net(1), rate, unroll_steps=steps, loader=support, optimizer=optim.Adam,
        iterative_checkpoint=checkpoint,
    )  # fmt: skip
    task.initialize_from(meta)
    before = [p.detach().clone() for p in meta.module.parameters()]
    betty.manual_seed(7)
    run([meta, task], {meta: [task]}, {task: [meta]}, tasks * steps)
    moved = [
        (b - p).detach().numpy() for b, p in zip(before, meta.module.parameters(), strict=True)
    ]
    betty.manual_seed(7)
    expected = by_hand(before, support, query, tasks, steps, rate)
    for a, b in zip(moved, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def by_hand(weights, support, query, tasks, steps, rate):
    start = [w.clone() for w in weights]
    for w in start:
        w.requires_grad = True
    batches, total = iter(support), 0

    def forward(p, x, drop):
        hidden = nn.functional.linear(x, p[0], p[1]).tanh()
        hidden = nn.functional.dropout(hidden, 0.3) if drop else hidden
        return nn.functional.linear(hidden, p[2], p[3])

    for number in range(tasks):
        fast, m, v = start, [0.0] * 4, [0.0] * 4
        for t in range(1, steps + 1):
            x, y = map(betty.from_numpy, next(batches))
            loss = (forward(fast, x, True) - y).square().mean()
            grads = betty.autograd.grad(loss, fast, create_graph=True)
            m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
            root = [(a / (1 - 0.999**t)).sqrt() + 1e-8 for a in v]
            fast = [p - rate * a / (1 - 0.9**t) / r for p, a, r in zip(fast, m, root, strict=True)]
        x, y = map(betty.from_numpy, query[number])
        total = total + (forward(fast, x, False) - y).square().mean() / tasks
    return [g.numpy() for g in betty.autograd.grad(total, start)]


class Middle(ImplicitProblem):
    def training_step(self, batch):
        return ((self.module.v - self.low.module.v) ** 2).sum() / 2


class Low(IterativeProblem):
    def training_step(self, batch):
        return ((self.module.v - 2 * self.top.module.v) ** 2).sum() / 2


class Top(ImplicitProblem):
    def training_step(self, batch):
        return self.middle.module.v.square().sum() / 2


@pytest.mark.parametrize("kind", ["iterative", "forward"])
def test_an_unrolled_problem_below_an_implicit_one(kind):
    """Along top < middle < low < top: 1 through the middle, then 2 (1 - 0.5^2) through the loop."""
    top = level(Top, "top", [1.0, -3.0], 1.0)
    middle = level(Middle, "middle", [0.5, 0.25], 0.1, type="exact")
    low = level(Low, "low", [0.3, 0.7], 0.5, unroll_steps=2, type=kind)
    edges = ({top: [low]}, {low: [middle], middle: [top]})
    run([top, middle, low], *edges, 2)
    expected = np.array([1.0, -3.0]) - 1.5 * np.array(middle.module.v.tolist())
    np.testing.assert_allclose(top.module.v.tolist(), expected, rtol=1e-12)


class Wide(IterativeProblem):
    def training_step(self, batch):
        error = self.module.v - self.upper.module.v
        for _ in range(6):
            error = (error + 0.1).tanh() * 1.1
        return error.square().sum()


COUNT = 65536


class Weighing(Half):
    """Notes the memory in use at the end of each inner loop."""

    def training_step(self, batch):
        self.cfg.append(betty.memory_stats()["current"])
        return super().training_step(batch)


def in_use(checkpoint, steps):
    gc.collect()  # programs before this one
    seen = []
    base = betty.memory_stats()["current"]
    upper = level(Weighing, "upper", Vector(np.ones(COUNT), betty.float32), 0.0)
    upper.cfg = seen
    lower = level(
        Wide, "lower", Vector(np.zeros(COUNT), betty.float32), 0.01, unroll_steps=steps,
        optimizer=optim.Adam, iterative_checkpoint=checkpoint,
    )  # fmt: skip
    run([upper, lower], {upper: [lower]}, {lower: [upper]}, 3 * steps)
    assert seen[1] == seen[2]
    return seen[2] - base


def test_memory_grows_by_parameters_and_state_a_step():
    once = 3 * COUNT * 4  # the parameter and Adam's two moments
    in_use(False, 2)  # programs share room, which the first one takes
    few, many = in_use(False, 10), in_use(False, 30)
    assert 0.99 * once <= (many - few) / 20 <= 1.01 * once
    # Every ninth of 81 steps and every third of nine is kept.
    few, many = in_use(True, 9), in_use(True, 81)
    assert 5.9 * once <= many - few <= 6.1 * once


def test_mistakes_are_named():
    def made(lower_kind=Pull, hooks=(), **options):
        upper = level(Half, "upper", [1.0, 1.0, 1.0], 0.1)
        lower = level(lower_kind, "lower", options.pop("values", [0.0] * 3), 0.1, **options)
        for hook in hooks:
            setattr(lower, hook, lambda: None)
        return upper, lower

    for hook in ("grad_callback", "custom_optimizer_step"):
        upper, lower = made(hooks=[hook])
        with pytest.raises(ValueError, match=r"'lower'.*grad_callback"):
            run([upper, lower], {upper: [lower]}, {lower: [upper]}, 1)
    upper, lower = made(values=[0.0] * 4)
    lower.initialize_from(upper)
    with pytest.raises(ValueError, match=r"parameter 0 of problem 'lower'"):
        run([upper, lower], {upper: [lower]}, {lower: [upper]}, 1)
    with pytest.raises(TypeError, match="int"):
        lower.initialize_from(3)
    with pytest.raises(ValueError, match=r"iterative_truncation.*-1"):
        upper, lower = made(iterative_truncation=-1)
        run([upper, lower], {upper: [lower]}, {lower: [upper]}, 1)
    upper = level(Half, "upper", np.ones(100), 0.1)
    lower = level(Wide, "lower", np.ones(100), 0.1, type="forward")
    with pytest.raises(ValueError, match=r"forward.*64.*100.*iterative"):
        run([upper, lower], {upper: [lower]}, {lower: [upper]}, 1)


class Start(ImplicitProblem):
    def training_step(self, batch):
        return self.task.module.v.square().sum() / 2


def task_program(kind, task, iters, **options):
    start = level(Start, "start", [1.0, -2.0, 0.5], 0.1)
    inner = level(task, "task", [0.1, 0.2, 0.3], RATE, type=kind, **options)
    inner.initialize_from(start)
    return Engine(
        [start, inner], EngineConfig(train_iters=iters),
        {"u2l": {start: [inner]}, "l2u": {inner: [start]}},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["iterative", "forward"])
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_step_that_failed_keeps_where_its_loop_began(kind, at):
    """Of the first step of a loop, too; on_inner_loop_start has been called already."""

    class Task(IterativeProblem):
        failing = 0
        begun = 0

        def on_inner_loop_start(self):
            self.begun += 1

        def training_step(self, batch):
            if self.count == self.failing:
                self.failing = 0
                raise ZeroDivisionError
            return (betty.from_numpy(A) * self.module.v.square()).sum() / 2

    whole = task_program(kind, Task, 6, unroll_steps=3)
    whole.run()
    engine = task_program(kind, Task, 6, unroll_steps=3)
    engine.task.failing = at
    with pytest.raises(ZeroDivisionError):
        engine.run()
    engine.train_iters = 6 - engine.global_step
    engine.run()
    assert engine.start.module.v.tolist() == whole.start.module.v.tolist() != [1.0, -2.0, 0.5]
    assert engine.task.begun == whole.task.begun == 2


@pytest.mark.parametrize("kind", ["iterative", "forward"])
def test_a_loop_that_begins_with_the_warm_up_leads_back_to_its_start(kind):
    class Task(IterativeProblem):
        def training_step(self, batch):
            return (betty.from_numpy(A) * self.module.v.square()).sum() / 2

    engine = task_program(kind, Task, 4, unroll_steps=2, warmup_steps=3)
    engine.run()
    assert engine.start.count == 1
    start = np.array([1.0, -2.0, 0.5])
    kept = (1 - RATE * A) ** 4
    wanted = start - 0.1 * kept * kept * start
    np.testing.assert_allclose(engine.start.module.v.detach().numpy(), wanted, rtol=1e-12)
