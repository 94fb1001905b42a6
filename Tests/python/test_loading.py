"""States going into modules: whose names and forms have changed, and which do not fit."""

import copy
import pickle
from collections import OrderedDict

import betty
import numpy as np
import pytest
from betty import nn


def linear(value=0.0, features=2):
    layer = nn.Linear(features, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


class Renamed(nn.Linear):
    """A layer whose weight was called ``kernel`` in its first version."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", 1) < 2:
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}kernel")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class Packed(nn.Linear):
    """A layer that saves its weight under another name and in another form."""

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        destination[prefix + "packed"] = self.weight.detach().reshape(-1)

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}packed").reshape(1, -1)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Copied(nn.Module):
    """A module whose state is not its own tensors."""

    def __init__(self):
        super().__init__()
        self.inner = linear()

    def state_dict(self, *args, **options):
        state = super().state_dict(*args, **options)
        return type(state)((name, value.clone()) for name, value in state.items())


def test_values_go_into_the_module_whatever_its_state_dict_gives():
    model = nn.Sequential(linear())
    model._register_state_dict_hook(
        lambda module, state, prefix, local: OrderedDict((k, v.clone()) for k, v in state.items())
    )
    model.load_state_dict({"0.weight": betty.full((1, 2), 7.0)})
    assert model[0].weight.tolist() == [[7, 7]]
    copied = Copied()
    copied.load_state_dict({"inner.weight": betty.full((1, 2), 3.0)})
    assert copied.inner.weight.tolist() == [[3, 3]]


def test_hooks_that_rename():
    calls = []

    def save(module, state, prefix, local):
        calls.append("saved")
        for name in list(state):
            state["old." + name] = state.pop(name)

    def load(state, prefix, *rest):
        for name in list(state):
            state[name.removeprefix("old.")] = state.pop(name)

    first, second = nn.Sequential(linear(5.0)), nn.Sequential(linear())
    for model in (first, second):
        model.register_state_dict_pre_hook(lambda *_: calls.append("before"))
        model._register_state_dict_hook(save)
        model._register_load_state_dict_pre_hook(load)
    state = first.state_dict()
    assert list(state) == ["old.0.weight"]
    second.load_state_dict(state)
    assert second[0].weight.tolist() == [[5, 5]]
    assert calls == ["before", "saved"]


def test_modules_that_load_themselves():
    state = nn.Sequential(linear(2.0)).state_dict()
    assert state._metadata == {"": {"version": 1}, "0": {"version": 1}}
    state["0.kernel"] = state.pop("0.weight")
    model = nn.Sequential(Renamed(2, 1, bias=False))
    model.load_state_dict(state)
    assert model[0].weight.tolist() == [[2, 2]]
    assert model.state_dict()._metadata["0"] == {"version": 2}
    model.load_state_dict(model.state_dict())
    first, second = (nn.Sequential(Packed(2, 1, bias=False)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    assert second[0].weight.tolist() == first[0].weight.tolist()


def test_statistics_that_count_no_batches():
    layer = nn.BatchNorm1d(2)
    layer(betty.rand(4, 2))
    old = {name: betty.full((2,), 3.0) for name in layer.state_dict() if "batches" not in name}
    layer.load_state_dict(old)
    assert layer.running_mean.tolist() == [3, 3]
    assert layer.num_batches_tracked.item() == 1
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    state = {n: v for n, v in network.state_dict().items() if "batches" not in n}
    network.load_state_dict(state)
    new = network.state_dict()
    del new["1.num_batches_tracked"]
    with pytest.raises(
        RuntimeError, match=r'Missing key\(s\) in state_dict: "1\.num_batches_tracked"'
    ):
        network.load_state_dict(new)


def test_a_hook_may_forgive():
    model = nn.Sequential(linear(), linear(1.0))
    model.register_load_state_dict_post_hook(lambda module, found: found.missing_keys.clear())
    assert model.load_state_dict({"0.weight": betty.ones(1, 2)}).missing_keys == []
    assert model[0].weight.tolist() == [[1, 1]]


def broken_override():
    model = nn.Sequential(linear(), Renamed(2, 1, bias=False))
    return model, {"0.weight": betty.ones(1, 2)}, KeyError, "1.kernel"


def complex_numbers():
    state = {"0.weight": betty.ones(1, 2), "1.weight": np.ones((1, 2), complex)}
    return nn.Sequential(linear(), linear()), state, RuntimeError, r"1\.weight: "


def failing_value():
    lazy = betty.arange(2.0).index_select(0, betty.tensor([5])).expand(1, 2)
    state = {"0.weight": betty.ones(1, 2), "1.weight": lazy}
    return nn.Sequential(linear(), linear()), state, IndexError, "5"


def other_shape():
    state = {"0.weight": betty.ones(1, 2), "1.weight": betty.ones(2)}
    return nn.Sequential(linear(), linear()), state, RuntimeError, r"size mismatch for 1\.weight"


@pytest.mark.parametrize("case", [broken_override, complex_numbers, failing_value, other_shape])
@pytest.mark.parametrize("assign", [False, True])
def test_nothing_is_loaded_when_something_fails(case, assign):
    model, state, error, text = case()
    weight = model[0].weight
    with pytest.raises(error, match=text):
        model.load_state_dict(state, assign=assign)
    assert model[0].weight is weight
    assert weight.tolist() == [[0, 0]]
    assert weight.requires_grad


def test_extra_state_is_not_loaded_when_something_fails():
    class Counting(nn.Linear):
        count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    model = nn.Sequential(Counting(2, 1), linear())
    state = model.state_dict() | {"0._extra_state": 3}
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state | {"1.weight": betty.ones(3, 3)})
    assert model[0].count == 0
    model.load_state_dict(state)
    assert model[0].count == 3
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0\._extra_state"'):
        model.load_state_dict(state)


def test_tensors_take_the_place_of_parameters():
    model = nn.Sequential(linear(), nn.BatchNorm1d(1, affine=False))
    model[0].weight.requires_grad_(False)
    given = betty.ones(1, 2).double()
    state = model.state_dict() | {"0.weight": given, "1.running_mean": betty.ones(1).double()}
    model.load_state_dict(state, assign=True)
    assert model[0].weight.dtype is model[1].running_mean.dtype is betty.float64
    assert isinstance(model[0].weight, nn.Parameter)
    assert not model[0].weight.requires_grad
    own = nn.Parameter(betty.zeros(1, 2))
    model.load_state_dict(state | {"0.weight": own}, assign=True)
    assert model[0].weight is own


def test_states_of_objects():
    class Versioned(nn.Linear):
        def __setstate__(self, state):
            super().__setstate__({**state, "restored": True})

    globals()["Versioned"] = Versioned
    Versioned.__qualname__ = "Versioned"
    layer = Versioned(2, 1)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.restored
        assert other.weight.tolist() == layer.weight.tolist()
