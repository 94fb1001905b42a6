"""What loops by hand carry from step to step: nothing is computed, compiled or kept twice."""

import betty
import numpy as np
import pytest
from betty import _native, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.nn import functional as F
from betty.problems import ImplicitProblem

COUNTS = ("compilations", "kernels_launched", "bytes_allocated")


def counted(step, count=8):
    """What each of some steps took."""
    rows = []
    for turn in range(count):
        before = _native.counters()
        step(turn)
        after = _native.counters()
        rows.append([after[name] - before[name] for name in COUNTS])
    return rows


def assert_steady(rows):
    assert [row[0] for row in rows[3:]] == [0] * len(rows[3:])
    assert all(row == rows[-1] for row in rows[3:])


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_truncated_backpropagation_through_time(kind):
    """A hidden state that goes on behind detach(), as language models are trained."""
    betty.manual_seed(0)
    net, head = kind(6, 8, batch_first=True), nn.Linear(8, 3)
    parameters = [*net.parameters(), *head.parameters()]
    rule = optim.SGD(parameters, lr=0.1)
    x, y = betty.randn(2, 5, 6), betty.randint(0, 3, (10,))
    state = None

    def step(_):
        nonlocal state
        out, state = net(x, state)
        state = detached(state)
        loss = F.cross_entropy(head(out).flatten(0, 1), y)
        rule.zero_grad()
        loss.backward()
        rule.step()

    assert_steady(counted(step))


def test_the_state_is_that_of_before_the_step():
    betty.manual_seed(0)
    w = nn.Parameter(betty.tensor([2.0]))
    rule = optim.SGD([w], lr=0.5)
    h, expected, value = betty.ones(1), 1.0, 2.0
    for _ in range(5):
        out = betty.tanh(w * h)
        h = out.reshape(1, 1).detach().reshape(1)
        rule.zero_grad()
        out.sum().backward()
        rule.step()
        before = expected
        expected = np.tanh(value * before)
        value -= 0.5 * (1 - expected**2) * before
    np.testing.assert_allclose([h.item(), w.item()], [expected, value], rtol=1e-5)


@pytest.mark.parametrize("kind", ["baseline", "queue", "queue_in_place", "difference"])
def test_what_follows_from_a_step_and_is_used_in_the_next(kind):
    betty.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
    rule = optim.SGD(net.parameters(), lr=0.01)
    x, queue, base = betty.randn(3, 4), betty.randn(12, 4), betty.zeros(())
    last = betty.zeros(3, 4)

    def step(turn):
        nonlocal queue, base, last
        y = net(x)
        if kind == "baseline":
            loss = (y**2).mean() * (1 + base)
            base = 0.9 * base + 0.1 * loss.detach()
        elif kind == "difference":
            loss = ((y - last) ** 2).mean()
            last = betty.cat([y[1:], y[:1]]).detach()
        else:
            loss = (y @ queue.T).logsumexp(1).mean()
            if kind == "queue":
                queue = betty.cat([queue[3:], y.detach()])
            else:
                queue[turn * 3 % 12 : turn * 3 % 12 + 3] = y.detach()
        rule.zero_grad()
        loss.backward()
        rule.step()
        loss.item()

    rows = counted(step, 24)
    assert [row[0] for row in rows[12:]] == [0] * 12
    assert max(row[1] for row in rows[12:]) <= max(row[1] for row in rows[4:12])


def test_a_second_pass_through_a_carried_state_is_refused():
    w = nn.Parameter(betty.tensor([2.0]))
    rule = optim.SGD([w], lr=0.5)
    hidden = betty.tanh(w * 3).reshape(1, 1)
    state = hidden.detach()
    hidden.sum().backward()
    rule.step()
    np.testing.assert_allclose(state.item(), np.tanh(6.0), rtol=1e-6)
    with pytest.raises(RuntimeError, match="a second time"):
        hidden.sum().backward()


LENGTHS = range(1, 81)


def test_a_round_of_many_lengths_is_compiled_once_by_hand():
    w = nn.Parameter(betty.ones(()))
    rule = optim.SGD([w], lr=0.01)

    def round_of(_):
        for length in LENGTHS:
            rule.zero_grad()
            (w * betty.ones(length)).sum().backward()
            rule.step()

    rows = counted(round_of, 3)
    assert rows[0][0] >= len(LENGTHS) and [row[0] for row in rows[1:]] == [0, 0]


def test_a_round_of_many_lengths_is_compiled_once_in_an_engine():
    class Problem(ImplicitProblem):
        def training_step(self, batch):
            return ((self.module(batch)) ** 2).mean()

    module = nn.Linear(2, 1)
    batches = [betty.randn(length, 2) for length in LENGTHS]
    problem = Problem(
        "p", Config(), module, optim.SGD(module.parameters(), lr=0.01), train_data_loader=batches
    )
    engine = Engine([problem], EngineConfig(train_iters=len(batches)), {"u2l": {}, "l2u": {}})
    rows = counted(lambda _: engine.run(), 3)
    # The second round reads batches that the first one has drawn.
    assert rows[0][0] >= len(LENGTHS) and rows[1][0] <= 1 and rows[2][0] == 0
