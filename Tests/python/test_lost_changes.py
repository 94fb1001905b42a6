"""A change in place that cannot be made when it is computed at last gives the old value back."""

import betty
import betty.nn.functional as F
import pytest
from betty import nn, optim

TABLE = betty.tensor([1.0, 2.0, 4.0])


def lookup():
    return TABLE[betty.tensor([0, 7, 1])] * 1


SOURCES = {
    "subscript": lookup,
    "gather": lambda: betty.gather(TABLE, 0, betty.tensor([0, 9, 1])).neg(),
    "embedding": lambda: F.embedding(betty.tensor([0, 1, 8]), TABLE.view(3, 1)).view(3).exp(),
    "division": lambda: (betty.tensor([1, 2, 3]) // betty.tensor([1, 0, 1])).float(),
    "label": lambda: F.cross_entropy(betty.ones(3, 2), betty.tensor([0, 1, 5])).expand(3) * 1,
    "matrix": lambda: betty.linalg.inv(betty.zeros(3, 3)).sum(0),
}
ERRORS = (IndexError, RuntimeError, ZeroDivisionError)


@pytest.mark.parametrize("make", [nn.Parameter, lambda x: x, lambda x: x * 1])
@pytest.mark.parametrize("source", SOURCES)
@betty.no_grad()
def test_a_sum_with_what_cannot_be_computed(source, make):
    p = make(betty.tensor([1.0, 2.0, 3.0]))
    p.mul_(2)
    p.add_(SOURCES[source]())
    with pytest.raises(ERRORS):
        p.tolist()
    assert p.tolist() == [2, 4, 6]
    p.add_(1)
    assert p.tolist() == [3, 5, 7]


CHAINS = {
    "more changes": lambda p, v: p.add_(v).mul_(2).clamp_(max=9),
    "copied": lambda p, v: p.copy_(v * 2),
    "two": lambda p, v: p.add_(v).add_(v),
    "a part": lambda p, v: p[1:].mul_(v[1:]),
    "a view of a view": lambda p, v: p.view(3, 1)[0].add_(v[0]),
    "detached": lambda p, v: p.detach().add_(v),
    "data": lambda p, v: setattr(p, "data", v),
    "assigned": lambda p, v: p.__setitem__(slice(None), v),
    "masked": lambda p, v: p.masked_fill_(v > 0, 1.0),
}


@pytest.mark.parametrize("chain", CHAINS)
@betty.no_grad()
def test_all_changes_since_are_taken_back(chain):
    p = betty.tensor([1.0, 2.0, 3.0])
    flat, first = p.view(-1), p[:1]
    p.add_(1)
    with pytest.raises(IndexError, match="out of range"):
        CHAINS[chain](p, lookup())
        p.tolist()
    assert p.tolist() == [2, 3, 4]
    assert flat.tolist() == [2, 3, 4] and first.tolist() == [2]
    flat.zero_()
    assert p.tolist() == [0, 0, 0]


def test_changes_before_it_stay_though_they_are_not_computed():
    p = betty.zeros(3)
    p.add_(TABLE[betty.tensor([0, 1, 2])] * 2).mul_(2)
    p.add_(lookup())
    p.add_(1)
    with pytest.raises(IndexError, match="out of range"):
        p.sum().item()
    assert p.tolist() == [4, 8, 16]


def test_an_error_met_elsewhere_counts_as_well():
    p, q, other = betty.ones(3), betty.ones(3), betty.ones(3)
    v = lookup()
    p.add_(v)
    q.mul_(v * 2)
    other.add_(TABLE[betty.tensor([0, 1, 2])] * 2)
    with pytest.raises(IndexError, match="out of range"):
        v.sum().item()
    assert p.tolist() == q.tolist() == [1, 1, 1]
    assert other.tolist() == [3, 5, 9]


def test_another_error_is_not_kept_silent():
    p, q = betty.ones(3), betty.ones(3)
    p.add_(lookup())
    q.add_(lookup())
    for x in (p, q):
        with pytest.raises(IndexError, match="out of range"):
            x.tolist()
        assert x.tolist() == [1, 1, 1]


def test_what_was_overwritten_since_is_left_alone():
    p = betty.ones(3)
    v = lookup()
    p.add_(v)
    p.zero_()
    with pytest.raises(IndexError, match="out of range"):
        v.tolist()
    assert p.tolist() == [0, 0, 0]


def test_the_last_good_value_is_the_one_given_back():
    p = betty.ones(3)
    p.add_(lookup())
    p.copy_(betty.full((3,), 5.0))
    p.add_(lookup()).add_(1)
    with pytest.raises(IndexError, match="out of range"):
        p.tolist()
    assert p.tolist() == [5, 5, 5]


def test_gradients_reach_what_is_given_back():
    x = betty.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = x * 2
    h.retain_grad()
    h.add_(lookup())
    with pytest.raises(IndexError, match="out of range"):
        h.tolist()
    (h * h).sum().backward()
    assert x.grad.tolist() == [8, 16, 24]
    assert h.grad.tolist() == [4, 8, 12]


def test_a_parameter_that_is_given_back_goes_on_learning():
    p = nn.Parameter(betty.ones(3))
    with betty.no_grad():
        p.add_(lookup())
        with pytest.raises(IndexError, match="out of range"):
            p.tolist()
    assert p.requires_grad and p.is_leaf
    step = optim.SGD([p], lr=0.5)
    (p * p).sum().backward()
    step.step()
    assert p.tolist() == [0, 0, 0]


OPTIMIZERS = [
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "RAdam",
    "Rprop",
    "ASGD",
    "NAdam",
    "Adafactor",
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_with_a_bad_label_leaves_everything(name):
    betty.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    step = getattr(optim, name)(net.parameters(), lr=0.1)

    def learn(labels):
        step.zero_grad()
        F.cross_entropy(net(betty.randn(4, 3)), betty.tensor(labels)).backward()
        step.step()

    def state():
        return [v.tolist() for v in net.parameters()], [
            {k: v.tolist() if isinstance(v, betty.Tensor) else v for k, v in entries.items()}
            for entries in step.state_dict()["state"].values()
        ]

    learn([0, 1, 2, 0])
    before = state()
    with pytest.raises(IndexError, match="out of range"):
        learn([0, 1, 2, 3])
        state()
    assert state() == before
    learn([0, 1, 2, 1])
    assert state() != before


def test_gradients_that_add_up_keep_what_was_there():
    p = nn.Parameter(betty.ones(3))
    (p * 2).sum().backward()
    (p * lookup()).sum().backward()
    with pytest.raises(IndexError, match="out of range"):
        optim.SGD([p], lr=0.5).step()
    assert p.grad.tolist() == [2, 2, 2] and p.tolist() == [1, 1, 1]


def test_statistics_behind_a_bad_lookup_are_as_before():
    net = nn.BatchNorm1d(1)
    net(betty.randn(5, 1))
    before = net.running_mean.tolist()
    out = net(TABLE[betty.tensor([0, 5, 1])].view(3, 1))
    with pytest.raises(IndexError, match="out of range"):
        out.sum().item()
    assert net.running_mean.tolist() == before


def test_a_long_row_of_changes_is_computed_on_the_way():
    good = betty.tensor([0, 1, 2])
    p, q = betty.zeros(3), betty.zeros(3)
    for _ in range(3000):
        p.copy_(TABLE[good] * 2)
        q.add_(TABLE[good] * 1)
    assert p.tolist() == [2, 4, 8]
    assert q.tolist() == [3000, 6000, 12000]


def test_dropped_handles_hold_nothing():
    before = betty.memory_stats()["current"]
    for _ in range(20):
        x = betty.zeros(1 << 20)
        float(x[0])
        x.add_(TABLE[betty.tensor([7])] * 1)
        del x
    assert betty.memory_stats()["current"] < before + (1 << 24)


def test_what_was_kept_goes_with_the_computed_value():
    x = betty.zeros(1 << 16)
    float(x[0])
    used = []
    for _ in range(5):
        x.copy_((TABLE[betty.tensor([0, 1])].sum() * 2).expand(1 << 16))
        x.add_(1)
        assert float(x[5]) == 7
        used.append(betty.memory_stats()["current"])
    assert used[-1] <= used[0]


def test_changes_that_cannot_fail_keep_nothing():
    x, seen = betty.zeros(1 << 16), []
    for number in range(3):
        value = betty.full((1 << 16,), float(number))
        betty.evaluate(value)
        x.copy_(value)
        del value
        seen.append(betty.memory_stats()["current"])
    assert seen[2] <= seen[0]
