"""Layers that learn the width of their inputs from the first of them."""

import copy
import pickle
import warnings

import betty
import numpy as np
import pytest
from betty import nn
from betty.nn.modules.lazy import LazyModuleMixin

LAYERS = [
    (nn.LazyLinear, (3,), nn.Linear, (2, 4)),
    (nn.LazyConv1d, (6, 3), nn.Conv1d, (2, 4, 8)),
    (nn.LazyConv2d, (6, 3), nn.Conv2d, (4, 8, 8)),
    (nn.LazyConv3d, (6, 3), nn.Conv3d, (2, 4, 5, 5, 5)),
    (nn.LazyConvTranspose2d, (6, 3), nn.ConvTranspose2d, (2, 4, 5, 5)),
    (nn.LazyBatchNorm1d, (), nn.BatchNorm1d, (3, 4)),
    (nn.LazyBatchNorm2d, (), nn.BatchNorm2d, (3, 4, 2, 2)),
    (nn.LazyInstanceNorm2d, (1e-5, 0.1, True, True), nn.InstanceNorm2d, (4, 2, 2)),
]


@pytest.mark.parametrize(("lazy", "args", "kind", "shape"), LAYERS)
def test_the_first_input_gives_the_width(lazy, args, kind, shape):
    layer = lazy(*args)
    assert layer.has_uninitialized_params()
    before = list(layer.parameters())
    x = betty.rand(*shape)
    plain = kind(4, *args)
    result = layer(x)
    assert type(layer) is kind
    assert repr(layer) == repr(plain)
    assert all(a is b for a, b in zip(before, layer.parameters(), strict=True))
    assert all(type(p) is nn.Parameter and p.requires_grad for p in layer.parameters())
    if args:
        assert layer.weight.std() > 0 or kind is nn.InstanceNorm2d
    plain.load_state_dict(layer.state_dict(), strict=False)
    if "BatchNorm" not in kind.__name__ and kind is not nn.InstanceNorm2d:
        np.testing.assert_allclose(plain(x).detach().numpy(), result.detach().numpy())
    result.sum().backward()


@pytest.mark.parametrize(("lazy", "args", "kind", "shape"), LAYERS)
def test_none_warns_of_what_it_does_not_know_yet(lazy, args, kind, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = lazy(*args)
        layer.reset_parameters()
        layer(betty.rand(*shape))
        layer.reset_parameters()
    if args:
        assert float(layer.weight.detach().abs().sum()) > 0


def test_parameters_without_a_shape():
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert repr(layer.weight) == "<UninitializedParameter>"
    assert isinstance(layer.state_dict()["weight"], nn.UninitializedParameter)
    with pytest.raises(RuntimeError, match="is not known: call materialize"):
        layer.weight.shape
    twins = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    optimizer = betty.optim.SGD(layer.parameters(), lr=0.1)
    layer(betty.ones(1, 2)).sum().backward()
    optimizer.step()
    for twin in twins:
        assert twin.has_uninitialized_params()
        assert twin(betty.ones(1, 5)).shape == (1, 3)


def test_a_state_gives_the_width_too():
    state = nn.Linear(2, 3).state_dict()
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(1))
    with pytest.raises(RuntimeError, match=r"size mismatch for 1\.bias|Missing key"):
        model.load_state_dict({f"0.{name}": value for name, value in state.items()})
    assert model[0].has_uninitialized_params()
    model.load_state_dict(model.state_dict())
    assert model[0].has_uninitialized_params()
    layer = nn.LazyLinear(3)
    layer.load_state_dict(state)
    assert not layer.has_uninitialized_params()
    x = betty.rand(4, 2)
    expected = x.numpy() @ state["weight"].numpy().T + state["bias"].numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-5)
    assert repr(layer) == "Linear(in_features=2, out_features=3, bias=True)"


def test_a_lazy_module_of_a_program():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.UninitializedParameter()

        def forward(self, x):
            return x * self.factor

    class LazyScale(LazyModuleMixin, Scale):
        cls_to_become = Scale

        def initialize_parameters(self, x):
            if self.has_uninitialized_params():
                self.factor.materialize(x.shape[-1:])
                nn.init.constant_(self.factor, 2.0)

    module = LazyScale()
    assert module(betty.ones(2, 3)).tolist() == [[2, 2, 2]] * 2
    assert type(module) is Scale
