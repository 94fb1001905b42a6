"""Pruned parameters: what recorded numbers don't show."""

import betty
import pytest
from betty import nn, optim
from betty.nn.utils import prune


def net():
    betty.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def test_what_is_pruned_stays_at_zero_while_it_learns():
    model = net()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    step = optim.Adam(model.parameters(), lr=0.1)
    x = betty.randn(8, 4)
    for _ in range(3):
        step.zero_grad()
        model(x).pow(2).sum().backward()
        step.step()
    model(x)
    gone = model[0].weight_mask == 0
    assert int(gone.sum()) == 12
    assert not model[0].weight[gone].any()
    assert model[0].weight_orig.grad[gone].abs().sum().item() == 0
    prune.remove(model[0], "weight")
    assert int((model[0].weight == 0).sum()) == 12
    assert any(p is model[0].weight for p in model.parameters())


@pytest.mark.parametrize("amount", [3, 0.25, 0, 1.0])
def test_random_ways_prune_as_much_as_they_are_told(amount):
    layer = nn.Linear(4, 4)
    prune.random_unstructured(layer, "weight", amount)
    count = amount if isinstance(amount, int) else int(amount * 16)
    assert int(layer.weight_mask.sum()) == 16 - count
    other = nn.Linear(4, 4)
    prune.random_structured(other, "weight", amount, dim=0)
    rows = amount if isinstance(amount, int) else int(amount * 4)
    assert int((other.weight_mask.sum(1) == 0).sum()) == rows
    assert int(other.weight_mask.sum()) == 16 - 4 * rows


def test_a_mask_that_cannot_be_made_leaves_the_module_alone():
    layer = nn.Linear(3, 2)
    names = list(layer.state_dict())
    for prunes, error in [
        (lambda: prune.custom_from_mask(layer, "weight", betty.ones(3)), ValueError),
        (lambda: prune.l1_unstructured(layer, "weight", amount=7), ValueError),
        (lambda: prune.ln_structured(layer, "weight", amount=1, n=2, dim=5), IndexError),
    ]:
        with pytest.raises(error):
            prunes()
        assert list(layer.state_dict()) == names and not prune.is_pruned(layer)
        assert isinstance(layer.weight, nn.Parameter)


def test_a_state_goes_from_one_pruned_module_to_another():
    first, second = net(), net()
    for model, amount in ((first, 5), (second, 1)):
        prune.l1_unstructured(model[2], "weight", amount=amount)
    second.load_state_dict(first.state_dict())
    x = betty.randn(2, 4)
    assert first(x).tolist() == second(x).tolist()


def test_methods_of_a_parameter_are_kept_in_order():
    layer = nn.Linear(4, 4)
    prune.l1_unstructured(layer, "weight", amount=2)
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    (hook,) = layer._forward_pre_hooks.values()
    held = hook.call
    assert isinstance(held, prune.PruningContainer) and len(held) == 2
    assert [type(method) for method in held] == [prune.L1Unstructured, prune.LnStructured]
    other = prune.L1Unstructured(1)
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="named 'weight'"):
        held.add_pruning_method(other)
