"""Parameter groups are changed as PyTorch's are, and the engine follows; what it can't follow is an
error."""

import copy
import pickle

import betty
import pytest
from betty import nn, optim


def sgd(rate=1.0):
    """Two groups of a parameter each, at 0 and with a gradient of 1."""
    weights = [nn.Parameter(betty.zeros(1)) for _ in range(2)]
    for weight in weights:
        weight.grad = betty.ones(1)
    return weights, optim.SGD([{"params": [weight]} for weight in weights], lr=rate)


def rates(groups):
    return [group["lr"] for group in groups]


def in_place(rule):
    group = rule.param_groups[1]
    group |= {"lr": 0.25}


def by_a_dict(rule):
    rule.param_groups[1] = {**rule.param_groups[1], "lr": 0.25}


def by_a_short_dict(rule):
    rule.param_groups[-1] = {"params": rule.param_groups[1]["params"], "lr": 0.25}


def by_a_slice(rule):
    rule.param_groups[1:] = [{**rule.param_groups[1], "lr": 0.25}]


def by_a_list(rule):
    rule.param_groups = [dict(rule.param_groups[0]), {**rule.param_groups[1], "lr": 0.25}]


def by_update(rule):
    rule.param_groups[1].update(lr=0.25)


@pytest.mark.parametrize(
    "change", [in_place, by_a_dict, by_a_short_dict, by_a_slice, by_a_list, by_update]
)
def test_a_change_holds_from_the_next_step_on(change):
    weights, rule = sgd()
    change(rule)
    assert rates(rule.param_groups) == [1.0, 0.25]
    rule.step()
    assert [w.item() for w in weights] == [-1.0, -0.25]
    rule.param_groups[1]["lr"] = 0.5
    rule.step()
    assert [w.item() for w in weights] == [-2.0, -0.75]


@pytest.mark.parametrize("way", ["append", "extend", "add", "assign"])
def test_a_group_that_is_appended_is_stepped(way):
    weights, rule = sgd()
    weight = nn.Parameter(betty.zeros(1))
    weight.grad = betty.ones(1)
    group = {"params": [weight], "lr": 0.125}
    if way == "append":
        rule.param_groups.append(group)
    elif way == "extend":
        rule.param_groups.extend([group])
    elif way == "add":
        rule.param_groups += [group]
    else:
        rule.param_groups = [*rule.param_groups, group]
    rule.step()
    assert [w.item() for w in (*weights, weight)] == [-1.0, -1.0, -0.125]
    assert rates(rule.param_groups) == [1.0, 1.0, 0.125]


def test_what_is_new_in_a_group_is_the_users_own():
    _, rule = sgd()
    assert rule.param_groups[0].setdefault("tag", 3) == 3
    assert rule.param_groups[0].setdefault("lr", 7.0) == 1.0
    with pytest.raises(ValueError, match="SGD: invalid lr"):
        rule.param_groups[0].update(lr=-1.0)
    assert rule.param_groups[0]["lr"] == 1.0


@pytest.mark.parametrize(
    "change",
    [
        lambda groups: groups.pop(), lambda groups: groups.clear(), lambda groups: groups.reverse(),
        lambda groups: groups.insert(0, {}), lambda groups: groups.__delitem__(0),
        lambda groups: groups.__setitem__(slice(0, 1), []),
    ],
)  # fmt: skip
def test_groups_are_not_taken_out(change):
    weights, rule = sgd()
    with pytest.raises(TypeError, match="SGD: groups can be appended or exchanged, not taken out"):
        change(rule.param_groups)
    rule.step()
    assert [w.item() for w in weights] == [-1.0, -1.0]


def test_parameters_are_not_exchanged():
    _, rule = sgd()
    other = nn.Parameter(betty.zeros(1))
    with pytest.raises(ValueError, match="parameters can't be exchanged"):
        rule.param_groups[0]["params"] = [other]
    with pytest.raises(ValueError, match="parameters can't be exchanged"):
        rule.param_groups[0] = {"params": [other], "lr": 1.0}
    rule.param_groups[0]["params"] = list(rule.param_groups[0]["params"])


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_groups_are_plain(twin):
    _, rule = sgd()
    groups = twin(rule.param_groups)
    assert type(groups) is list and type(groups[0]) is dict
    copied = twin(rule)
    copied.param_groups[0]["lr"] = 0.5
    assert rates(copied.param_groups) == [0.5, 1.0] and rates(rule.param_groups) == [1.0, 1.0]


def test_an_optimizer_in_python_has_a_list_of_its_own():
    class Own(optim.Optimizer):
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = p.data - group["lr"] * p.grad

    weights, _ = sgd()
    rule = Own(weights, {"lr": 0.5})
    rule.param_groups.append({"params": [weights[0]], "lr": 0.25})
    rule.step()
    assert [w.item() for w in weights] == [-0.75, -0.5]
    rule.param_groups = rule.param_groups[:1]
    rule.step()
    assert [w.item() for w in weights] == [-1.25, -1.0]
