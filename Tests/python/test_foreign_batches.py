"""Batches and loaders of other libraries: what speaks DLPack, loaders by their protocol."""

import betty
import numpy as np
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


class Foreign:
    """A tensor of another library: nothing but DLPack, strides and all."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Sampler:
    def __init__(self):
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)


class Loader:
    """A loader as other libraries have them: iterated anew for every pass, told the pass."""

    def __init__(self, batches):
        self.batches, self.sampler = batches, Sampler()

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


class Only(ImplicitProblem):
    def training_step(self, batch):
        self.seen = batch
        x, y = (batch["x"], batch["y"]) if isinstance(batch, dict) else batch
        return nn.functional.cross_entropy(self.module(x), y)


def tensors(batch):
    """Plain arrays, which stay arrays in a batch, as our own tensors."""
    return tuple(betty.from_numpy(p.copy()) if isinstance(p, np.ndarray) else p for p in batch)


def run(loader, replay=False, steps=6):
    if isinstance(loader, list):
        loader = [tensors(batch) for batch in loader]
    betty.manual_seed(0)
    net = nn.Linear(3, 2)
    optimizer = betty.optim.SGD(net.parameters(), lr=0.1)
    only = Only("only", Config(replay=replay), net, optimizer, train_data_loader=loader)
    Engine([only], EngineConfig(train_iters=steps), {}).run()
    return only, net.weight.detach().numpy().copy()


def values():
    random = np.random.RandomState(0)
    return random.randn(8, 3).astype("float32"), random.randint(0, 2, 8)


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("kind", [tuple, list, dict])
def test_dlpack_is_enough(kind, replay):
    x, y = values()
    parts = [(x[:4], y[:4]), (x[4:], y[4:])]
    _, plain = run(parts, replay)
    foreign = [(Foreign(a), Foreign(b)) for a, b in parts]
    if kind is dict:
        foreign = [{"x": a, "y": b} for a, b in foreign]
    only, found = run(Loader([kind(each) for each in foreign]), replay)
    np.testing.assert_array_equal(found, plain)
    assert type(only.seen) is (dict if kind is dict else tuple)
    assert only.epoch_counter == [2] and only.train_data_loader[0].sampler.epochs == [1, 2]


@pytest.mark.parametrize("change", [
    lambda x: x.T.copy().T,  # columns first
    lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    lambda x: np.concatenate([x, x])[::-1][8:][::-1],
])  # fmt: skip
def test_strides_are_read(change):
    x, y = values()
    _, plain = run([(x, y)])
    made = change(x)
    np.testing.assert_array_equal(made, x)
    _, found = run([(Foreign(made), Foreign(y))])
    np.testing.assert_array_equal(found, plain)


def test_another_librarys_memory_is_not_written():
    """A batch may lie in memory that its loader uses again, or that its owner reads on."""
    x, y = values()
    kept = x.copy()
    run([(Foreign(x), Foreign(y))], replay=True)
    np.testing.assert_array_equal(x, kept)


def test_a_loader_that_reuses_its_memory():
    """Each batch is what it was when it was drawn, also for the gradient through the last one."""
    x, y = values()

    class Reusing(Loader):
        def __iter__(self):
            room = np.empty((4, 3), "float32")
            for a, b in self.batches:
                room[:] = a
                yield Foreign(room), Foreign(b)

    parts = [(x[:4], y[:4]), (x[4:], y[4:])]
    _, plain = run(parts)
    _, found = run(Reusing(parts))
    np.testing.assert_array_equal(found, plain)


def test_words_go_through_as_they_are():
    x, y = values()
    only, _ = run(Loader([(Foreign(x), Foreign(y))]), steps=1)
    assert [type(part).__name__ for part in only.seen] == ["Tensor", "Tensor"]

    class Named(Only):
        def training_step(self, batch):
            assert batch["name"] == ["a", "b"]
            return super().training_step(batch)

    net = nn.Linear(3, 2)
    batch = {"x": Foreign(x), "y": Foreign(y), "name": ["a", "b"]}
    optimizer = betty.optim.SGD(net.parameters(), lr=0.1)
    named = Named("named", Config(), net, optimizer, train_data_loader=Loader([batch]))
    Engine([named], EngineConfig(train_iters=2), {}).run()
