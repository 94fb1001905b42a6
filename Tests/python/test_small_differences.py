"""Small things in which a program for PyTorch would notice a difference."""

from collections import OrderedDict

import betty
import pytest
from betty import nn


@pytest.mark.parametrize(
    ("names", "index", "left"),
    [
        ("a b c", 0, "0 1"), ("0 a 1", 0, "0 1"), ("a 0 b 3", 1, "0 1 2"), ("0 1 2", 1, "0 1"),
        ("a 0 1 2", slice(0, 2), "0 1"), ("0 a", -1, "0"),
    ],
)  # fmt: skip
def test_modules_that_are_left_are_numbered_anew(names, index, left):
    made = nn.Sequential(OrderedDict((name, nn.Linear(1, 1)) for name in names.split()))
    kept = list(made)
    del kept[index]
    del made[index]
    assert list(made._modules) == left.split()
    assert [a is b for a, b in zip(made, kept, strict=True)] == [True] * len(kept)


def stepped(kind, **options):
    w = nn.Parameter(betty.ones(1))
    optimizer = kind([w], **options)
    for _ in range(3):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
    return w, optimizer


def test_the_state_of_sgd_has_its_momentum_and_nothing_else():
    assert stepped(betty.optim.SGD, lr=0.1)[1].state_dict()["state"] == {}
    w, optimizer = stepped(betty.optim.SGD, lr=0.1)
    assert len(optimizer.state) == 0
    assert optimizer.state[w] == {}
    w, optimizer = stepped(betty.optim.SGD, lr=0.1, momentum=0.9)
    assert list(optimizer.state_dict()["state"][0]) == ["momentum_buffer"]
    assert len(optimizer.state) == 1


@pytest.mark.parametrize(
    "kind", [betty.optim.SGD, betty.optim.Adam], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("steps", [None, int, float, betty.tensor])
def test_numbers_of_steps_are_loaded_in_every_form(kind, steps):
    """As PyTorch shows them, and as files have them that were written before."""
    options = {"momentum": 0.9} if kind is betty.optim.SGD else {}
    w, optimizer = stepped(kind, lr=0.1, **options)
    state = optimizer.state_dict()
    if kind is betty.optim.Adam:
        assert state["state"][0]["step"].dtype is betty.float32
        assert state["state"][0]["step"].item() == 3
    if steps is not None:
        state["state"][0]["step"] = steps(3)
    other = nn.Parameter(w.detach().clone())
    second = kind([other], lr=1.0, **options)
    second.load_state_dict(state)
    for param, each in ((w, optimizer), (other, second)):
        param.grad = betty.ones(1)
        each.step()
    assert other.item() == w.item()


def test_groups_are_printed_apart():
    weights = [nn.Parameter(betty.ones(1)) for _ in range(2)]
    optimizer = betty.optim.SGD([{"params": [w], "lr": 0.5} for w in weights])
    lines = str(optimizer).splitlines()
    assert lines[:2] == ["SGD (", "Parameter Group 0"]
    assert lines[11:13] == ["", "Parameter Group 1"]
    assert lines[-2:] == ["    weight_decay: 0", ")"]
