"""Optimizers as they are copied from program to program: what they expect of their base."""

import copy
from collections import defaultdict

import betty
import pytest
from betty import nn
from betty.optim.optimizer import Optimizer, required


class Lookahead(Optimizer):
    """Steps of another optimizer, drawn back every so often; it doesn't call its base's set-up."""

    def __init__(self, optimizer, k=2, alpha=0.5):
        self.optimizer, self.k, self.alpha = optimizer, k, alpha
        self.param_groups = optimizer.param_groups
        self.state = defaultdict(dict)
        self.fast_state = optimizer.state
        for group in self.param_groups:
            group["counter"] = 0

    def step(self, closure=None):
        loss = self.optimizer.step(closure)
        for group in self.param_groups:
            for fast in group["params"] if group["counter"] == 0 else ():
                slow = self.state[fast].setdefault("slow", fast.detach().clone())
                slow += (fast.data - slow) * self.alpha
                fast.data.copy_(slow)
            group["counter"] = (group["counter"] + 1) % self.k
        return loss


def test_a_subclass_that_does_not_set_up_its_base():
    w = nn.Parameter(betty.tensor([1.0]))
    optimizer = Lookahead(betty.optim.SGD([w], lr=0.25))
    schedule = betty.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    for _ in range(3):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        schedule.step()
    assert w.item() == 0.3125  # 0.5, 0.25, half the way from 0.5 to 0.125
    assert optimizer.optimizer.param_groups[0]["lr"] == 0.125
    assert optimizer.state_dict()["state"][0]["slow"].item() == 0.3125
    assert "counter: 1" in repr(optimizer)
    other = nn.Parameter(betty.tensor([1.0]))
    optimizer.add_param_group({"params": [other]})
    other.grad = betty.ones(1)
    optimizer.optimizer.step()
    assert other.item() == 0.75


def test_groups_and_state_of_one_are_its_own():
    first, second = (Lookahead(betty.optim.SGD([nn.Parameter(betty.ones(1))])) for _ in range(2))
    assert first.state is not second.state
    assert copy.copy(first.optimizer).param_groups[0]["lr"] == 1e-3


class Old(Optimizer):
    """Written when options without a default had this mark."""

    def __init__(self, params, lr=required):
        if lr is not required and lr < 0:
            raise ValueError(lr)
        super().__init__(params, {"lr": lr})


def test_options_that_are_required():
    w = nn.Parameter(betty.ones(1))
    assert repr(required) == "<required parameter>"
    assert Old([{"params": [w], "lr": 0.5}]).param_groups[0]["lr"] == 0.5
    with pytest.raises(ValueError, match=r"didn't specify a value of required .* parameter lr"):
        Old([w])
