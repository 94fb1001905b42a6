"""A step that meets a bad index leaves everything as it was, whatever the step is made of."""

import betty
import betty.nn.functional as F
import numpy as np
import pytest
from betty import nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem, IterativeProblem


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        return self.last(self.drop(self.norm(self.table(x).mean(1))))


def data(random, bad=None):
    x, y = random.randint(0, 10, (9, 5)), random.randint(0, 4, 9)
    if bad == "label":
        y[8] = 7
    if bad == "index":
        x[8, 2] = 99
    return betty.from_numpy(x), betty.from_numpy(y)


def program(kind, bad, replay, replicas):
    betty.manual_seed(0)
    random = np.random.RandomState(0)
    net, weights = Net(), nn.Linear(4, 1)
    base = IterativeProblem if kind == "iterative" else ImplicitProblem

    class Low(base):
        def training_step(self, batch):
            x, y = batch
            out = self.module(x)
            losses = F.cross_entropy(out, y, reduction="none")
            return (self.up.module(out.detach()).sigmoid()[:, 0] * losses).mean()

    class Up(ImplicitProblem):
        def training_step(self, batch):
            return F.cross_entropy(self.low.module(batch[0]), batch[1])

    def make(cls, name, module, batches, config):
        rule = optim.SGD if kind == "iterative" else optim.Adam
        optimizer = rule(module.parameters(), lr=0.1)
        return cls(name, config, module, optimizer, train_data_loader=batches)

    batches = [data(random), data(random), data(random, bad)]
    low = make(Low, "low", net, batches, Config(type=kind, replay=replay, unroll_steps=2))
    up = make(Up, "up", weights, [data(random)], Config(replay=replay))
    parallel = {"strategy": "data_parallel", "replicas": replicas} if replicas else {}
    edges = {"u2l": {up: [low]}, "l2u": {low: [up]}}
    return Engine([up, low], EngineConfig(train_iters=2, **parallel), edges), low, up


def state(low, up):
    found = {"counts": [low.count, up.count, *betty.get_rng_state().tolist()]}
    for problem in (low, up):
        for name, value in problem.module.state_dict().items():
            found[f"{problem.name} {name}"] = value.tolist()
        for number, kept in problem.optimizer.state_dict()["state"].items():
            for name, value in kept.items():
                plain = value.tolist() if isinstance(value, betty.Tensor) else value
                found[f"{problem.name} {number} {name}"] = plain
    return found


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("replicas", [0, 3])
@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("kind", ["darts", "iterative"])
@pytest.mark.parametrize("bad", ["label", "index"])
def test_a_bad_index_leaves_the_state_as_it_was(bad, kind, replay, replicas):
    engine, low, up = program(kind, bad, replay, replicas)
    engine.run()
    before = state(low, up)
    with pytest.raises(IndexError, match="out of range"):
        engine.run()
    assert state(low, up) == before
    engine.run()
    assert low.count == 4 and np.isfinite(low.module.last.weight.detach().numpy()).all()


def test_what_a_failing_backward_was_to_compute_along_can_still_be_read():
    """As in PyTorch the forward pass has moved the statistics; the loss alone is bad."""
    betty.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    step = optim.SGD(net.parameters(), lr=0.1)
    x = betty.randn(6, 3)
    wanted = 0.1 * net[0](x).mean(0).detach().numpy()
    before = net[0].weight.tolist()
    loss = F.cross_entropy(net(x), betty.tensor([0, 1, 2, 3, 0, 9]))
    with pytest.raises(IndexError, match="out of range"):
        loss.backward()
        step.step()
    np.testing.assert_allclose(net[1].running_mean.numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert net[1].num_batches_tracked.item() == 1
    assert net[0].weight.tolist() == before
    with pytest.raises(IndexError, match="out of range"):
        loss.item()
    step.zero_grad()
    F.cross_entropy(net(x), betty.tensor([0, 1, 2, 3, 0, 1])).backward()
    step.step()
    assert net[0].weight.tolist() != before


def test_a_callback_that_raises_after_an_update_leaves_nothing_of_it():
    """The update was taken: what its micro-steps have added is no part of the next one."""
    ends = []
    for fails in (False, True):

        class Raising(ImplicitProblem):
            def training_step(self, batch):
                return ((self.module.weight - self.count) ** 2).sum()

            def param_callback(self, fails=fails):
                if fails and self.count == 3:
                    raise KeyError("mine")

        betty.manual_seed(0)
        module = nn.Linear(2, 1, bias=False)
        problem = Raising(
            "p", Config(gradient_accumulation=3), module,
            betty.optim.SGD(module.parameters(), lr=0.1), train_data_loader=[0],
        )  # fmt: skip
        engine = Engine([problem], EngineConfig(train_iters=3))
        if fails:
            with pytest.raises(KeyError):
                engine.run()
        else:
            engine.run()
        assert problem.module.weight.grad is None
        engine.run()
        ends.append(problem.module.weight.tolist())
    assert ends[0] == ends[1]
