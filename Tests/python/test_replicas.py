"""Replicas: what training_step is given and called for, statistics, random numbers, bad input."""

import betty
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from replica_programs import Lower, Net, assert_same, batches, build, values

pytestmark = pytest.mark.usefixtures("four_threads")


def test_metrics_are_means_over_rows():
    class Step(ImplicitProblem):
        def training_step(self, batch):
            x, y = batch
            loss = ((self.module(x) - y) ** 2).mean()
            return {"loss": loss, "mean": x.mean(), "rows": x[:, 0], "plain": 2.0, "name": "a"}

    rs = np.random.RandomState(0)
    module = Net(rs, (5, 3), betty.float64)
    data = batches(rs, (7,), betty.float64)
    step = Step("step", Config(), module, optim.SGD(module.parameters(), lr=0.0),
                train_data_loader=data)  # fmt: skip
    Engine([step], EngineConfig(train_iters=1, strategy="data_parallel", replicas=3)).run()
    x, y = data[0]
    stats = step.stats()
    assert stats["loss"] == pytest.approx(((module(x) - y) ** 2).mean().item(), rel=1e-12)
    assert stats["mean"].item() == pytest.approx(x.mean().item(), rel=1e-12)
    assert np.array_equal(stats["rows"].numpy(), x[:, 0].numpy())
    assert stats["plain"] == pytest.approx(2.0) and stats["name"] == "a"


class Seen(ImplicitProblem):
    """Keeps what it is given."""

    def training_step(self, batch):
        self.seen = [*getattr(self, "seen", []), batch]
        return (self.module(batch["x"][0]) ** 2).mean()


def seen(loader, replicas=2, **kwargs):
    module = Net(np.random.RandomState(0), (5, 3), betty.float64)
    problem = Seen("seen", Config(), module, optim.SGD(module.parameters(), lr=0.1),
                   train_data_loader=loader, **kwargs)  # fmt: skip
    config = EngineConfig(train_iters=1, strategy="data_parallel", replicas=replicas)
    Engine([problem], config).run()
    return problem


def test_nested_batches_keep_their_structure():
    x = np.arange(20.0).reshape(4, 5)
    batch = {"x": [x, (np.arange(4),)], "scale": betty.tensor(3.0), "name": "n", "none": None}
    first, second = seen([batch]).seen
    assert np.array_equal(first["x"][0].numpy(), x[:2])
    assert np.array_equal(second["x"][0].numpy(), x[2:])
    assert isinstance(second["x"][1], tuple)
    assert second["x"][1][0].tolist() == [2, 3]
    assert first["scale"].item() == second["scale"].item() == 3.0
    assert first["name"] == "n" and first["none"] is None


def test_loaders_of_rows():
    x = betty.tensor(np.random.RandomState(0).randn(10, 5))
    y = betty.tensor(np.random.RandomState(1).randn(10, 3))

    def trained(replicas, replay):
        module = Net(np.random.RandomState(0), (5, 3), betty.float64)
        data = betty.utils.data.TensorDataset(x, y)
        loader = betty.utils.data.DataLoader(data, batch_size=4)
        problem = Lower("low", Config(replay=replay), module,
                        optim.SGD(module.parameters(), lr=0.1),
                        train_data_loader=loader)  # fmt: skip
        strategy = {"strategy": "data_parallel", "replicas": replicas} if replicas else {}
        engine = Engine([problem], EngineConfig(train_iters=7, **strategy))
        engine.run()
        return values(engine)

    for replay in (False, True):
        assert_same(trained(2, replay), trained(0, replay))
        assert_same(trained(3, replay), trained(0, replay))


def test_one_step_descent_on_a_batch_of_ones_own():
    engine = build(2)
    low = engine.problems[0]
    low.one_step_descent(batches(np.random.RandomState(3), (8,), betty.float64)[0])
    assert low.rows == [4, 4] and low.cur_batch is None  # none was drawn
    low.one_step_descent()
    assert low.rows == [4, 4, 6, 6]


# Statistics and random numbers.


def buffers(engine):
    return [b.numpy().copy() for b in engine.problems[0].module.buffers()]


def test_replica_0_makes_the_running_statistics():
    sizes = (12,)
    engine = build(2, levels=1, net={"norm": True}, sizes=sizes, steps=1)
    engine.run()
    data = batches_of(engine)[0]
    alone = build(0, levels=1, net={"norm": True}, sizes=sizes, steps=1)
    norm = alone.problems[0].module.layers[1]
    alone.problems[0].module(data[0][:6])
    for got, wanted in zip(buffers(engine), [b.numpy() for b in norm.buffers()], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert engine.problems[0].module.layers[1].num_batches_tracked.item() == 1
    engine.run()
    assert engine.problems[0].module.layers[1].num_batches_tracked.item() == 2


def batches_of(engine):
    return engine.problems[0].train_data_loader[0]


class Masks(ImplicitProblem):
    def training_step(self, batch):
        mask = nn.functional.dropout(betty.ones_like(batch), 0.5)
        self.masks = [*getattr(self, "masks", []), mask]
        return (self.module(batch) * mask.mean()).mean()


def masks(replicas, rows=12, steps=2, replay=False):
    betty.manual_seed(5)
    module = Net(np.random.RandomState(0), (5, 3), betty.float64)
    data = [betty.tensor(np.random.RandomState(1).randn(rows, 5))]
    problem = Masks("masks", Config(replay=replay), module, optim.SGD(module.parameters(), lr=0.1),
                    train_data_loader=data)  # fmt: skip
    strategy = {"strategy": "data_parallel", "replicas": replicas} if replicas else {}
    engine = Engine([problem], EngineConfig(train_iters=steps, **strategy))
    engine.run()
    state = betty.get_rng_state().tolist()
    return [mask.numpy() for mask in problem.masks], state, values(engine)


def test_draws_do_not_depend_on_the_number_of_replicas():
    alone, state, _ = masks(0, rows=3)
    two, _, _ = masks(2, rows=6)
    four, after, _ = masks(4, rows=12)
    assert after == state
    for step in range(2):
        assert np.array_equal(two[2 * step], alone[step])
        for replica in range(2):
            assert np.array_equal(two[2 * step + replica], four[4 * step + replica])
        drawn = four[4 * step : 4 * step + 4]
        assert all(not np.array_equal(a, b) for a in drawn for b in drawn if a is not b)


def test_replayed_draws_are_the_recorded_ones():
    _, state, recorded = masks(3, steps=4)
    _, after, replayed = masks(3, steps=4, replay=True)
    assert after == state
    assert_same(replayed, recorded)


# Bad input.


def test_unknown_strategies_are_named():
    for strategy in ("distributed", "zero", "fsdp", "accelerate", "dp"):
        with pytest.raises(ValueError, match=r"must be 'default', 'cpu' or .*, got '" + strategy):
            EngineConfig(strategy=strategy)
    with pytest.raises(ValueError, match="got 'gpu': there is no GPU"):
        EngineConfig(strategy="gpu")
    with pytest.raises(ValueError, match="2 replicas need strategy 'data_parallel', got 'cpu'"):
        EngineConfig(strategy="cpu", replicas=2)
    with pytest.raises(ValueError, match="replicas must be at least 0, got -1"):
        EngineConfig(strategy="data_parallel", replicas=-1)
    with pytest.raises(ValueError, match="2 replicas need strategy 'data_parallel'"):
        EngineConfig(replicas=2)


def test_more_replicas_than_threads_or_rows():
    with pytest.raises(ValueError, match="5 replicas need as many threads, there are 4"):
        build(5)
    engine = build(4, sizes=(3, 12))
    before = values(engine)
    with pytest.raises(ValueError, match=r"'low': 4 replicas need batches of at least 4 rows, got"):
        engine.run()
    assert np.array_equal(values(engine), before)


def test_tensors_that_cannot_be_split_alike():
    batch = {"x": [np.ones((4, 5))], "weights": np.ones(3)}
    with pytest.raises(ValueError, match="tensors of 4 and 3 rows can't be split alike over 2"):
        seen([batch])


@pytest.mark.parametrize("replay", [False, True])
def test_a_replica_that_raises(replay):
    class Failing(Lower):
        fails = False

        def training_step(self, batch):
            loss = super().training_step(batch)
            if self.fails and len(self.rows) % 2 == 0:
                raise KeyError("of my own")
            return loss

    rs = np.random.RandomState(0)
    module = Net(rs, (5, 6, 3), betty.float64, dropout=0.3, norm=True)
    # A step that is logged is recorded, also where others are replayed.
    problem = Failing("low", Config(replay=replay, log_step=1), module,
                      optim.Adam(module.parameters(), lr=0.1),
                      train_data_loader=batches(rs, (12,), betty.float64))  # fmt: skip
    engine = Engine([problem], EngineConfig(train_iters=1, strategy="data_parallel", replicas=2))
    engine.run()
    problem.fails = True
    state = values(engine), buffers(engine), betty.get_rng_state().tolist(), problem.count
    with pytest.raises(KeyError, match="of my own"):
        engine.run()
    assert np.array_equal(values(engine), state[0])
    assert all(np.array_equal(a, b) for a, b in zip(buffers(engine), state[1], strict=True))
    assert betty.get_rng_state().tolist() == state[2] and problem.count == state[3]
    problem.fails = False
    engine.run()
    assert problem.count == state[3] + 1


def test_early_stopping_and_validation_see_one_replica():
    class Watched(Engine):
        seen = 0

        def validation(self):
            self.seen += 1
            x, y = batches_of(self)[0]
            return {"loss": ((self.low(x) - y) ** 2).mean().item()}

    def stopped(strategy):
        base = build(0, levels=1)
        low = base.problems[0]
        problem = Lower("low", Config(), low.module, optim.SGD(low.module.parameters(), lr=2.0),
                        train_data_loader=low.train_data_loader)  # fmt: skip
        config = EngineConfig(train_iters=50, valid_step=1, early_stopping=True,
                              early_stopping_tolerance=2, **strategy)  # fmt: skip
        engine = Watched([problem], config)
        engine.run()
        return engine.seen, values(engine)

    alone, wanted = stopped({})
    count, got = stopped({"strategy": "data_parallel", "replicas": 2})
    assert count == alone < 50
    assert_same(got, wanted)


# Synchronised statistics.


def normed(replicas, convert=False, sizes=(12, 7), **engine):
    # A bias before a norm has no gradient but rounding, which Adam would make steps of.
    made = build(replicas, net={"norm": True}, sizes=sizes, engine=engine, optimizer=optim.SGD)
    low = made.problems[0]
    if convert:
        low.set_module(nn.SyncBatchNorm.convert_sync_batchnorm(low.module))
    made.run()
    return values(made), buffers(made)


@pytest.mark.parametrize("options", [{"convert": True}, {"sync_batchnorm": True}])
@pytest.mark.parametrize("replicas", [2, 3])
def test_synchronised_norms_are_those_of_the_whole_batch(replicas, options):
    wanted, statistics = normed(0)
    got, found = normed(replicas, **options)
    assert_same(got, wanted)
    for a, b in zip(found, statistics, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    apart, _ = normed(replicas)
    assert np.abs(apart - wanted).max() > 1e-6


@pytest.mark.parametrize("options", [{"convert": True}, {"sync_batchnorm": True}])
@pytest.mark.parametrize("sizes", [(3,), (12, 5), (4, 2)])
def test_a_synchronised_norm_takes_replicas_of_one_row(sizes, options):
    """2, 2 and 1 rows; one row each; two replicas of one row, the third has none."""
    wanted, statistics = normed(0, sizes=sizes)
    got, found = normed(3, sizes=sizes, **options)
    assert_same(got, wanted)
    for a, b in zip(found, statistics, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        normed(3, sizes=sizes)


def test_synchronised_norms_without_replicas_change_nothing():
    wanted, _ = normed(0)
    got, _ = normed(0, convert=True)
    assert np.array_equal(got, wanted)


def test_replicas_that_do_not_normalise_alike():
    class Odd(ImplicitProblem):
        calls = 0

        def training_step(self, batch):
            self.calls += 1
            x, y = batch
            x = self.module.layers[1](self.module.layers[0](x))
            if self.calls % 2 == 0:
                x = self.module.layers[1](x)
            return (x**2).mean() + (y**2).mean()

    rs = np.random.RandomState(0)
    module = Net(rs, (5, 6, 3), betty.float64, norm=True)
    odd = Odd("odd", Config(), module, optim.SGD(module.parameters(), lr=0.1),
              train_data_loader=batches(rs, (12,), betty.float64))  # fmt: skip
    config = EngineConfig(train_iters=1, strategy="data_parallel", replicas=2, sync_batchnorm=True)
    with pytest.raises(RuntimeError, match="2 replicas must normalise alike, together they have 3"):
        Engine([odd], config).run()


def test_what_describe_says():
    engine = build(2)
    assert "strategy data_parallel: 2 replicas, 4 threads" in engine.describe().splitlines()
    engine.run()
    assert "threads  low: " in engine.describe()
    assert "strategy default: 1 replica, 4 threads" in build(0).describe().splitlines()
