"""Which tensors share memory: each expectation is what PyTorch does."""

import betty
import pytest
from betty import nn, optim


def grown(x):
    with betty.no_grad():
        x.add_(1)


def test_a_parameter_lies_on_the_tensor_it_was_made_of():
    t = betty.zeros(3)
    p = nn.Parameter(t)
    t.add_(1)
    assert p.tolist() == [1, 1, 1]
    grown(p)
    assert t.tolist() == [2, 2, 2]
    t[0] = 7
    assert p.tolist() == [7, 2, 2]
    assert p.is_leaf and p.requires_grad and not t.requires_grad


def test_steps_show_in_the_tensor_and_its_views():
    t = betty.ones(2, 2)
    row = t[0]
    p = nn.Parameter(t)
    step = optim.SGD([p], lr=0.5)
    for k in range(3):
        step.zero_grad()
        (p * p).sum().backward()
        step.step()
        assert row.tolist() == [0, 0] and t.sum().item() == 0, k
        t.add_(1)
        assert p.tolist() == [[1, 1], [1, 1]]
    row.mul_(3)
    assert p.tolist() == [[3, 3], [1, 1]]


def test_a_frozen_parameter_shares_too():
    t = betty.zeros(2)
    p = nn.Parameter(t, requires_grad=False)
    p.add_(1)
    assert t.tolist() == [1, 1]


def test_gradients_of_what_was_recorded_before():
    t = betty.tensor([1.0, 2.0])
    p = nn.Parameter(t)
    loss = (p * p).sum() + (t * p).sum()
    t.zero_()
    (p * 5).sum().backward()
    assert p.grad.tolist() == [5, 5]
    assert loss.item() == 10


def test_data_shares_both_ways():
    p, t = nn.Parameter(betty.zeros(2)), betty.ones(2)
    p.data = t
    t.mul_(3)
    assert p.tolist() == [3, 3]
    grown(p)
    assert t.tolist() == [4, 4]
    x, view = betty.zeros(2), betty.arange(4.0)[1:3]
    x.data = view
    x.add_(10)
    assert view.tolist() == [11, 12]
    view.zero_()
    assert x.tolist() == [0, 0]


def test_data_of_a_parameter_is_shared_by_a_plain_tensor():
    p, x = nn.Parameter(betty.zeros(2)), betty.ones(2)
    x.data = p.data
    x.add_(2)
    assert p.tolist() == [2, 2]
    grown(p)
    assert x.tolist() == [3, 3]


def test_other_data_of_another_shape_and_type_is_shared():
    x, t = betty.zeros(2), betty.arange(6).reshape(2, 3).clone()
    x.data = t
    t[0, 0] = 9
    assert x.tolist() == [[9, 1, 2], [3, 4, 5]]
    x.zero_()
    assert t.sum().item() == 0


@pytest.mark.parametrize("change", [False, True])
def test_earlier_views_keep_what_they_saw(change):
    x = betty.zeros(2, 2)
    row, flat = x[0], x.view(-1)
    part = row[1:]
    if change:
        x.add_(1)
    before = 1.0 if change else 0.0
    x.data = betty.full((2, 2), 5.0)
    new = x[1]
    assert row.tolist() == [before] * 2
    x.add_(1)
    assert flat.tolist() == [before] * 4 and part.tolist() == [before]
    assert new.tolist() == [6, 6]
    row.add_(3)
    assert flat.tolist() == [before + 3] * 2 + [before] * 2 and part.tolist() == [before + 3]
    part.zero_()
    assert row.tolist() == [before + 3, 0]
    assert x.tolist() == [[6, 6], [6, 6]]
    x.data = betty.zeros(3)
    assert new.tolist() == [6, 6] and row.tolist() == [before + 3, 0]
    new.mul_(2)
    assert new.tolist() == [12, 12] and x.tolist() == [0, 0, 0]


def test_views_of_a_view_that_gets_other_data_stay_with_its_base():
    y = betty.zeros(2, 3)
    view = y[0]
    part = view[1:]
    view.data = betty.ones(3)
    part.add_(5)
    assert y.tolist() == [[0, 5, 5], [0, 0, 0]]
    assert view.tolist() == [1, 1, 1]
    y.add_(1)
    assert part.tolist() == [6, 6]
    view.add_(1)
    assert y[0].tolist() == [1, 6, 6] and view.tolist() == [2, 2, 2]


def test_data_of_itself_changes_nothing():
    p = nn.Parameter(betty.ones(2))
    view = p.detach()
    p.data = p.data
    grown(p)
    assert view.tolist() == [2, 2]


def test_a_tensor_has_one_parameter():
    """What a second parameter, or one made of a part, has is its own: see the docs."""
    t = betty.zeros(2)
    first, second, part = nn.Parameter(t), nn.Parameter(t), nn.Parameter(t[:1])
    t.add_(1)
    assert first.tolist() == [1, 1]
    assert second.tolist() == [0, 0] and part.tolist() == [0]


@pytest.mark.parametrize(("size", "step"), [(2, 2), (2, 3), (1, 3), (3, 4), (7, 9), (1, 1)])
def test_windows_apart_are_a_view(size, step):
    x = betty.arange(7.0)
    windows = x.unfold(0, size, step)
    windows[:] = 10
    count = (7 - size) // step + 1
    wanted = [10.0 if k % step < size and k // step < count else float(k) for k in range(7)]
    assert x.tolist() == wanted
    x.zero_()
    assert windows.shape == (count, size) and not windows.any()


def test_windows_that_overlap_show_changes_and_refuse_them():
    x = betty.arange(6.0).reshape(2, 3)
    windows = x.unfold(1, 2, 1)
    x.add_(1)
    assert windows.tolist() == [[[1, 2], [2, 3]], [[4, 5], [5, 6]]]
    with pytest.raises(RuntimeError, match="single memory location"):
        windows.add_(1)
    with pytest.raises(RuntimeError, match="single memory location"):
        betty.arange(6.0).unfold(0, 3, 2).mul_(2)
    assert windows.reshape(-1).add_(1).sum().item() == 28 + 8
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_gradients_of_windows():
    x = betty.arange(8.0).requires_grad_()
    (x.unfold(0, 2, 3) * betty.tensor([[1.0, 2], [3, 4], [5, 6]])).sum().backward()
    assert x.grad.tolist() == [1, 2, 0, 3, 4, 0, 5, 6]
    h = x * 1
    h.unfold(0, 2, 3).mul_(10)
    (gradient,) = betty.autograd.grad(h.sum(), x)
    assert gradient.tolist() == [10, 10, 1, 10, 10, 1, 10, 10]


def test_nothing_is_kept():
    def work():
        x = betty.zeros(1 << 16)
        p = nn.Parameter(x)
        p.data = p.data * 2
        y = betty.ones(1 << 16)
        view = y[:5]
        y.data = x * 3
        view.add_(1)
        grown(p)
        return float(x.sum() + y.sum() + p.sum() + view.sum())

    work()
    before = betty.memory_stats()["current"]
    for _ in range(10):
        work()
    assert betty.memory_stats()["current"] <= before


# What a tensor is made to hold by `copy_` is its own: hooks, gradients and flags stay apart.


def copied(whole, source):
    x = betty.zeros(2)
    if whole:
        x[:] = source
    else:
        x.copy_(source)
    return x


@pytest.mark.parametrize("whole", [False, True], ids=["copy_", "setitem"])
def test_a_copy_of_a_leaf_is_no_leaf(whole):
    w = betty.ones(2, requires_grad=True)
    x = copied(whole, w)
    assert x.requires_grad and not x.is_leaf and w.is_leaf
    with pytest.raises(RuntimeError, match="only leaves"):
        x.requires_grad_(False)
    loss = (x * x).sum() + (w * 5).sum()
    assert betty.autograd.grad(loss, x, retain_graph=True)[0].tolist() == [2.0, 2.0]
    assert betty.autograd.grad(loss, w)[0].tolist() == [7.0, 7.0]


@pytest.mark.parametrize("whole", [False, True], ids=["copy_", "setitem"])
def test_a_parameter_stays_one_when_its_copy_is_cut_off(whole):
    w = betty.nn.Parameter(betty.ones(2))
    x = copied(whole, w)
    x.detach_()
    assert w.requires_grad and not x.requires_grad
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0] and x.grad is None


@pytest.mark.parametrize("leaf", [False, True])
def test_gradients_of_a_copy_and_of_its_source(leaf):
    w = betty.ones(2, requires_grad=True)
    source = w if leaf else w * 2
    x = copied(False, source)
    x.register_hook(lambda gradient: gradient * 0)
    x.retain_grad()
    (x + source).sum().backward()
    assert w.grad.tolist() == [1.0 + (not leaf)] * 2
    assert x.grad.tolist() == [0.0, 0.0]
    assert leaf or not source.retains_grad


def test_a_source_that_takes_gradients_later_leaves_its_copy_alone():
    y = betty.tensor([1.0, 1.0])
    x = copied(False, y)
    y.requires_grad_()
    assert not x.requires_grad
    y.data.add_(1)
    assert x.tolist() == [1.0, 1.0]


# A view that was made a leaf.


@pytest.mark.parametrize("read", [False, True])
def test_a_leaf_that_is_a_view_sees_changes_of_its_base(read):
    x = betty.arange(4.0)
    v = x[:2].requires_grad_()
    if read:
        v.tolist()
    x.add_(1)
    assert v.tolist() == [1.0, 2.0] and v.requires_grad and v.is_leaf
    (v * v).sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("how", ["copy_", "data"])
def test_parameters_that_lie_in_one_flat_tensor(how):
    """Trained by changes of the whole."""
    flat = betty.zeros(6)
    parts = [flat[:2].requires_grad_(), flat[2:].requires_grad_()]
    for _ in range(3):
        for part in parts:
            part.grad = None
        (((parts[0] - 1) ** 2).sum() + ((parts[1] - 2) ** 2).sum()).backward()
        step = betty.cat([part.grad for part in parts]) * -0.25
        if how == "data":
            flat.data.add_(step)
        else:
            with betty.no_grad():
                flat.copy_(flat + step)
    assert parts[0].tolist() == [0.875] * 2 and parts[1].tolist() == [1.75] * 4
    assert flat.tolist() == [0.875] * 2 + [1.75] * 4
    assert all(part.is_leaf and part.requires_grad for part in parts)
