"""Replayed steps that move buffers (running statistics) do what recorded ones do."""

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem
from betty.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, momentum):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4, momentum=momentum)
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        return self.last(betty.tanh(self.norm(self.first(x))))


class Weights(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(betty.zeros(4))

    def forward(self):
        return self.scale.sigmoid()


class Lower(ImplicitProblem):
    calls = 0

    def training_step(self, batch):
        self.calls += 1
        x, y = batch
        return (self.upper() * (self.module(x) - y).square().mean(1)).mean()


class Upper(ImplicitProblem):
    calls = 0

    def training_step(self, batch):
        self.calls += 1
        x, y = batch
        return (self.lower(x) - y).square().mean()


def batches(seed, bad=None):
    random = np.random.RandomState(seed)
    made = [
        (random.randn(4, 3).astype("float32"), random.randn(4, 1).astype("float32"))
        for _ in range(3)
    ]
    if bad is not None:
        made[bad][0][0, 0] = np.nan
    return made


def program(replay, lower=Lower, momentum=0.1, bad=None, loader=lambda x: x, **options):
    betty.manual_seed(3)
    net, weights = Net(momentum), Weights()
    up = Upper(
        "upper", Config(replay=replay), weights,
        betty.optim.SGD(weights.parameters(), lr=0.5), None, loader(batches(1)),
    )  # fmt: skip
    nan = {} if bad is None else {"on_nan": "skip"}
    low = lower(
        "lower", Config(replay=replay, unroll_steps=2, **nan), net,
        betty.optim.Adam(net.parameters(), lr=0.05), None, loader(batches(2, bad)),
    )  # fmt: skip
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=12, **options), edges)


def state(engine):
    tensors = {**engine.lower.module.state_dict(), **engine.upper.module.state_dict()}
    return {key: value.numpy().copy() for key, value in tensors.items()}


def same(a, b):
    for key, value in a.items():
        np.testing.assert_allclose(value, b[key], rtol=2e-6, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("roll_back", [False, True])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_updates_of_the_step(momentum, roll_back):
    states = []
    for replay in (False, True):
        engine = program(replay, momentum=momentum, roll_back=roll_back)
        engine.run()
        engine.run()
        states.append(state(engine))
    same(*states)
    # Replayed: recorded once and again for the second kind of structure (first Adam step).
    assert engine.lower.calls <= 3 and engine.upper.calls <= 3
    # Lower passes, those of the upper loss, which sees the module too; roll-back undoes the inner
    # loop's two and takes one again.
    passes = 12 * 2 if roll_back else 24 + 12
    if not roll_back:
        assert states[1]["norm.num_batches_tracked"] == passes
    assert (states[1]["norm.running_var"] != 1).all()


def test_rows_dealt_by_the_engine():
    def loader(parts):
        x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
        return DataLoader(TensorDataset(betty.from_numpy(x), betty.from_numpy(y)), 4)

    plain, replayed = (program(replay, loader=loader) for replay in (False, True))
    plain.run()
    replayed.run()
    same(state(plain), state(replayed))


def test_a_step_that_is_left_out_leaves_the_statistics():
    states = []
    for replay in (False, True):
        engine = program(replay, bad=1)
        engine.run()
        states.append(state(engine))
        assert engine.lower.skipped_steps == 4
        assert np.isfinite(states[-1]["norm.running_mean"]).all()
    same(*states)


def test_statistics_that_a_step_only_reads():
    """They are constants of what is replayed, until somebody changes them."""

    class Frozen(Lower):
        def training_step(self, batch):
            self.module.norm.eval()
            return super().training_step(batch)

    states = []
    for replay in (False, True):
        engine = program(replay, lower=Frozen)
        engine.run()
        engine.lower.module.norm.running_mean.fill_(0.25)
        engine.run()
        states.append(state(engine))
        assert states[-1]["norm.running_mean"][0] == 0.25
        assert states[-1]["norm.num_batches_tracked"] == 0
    same(*states)
    assert engine.lower.calls <= 5


def test_evaluation_mode_is_a_structure_of_its_own():
    states = []
    for replay in (False, True):
        engine = program(replay)
        engine.run()
        engine.eval()
        before = state(engine)["norm.running_mean"]
        engine.train_step()
        after = state(engine)["norm.running_mean"]
        np.testing.assert_array_equal(before, after)
        engine.train()
        engine.run()
        states.append(state(engine))
    same(*states)


class Averaging(nn.Module):
    """Its output depends on a buffer that it changes."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(betty.ones(3))
        self.register_buffer("mean", betty.zeros(3))

    def forward(self, x):
        with betty.no_grad():
            self.mean.mul_(0.5).add_(0.5 * x.mean(0))
        return ((x - self.mean) * self.value).square().sum(1, keepdim=True)


@pytest.mark.parametrize("is_read", [False, True])
def test_what_can_not_be_replayed_is_recorded(is_read):
    class Own(ImplicitProblem):
        calls = 0

        def training_step(self, batch):
            self.calls += 1
            loss = (self.module(batch[0]) - batch[1]).square().mean()
            if is_read:
                self.seen = self.module.mean.sum().item()
            return loss

    states = []
    for replay in (False, True):
        module = Averaging()
        own = Own(
            "own", Config(replay=replay), module,
            betty.optim.SGD(module.parameters(), lr=0.01), None, batches(2),
        )  # fmt: skip
        Engine([own], EngineConfig(train_iters=9), {}).run()
        states.append({key: value.numpy().copy() for key, value in module.state_dict().items()})
        assert own.calls == 9
    same(*states)


class Counts(nn.Module):
    """Buffers that the loss does not read."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("count", betty.tensor(0))
        self.register_buffer("mean", betty.tensor(0.0))

    def forward(self, x):
        self.count.add_(1)
        self.mean.mul_(0.5).add_(x.mean())
        return self.norm(self.first(x))


def counted(kind, below, above, sizes):
    betty.manual_seed(0)
    net, weights = Counts(), nn.Linear(1, 1)
    x = betty.randn(8, 3) + 1

    class Low(IterativeProblem if kind == "iterative" else ImplicitProblem):
        def training_step(self, batch):
            return ((self.module(batch) - self.up.module.weight) ** 2).mean()

    class Up(ImplicitProblem):
        def training_step(self, batch):
            return (self.low.module(batch) ** 2).mean()

    def make(cls, name, module, batches, config):
        sgd = betty.optim.SGD(module.parameters(), lr=0.1)
        return cls(name, config, module, sgd, train_data_loader=batches)

    config = Config(type=kind, replay=below, unroll_steps=2)
    low = make(Low, "low", net, [x[:size] for size in sizes], config)
    up = make(Up, "up", weights, [2 * x], Config(replay=above))
    Engine([up, low], EngineConfig(train_iters=8), {"u2l": {up: [low]}, "l2u": {low: [up]}}).run()
    return {name: value.numpy().copy() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("sizes", [(8,), (8, 8, 5)])
@pytest.mark.parametrize(("below", "above"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("kind", ["darts", "iterative"])
def test_replay_on_some_levels_moves_buffers_that_no_loss_reads(kind, below, above, sizes):
    wanted = counted(kind, False, False, sizes)
    assert wanted["count"] == 12
    found = counted(kind, below, above, sizes)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_parts_of_a_batch_that_are_one_tensor_are_another_kind_of_batch(order):
    """A recording has one leaf for them, which can't stand for two."""

    class Difference(ImplicitProblem):
        def training_step(self, batch):
            return (self.module.scale * (batch[0] - 2 * batch[1])).sum()

    a, b, c = (betty.full((4,), value) for value in (1.0, 5.0, 7.0))
    batches = [[(a, a), (a, b), (c, c)][place] for place in order]

    def run(replay):
        module = Weights()
        rule = betty.optim.SGD(module.parameters(), lr=0.1)
        problem = Difference("only", Config(replay=replay), module, rule, None, batches)
        Engine([problem], EngineConfig(train_iters=7)).run()
        return module.scale.tolist()

    assert run(True) == run(False)
