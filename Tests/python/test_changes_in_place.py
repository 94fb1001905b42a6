"""Changes in place: seen where PyTorch shows them; what they made goes with its handles."""

import betty
import pytest

X = betty.rand(100, 10).requires_grad_()


def write_rows():
    y = X * 2
    y[0] = 5.0
    y.sum().item()


def write_rows_and_differentiate():
    y = X * 2
    y[0] = 5.0
    return betty.autograd.grad(y.sum(), X)[0].sum().item()


def write_through_views_of_views():
    y = X * 2
    y.t()[1:][0].mul_(2)
    y[1] = 3
    y.sum().item()


def change_what_has_views():
    y = X * 2
    view = y[0]
    view.sum().item()
    y.mul_(3)


def change_constants_that_have_views():
    y = betty.ones(10, 10)
    view = y[0]
    view.sum().item()
    y.mul_(3)


def read_only_the_view():
    y = betty.ones(10, 10)
    y.t()[0] = 3
    view = y[1]
    view.add_(1)
    del y
    view.sum().item()


def never_read():
    y = betty.ones(10, 10)
    y[0] = 3


def through_data():
    y = X * 2
    y.data.mul_(2)
    y.sum().item()


def through_detach():
    y = X * 2
    y.detach().zero_()
    y.sum().item()


def other_data():
    y = X * 2
    y.data = betty.ones(100, 10)
    (y * y).sum().item()


def a_view_gets_other_data():
    y = betty.ones(10, 10)
    view = y[0]
    y.mul_(2)
    view.data = betty.ones(10)
    view.add_(1)
    del y
    view.sum().item()


WORKS = [value for name, value in list(globals().items()) if callable(value) and value is not betty]
WORKS = [work for work in WORKS if getattr(work, "__module__", None) == __name__]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_nothing_is_kept(work):
    betty.evaluate(X)
    work()
    before = betty.memory_stats()["current"]
    for _ in range(20):
        work()
    assert betty.memory_stats()["current"] <= before


@pytest.mark.parametrize("drop_first", ["base", "view"])
def test_what_one_handle_changed_is_seen_through_the_one_that_is_left(drop_first):
    base = betty.arange(6.0).reshape(2, 3)
    view = base[1]
    inner = view[1:]
    inner.mul_(10)
    if drop_first == "base":
        del base
        assert view.tolist() == [3, 40, 50]
        inner.add_(1)
        assert view.tolist() == [3, 41, 51]
    else:
        del view, inner
        assert base.tolist() == [[0, 1, 2], [3, 40, 50]]
        base[1].add_(1)
        assert base.tolist() == [[0, 1, 2], [4, 41, 51]]


def test_a_view_of_a_view_keeps_the_way_to_its_root():
    base = betty.zeros(2, 3)
    view = base[1]
    inner = view[1:]
    del view
    base.add_(1)
    inner.mul_(5)
    assert base.tolist() == [[1, 1, 1], [1, 5, 5]]
    del base
    assert inner.tolist() == [5, 5]


# As PyTorch has it: whether a change of `make(y)` is a change of y.
@pytest.mark.parametrize(
    ("make", "shared"),
    [
        (lambda y: y.t().contiguous(), False),
        (lambda y: y.contiguous(), True),
        (lambda y: y[1].contiguous(), True),
        (lambda y: y[:, 1].contiguous(), False),
        (lambda y: y.t().t().contiguous(), True),
        (lambda y: y.t().reshape(-1), False),
        (lambda y: y.t().flatten(), False),
        (lambda y: y.reshape(-1), True),
        (lambda y: y.view(-1).reshape(2, 8), True),
        (lambda y: y[1:3].reshape(-1), True),
        (lambda y: y[:, 1:3].reshape(-1), False),
        (lambda y: y[:, :2].reshape(4, 2, 1), True),
        (lambda y: y.t().reshape(4, 2, 2), True),
        (lambda y: y.t().reshape(2, 8), False),
        (lambda y: y.t().reshape(2, 2, 4), True),
        (lambda y: y.detach().reshape(-1), True),
        (lambda y: y.t().unsqueeze(0), True),
        (lambda y: y.ravel(), True),
        (lambda y: y.t().ravel(), False),
    ],
)
def test_reshaped_is_a_view_where_strides_allow(make, shared):
    y = betty.zeros(4, 4)
    made = make(y)
    made.add_(1)
    assert made.sum().item() == made.numel()
    assert y.sum().item() == (made.numel() if shared else 0)


def test_gradients_flow_through_gathered_copies():
    x = betty.arange(6.0).reshape(2, 3).requires_grad_()
    y = (x * 1).t().contiguous()
    y.mul_(betty.tensor([[1.0], [2.0], [3.0]]))
    y.sum().backward()
    assert x.grad.tolist() == [[1, 2, 3], [1, 2, 3]]


CHANGES = {
    "index_add_": lambda p: p.index_add_(0, betty.tensor([1, 7]), betty.ones(2)),
    "index_copy_": lambda p: p.index_copy_(0, betty.tensor([7]), betty.ones(1)),
    "scatter_": lambda p: p.scatter_(0, betty.tensor([7]), betty.ones(1)),
    "index_put_": lambda p: p.index_put_((betty.tensor([7]),), betty.ones(1)),
    "subscript": lambda p: p.__setitem__(betty.tensor([7]), 1.0),
    "of a view": lambda p: p.view(3, 1).index_add_(0, betty.tensor([7]), betty.ones(1, 1)),
}


@pytest.mark.parametrize("make", [betty.nn.Parameter, lambda x: x], ids=["parameter", "tensor"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_bad_index_leaves_the_old_value(change, make):
    p = make(betty.tensor([1.0, 2.0, 3.0]))
    with betty.no_grad():
        p.mul_(2)
        with pytest.raises(IndexError, match="out of range"):
            CHANGES[change](p)
            p.tolist()
        assert p.tolist() == [2, 4, 6]
        p.index_add_(0, betty.tensor([1]), betty.ones(1))
    assert p.tolist() == [2, 5, 6]


def leaf():
    return betty.tensor([0.1, 0.2, 0.3], requires_grad=True)


def test_without_grad_mode_gradients_keep_their_way():
    x = leaf()
    h = x * 2
    with betty.no_grad():
        h[0] = 0
        h.clamp_(max=0.5)
    assert h.requires_grad
    assert h.tolist() == pytest.approx([0, 0.4, 0.5])
    h.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_detach_in_place_ends_a_gradient():
    x = leaf()
    h = x * 2
    h.detach_()
    assert (h.requires_grad, h.is_leaf) == (False, True)
    assert h.numpy().tolist() == pytest.approx([0.2, 0.4, 0.6])
    h.requires_grad_()
    (h * x).sum().backward()
    assert h.grad.tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert x.grad.tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert x.detach_().requires_grad is False
    with pytest.raises(RuntimeError, match="detach_: a view"):
        (leaf() * 2)[:2].detach_()


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda h: h.fill_(0.7),
        lambda h: h.zero_(),
        lambda h: h.copy_(betty.ones(3)),
        lambda h: h.__setitem__(slice(None), 1.0),
    ],
)
def test_what_is_overwritten_as_a_whole_still_requires_a_gradient(overwrite):
    x = leaf()
    h = x.sin()
    overwrite(h)
    assert h.requires_grad
    h.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_a_kept_gradient_is_that_of_the_changed_value():
    x = leaf()
    h = x * 1
    h.retain_grad()
    h.mul_(2)
    (h * h).sum().backward()
    assert h.grad.tolist() == pytest.approx([0.4, 0.8, 1.2])


def test_views_of_a_leaf_that_is_a_view():
    x = betty.ones(2, 2).view(4).requires_grad_()
    view = x[:3]
    with betty.no_grad():
        x.add_(1)
    assert view.tolist() == [2, 2, 2]
    x.data.add_(1)
    assert view.tolist() == [3, 3, 3]


def test_replacing_what_is_not_finite():
    x = betty.tensor([1.0, 0.0], requires_grad=True)
    y = x.log()
    with betty.no_grad():
        y[betty.isinf(y)] = -5.0
    assert y.tolist() == [0.0, -5.0]
    z = x / 0
    z.data.fill_(-0.0)
    assert str(z.tolist()) == "[-0.0, -0.0]"
    with betty.no_grad():
        z.zero_()
    assert z.tolist() == [0.0, 0.0]
    w = betty.full((2,), float("inf"), requires_grad=True)
    v = w * 2
    v.data.copy_(betty.tensor([3.0, 4.0]))
    (v * v).sum().backward()
    assert w.grad.tolist() == [12.0, 16.0]
