"""Hooks of modules on gradients."""

import betty
import numpy as np
from betty import nn


def network():
    betty.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def test_gradients_of_inputs_and_outputs_are_seen():
    model, seen = network(), []
    x = betty.randn(5, 3)
    model[1].register_full_backward_hook(lambda m, i, o: seen.append((i, o)))
    model[0].register_full_backward_hook(lambda m, i, o: seen.append((i, o)))
    model(x).sum().backward()
    (inner_in, inner_out), (first_in, first_out) = seen
    wanted = np.repeat(model[2].weight.detach().numpy(), 5, 0)
    np.testing.assert_allclose(inner_out[0], wanted, rtol=1e-6)
    slope = 1 - np.tanh(model[0](x).detach().numpy()) ** 2
    np.testing.assert_allclose(inner_in[0], wanted * slope, rtol=1e-5)
    assert first_in == (None,)
    np.testing.assert_allclose(first_out[0], inner_in[0], rtol=1e-6)


def test_a_result_replaces_the_gradient():
    model, x = network(), betty.randn(5, 3)
    model(x).sum().backward()
    plain = model[0].weight.grad.clone()
    model.zero_grad()
    handle = model[1].register_full_backward_hook(lambda m, i, o: (i[0] * 2,))
    model(x).sum().backward()
    np.testing.assert_allclose(model[0].weight.grad, 2 * plain, rtol=1e-6)
    handle.remove()
    model.zero_grad()
    before = model[1].register_full_backward_pre_hook(lambda m, o: (o[0] * 3,))
    model(x).sum().backward()
    np.testing.assert_allclose(model[0].weight.grad, 3 * plain, rtol=1e-6)
    before.remove()
    model.zero_grad()
    model(x).sum().backward()
    np.testing.assert_allclose(model[0].weight.grad, plain, rtol=1e-6)
