"""States of optimizers: from other types and other libraries, whole or not at all."""

import betty
import numpy as np
import pytest
from betty import nn
from betty.optim import ASGD, LBFGS, SGD, Adam, AdamW, RAdam, Rprop


def parameter(*values, dtype=betty.float64):
    return nn.Parameter(betty.tensor(values, dtype=dtype))


def drive(optimizer, *parameters):
    optimizer.zero_grad()
    sum((p**4 + p.sin()).sum() for p in parameters).backward()
    optimizer.step()


def test_rprop_keeps_the_type_of_its_factors():
    w, etas = parameter(1.0, -2.0, 3.0), (0.7, 1.1)
    optimizer = Rprop([w], lr=0.1, etas=etas)
    x, size, last = np.array([1.0, -2.0, 3.0]), np.full(3, 0.1), np.zeros(3)
    for _ in range(12):
        drive(optimizer, w)
        slope = 4 * x**3 + np.cos(x)
        turned = np.sign(slope * last)
        size = np.clip(size * np.choose(turned.astype(int) + 1, [etas[0], 1.0, etas[1]]), 1e-6, 50)
        last = np.where(turned < 0, 0, slope)
        x = x - np.sign(last) * size
    np.testing.assert_allclose(w.detach().numpy(), x, rtol=1e-14)


@pytest.mark.parametrize("kind", [ASGD, RAdam, Rprop])
def test_groups_hold_the_options_of_pytorch(kind):
    group = kind([parameter(1.0)]).param_groups[0]
    assert (group["foreach"], group["capturable"], group["differentiable"]) == (None, False, False)


@pytest.mark.parametrize("kind", [Adam, RAdam])
def test_numbers_take_the_type_of_the_parameter(kind):
    narrow, wide = parameter(1.0, 2.0, dtype=betty.float32), parameter(1.0, 2.0)
    first, second = kind([narrow]), kind([wide])
    drive(first, narrow)
    second.load_state_dict(first.state_dict())
    entries = second.state_dict()["state"][0]
    assert entries["exp_avg"].dtype is betty.float64
    drive(second, wide)


def test_entries_of_other_rules_are_kept():
    w = parameter(1.0)
    optimizer = Adam([w])
    drive(optimizer, w)
    state = optimizer.state_dict()
    state["state"][0] |= {"visits": 3, "mask": betty.ones(5)}
    optimizer.load_state_dict(state)
    drive(optimizer, w)
    saved = optimizer.state_dict()["state"][0]
    assert saved["visits"] == 3
    assert saved["mask"].shape == (5,)
    assert optimizer.state[w]["visits"] == 3


def test_a_state_without_entries_begins_anew():
    w, other = parameter(1.0), parameter(1.0)
    optimizer, fresh = SGD([w], lr=0.01, momentum=0.9), SGD([other], lr=0.01, momentum=0.9)
    empty = optimizer.state_dict()
    drive(optimizer, w)
    optimizer.load_state_dict(empty)
    w.data.copy_(other.data)
    for _ in range(2):
        drive(optimizer, w)
        drive(fresh, other)
    assert w.tolist() == other.tolist()


def wrong_shape(state):
    state["state"][1]["exp_avg"] = betty.zeros(5)
    return ValueError, "exp_avg"


def wrong_option(state):
    state["param_groups"][0]["eps"] = -1.0
    return ValueError, "eps"


def failing_value(state):
    lazy = betty.arange(2.0).index_select(0, betty.tensor([5]))
    state["state"][1]["exp_avg_sq"] = lazy
    return IndexError, "5"


@pytest.mark.parametrize("damage", [wrong_shape, wrong_option, failing_value])
def test_nothing_is_loaded_when_something_fails(damage):
    params = [parameter(1.0), parameter(2.0)]
    optimizer = Adam(params, lr=0.1)
    drive(optimizer, *params)
    before = optimizer.state_dict()
    averages = [before["state"][n]["exp_avg"].tolist() for n in (0, 1)]
    state = optimizer.state_dict()
    state["param_groups"][0] |= {"lr": 7.0, "mine": 1}
    state["state"][0] = {"step": 5, "exp_avg": betty.ones(1), "exp_avg_sq": betty.ones(1)}
    error, text = damage(state)
    with pytest.raises(error, match=text):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert "mine" not in optimizer.param_groups[0]
    after = optimizer.state_dict()["state"]
    assert [after[n]["exp_avg"].tolist() for n in (0, 1)] == averages
    assert after[0]["step"] == 1


def test_lbfgs_goes_on_from_a_state_of_pytorch():
    """Its state: directions and steps in lists, with inverse products as tensors."""

    def fresh():
        w = parameter(1.0, 2.0, 3.0)
        scale = betty.tensor([3.0, 2.0, 1.0], dtype=betty.float64)
        optimizer = LBFGS([w], lr=0.5, max_iter=3)

        def closure():
            optimizer.zero_grad()
            loss = (scale * w * w).sum() + (w**4).sum() / 10 - w.sum()
            loss.backward()
            return loss

        return w, optimizer, closure

    w, optimizer, closure = fresh()
    optimizer.step(closure)
    state = optimizer.state_dict()
    entries = state["state"][0]
    names = {"func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag"}
    assert set(entries) == names | {"prev_flat_grad"}
    entries["ro"] = [betty.tensor(x, dtype=betty.float64) for x in entries["ro"]]
    entries["H_diag"] = betty.tensor(entries["H_diag"], dtype=betty.float64)
    entries["prev_loss"] = 0.5
    other, second, again = fresh()
    other.data.copy_(w.data)
    second.load_state_dict(state)
    optimizer.step(closure)
    second.step(again)
    np.testing.assert_allclose(other.tolist(), w.tolist(), rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, RAdam])
def test_hooks_around_steps_and_states(kind):
    w, calls = parameter(1.0), []
    optimizer = kind([w], lr=0.1)

    def before(self, args, kwargs):
        calls.append("before")
        return (), {"closure": None}

    handles = [
        optimizer.register_step_pre_hook(before),
        optimizer.register_step_post_hook(lambda self, args, kwargs: calls.append(kwargs)),
    ]
    drive(optimizer, w)
    assert calls == ["before", {"closure": None}]
    for handle in handles:
        handle.remove()
    drive(optimizer, w)
    assert len(calls) == 2
    optimizer.register_state_dict_pre_hook(lambda self: calls.append("saving"))
    optimizer.register_state_dict_post_hook(lambda self, state: {**state, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda self, state: calls.append(state["extra"]))
    optimizer.register_load_state_dict_post_hook(lambda self: calls.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls[2:] == ["saving", 1, "loaded"]
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="got int"):
        optimizer.step()


def test_adam_may_decay_as_adamw():
    one, two = parameter(1.0, 2.0), parameter(1.0, 2.0)
    first = Adam([one], lr=0.1, weight_decay=0.3, decoupled_weight_decay=True)
    second = AdamW([two], lr=0.1, weight_decay=0.3)
    for _ in range(3):
        drive(first, one)
        drive(second, two)
    assert one.tolist() == two.tolist()
    assert second.param_groups[0]["decoupled_weight_decay"]


def test_names_of_parameters():
    layer = nn.Linear(2, 1)
    group = SGD(layer.named_parameters()).state_dict()["param_groups"][0]
    assert group["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="some have not"):
        SGD([("weight", layer.weight), layer.bias])
    with pytest.raises(TypeError, match="a set of parameters has no order"):
        SGD([{"params": {layer.weight}}])
    with pytest.raises(RuntimeError, match="foreach and fused exclude each other"):
        Adam([layer.weight], foreach=True, fused=True)
