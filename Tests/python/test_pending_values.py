"""What is recorded and not computed yet when something else is computed, stepped or changed."""

import betty
import betty.nn.functional as F
import pytest
from betty import nn, optim


def linear(inputs, outputs, value):
    layer = nn.Linear(inputs, outputs)
    with betty.no_grad():
        layer.weight.fill_(value)
        layer.bias.fill_(0.1)
    return layer


# Backward passes with a step between them


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("retain", [False, True])
def test_another_optimizer_steps_between_two_backward_passes(read, retain):
    generator, critic = linear(2, 3, 0.5), linear(3, 1, 0.25)
    adam = optim.SGD(critic.parameters(), lr=0.1)
    fake = generator(betty.ones(4, 2))
    loss = F.softplus(critic(fake.detach() if not retain else fake)).mean()
    loss.backward(retain_graph=retain)
    if read:
        loss.item()
    adam.step()
    generator.zero_grad()
    F.softplus(-critic(fake)).mean().backward()
    # d/df softplus(-d) = -sigmoid(-d) w, with w and d after the step.
    weight, d = critic.weight.detach()[0], critic(fake).detach()
    expected = (-betty.sigmoid(-d) * weight).mean(0)
    assert betty.allclose(generator.bias.grad, expected)


def test_what_backward_went_through_is_gone_after_the_step():
    layer = linear(2, 1, 0.5)
    sgd = optim.SGD(layer.parameters(), lr=0.1)
    loss = layer(betty.ones(3, 2)).square().sum()
    loss.backward()
    sgd.step()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_held_values_leave_parameters_their_memory():
    layer = nn.Linear(64, 64)
    sgd = optim.SGD(layer.parameters(), lr=0.01)
    held = []
    sizes = []
    for _ in range(6):
        output = layer(betty.ones(4, 64))
        loss = output.square().mean()
        loss.backward()
        sgd.step()
        sgd.zero_grad()
        held = [output, loss]
        sizes.append(betty.memory_stats()["current"])
    assert len(held) == 2 and sizes[2:] == [sizes[2]] * 4


# Views


@pytest.mark.parametrize("change_base", [False, True])
@pytest.mark.parametrize(
    "look",
    [lambda b: b[1], lambda b: b.t()[:, 1], lambda b: b[1:2, :].view(2), lambda b: b.detach()[1]],
)
def test_a_view_used_in_a_step_stays_a_view(look, change_base):
    bank = betty.zeros(3, 2)
    row = look(bank)
    w = nn.Parameter(betty.ones(2))
    sgd = optim.SGD([w], lr=0.1)
    (w * row).sum().backward()
    sgd.step()
    if change_base:
        bank.add_(1)
        assert row.tolist() == [1, 1]
    else:
        row.add_(1)
        assert bank.tolist() == [[0, 0], [1, 1], [0, 0]]


def test_a_view_read_without_gradients_keeps_its_gradient():
    p = betty.ones(3, requires_grad=True)
    a = p * 1
    view = a[None]
    a.mul_(2)
    with betty.no_grad():
        assert view.sum().item() == 6
    view.sum().backward()
    assert p.grad.tolist() == [2, 2, 2]


# Vectors that were changed in place


def changed(how):
    q = betty.zeros(2)
    if how == "read first":
        q.tolist()
    if how == "view":
        q[:].add_(1)
    elif how == "items":
        q[0], q[1] = 1, 1
    else:
        q += 1
    return q


@pytest.mark.parametrize("how", ["plain", "read first", "view", "items"])
def test_vectors_are_read_as_they_are(how):
    w = betty.ones(2, requires_grad=True)
    assert betty.autograd.grad(w * w, w, grad_outputs=changed(how))[0].tolist() == [2, 2]
    (w * w).backward(changed(how))
    assert w.grad.tolist() == [2, 2]
    _, pull = betty.func.vjp(lambda x: x * x, betty.ones(2))
    assert pull(changed(how))[0].tolist() == [2, 2]
    _, tangent = betty.func.jvp(lambda x: x * x, (betty.ones(2),), (changed(how),))
    assert tangent.tolist() == [2, 2]
    _, product = betty.autograd.functional.hvp(lambda x: (x**3).sum(), betty.ones(2), changed(how))
    assert product.tolist() == [6, 6]
    assert betty.func.vmap(lambda x: x * 2)(changed(how)).tolist() == [2, 2]


def test_a_hook_may_change_the_gradient_it_gives_back():
    w = betty.ones(2, requires_grad=True)
    y = w * 2

    def hook(gradient):
        other = betty.zeros_like(gradient)
        other[0] = 3
        return other

    y.register_hook(hook)
    y.sum().backward()
    assert w.grad.tolist() == [6, 0]


def test_gradients_changed_in_place_are_clipped_as_they_are():
    w = nn.Parameter(betty.ones(2))
    (w * w).sum().backward()
    w.grad.mul_(10)
    assert nn.utils.clip_grad_norm_([w], 1.0).item() == pytest.approx(800**0.5)
    assert w.grad.norm().item() == pytest.approx(1, rel=1e-4)


# Chains that nobody reads for long


def update_in_place(w, _):
    with betty.no_grad():
        w -= 0.01 * w.grad
        w.grad = None
    return w


def update_data(w, _):
    w.data -= 0.01 * w.grad
    w.grad = None
    return w


def update_anew(w, _):
    return (w - 0.01 * w.grad).detach().requires_grad_()


def update_with_momentum(w, state):
    with betty.no_grad():
        state["m"] = 0.9 * state.get("m", 0) + w.grad
        w -= 0.01 * state["m"]
        w.grad = None
    return w


@pytest.mark.parametrize(
    "update", [update_in_place, update_data, update_anew, update_with_momentum]
)
def test_updates_by_hand_are_computed_once(update):
    w, x, state = betty.ones(3, requires_grad=True), betty.ones(3), {}
    launched = []
    for _ in range(12):
        before = betty.counters()["kernels_launched"]
        loss = ((w * x) ** 2).sum()
        loss.backward()
        w = update(w, state)
        loss.item()
        launched.append(betty.counters()["kernels_launched"] - before)
    assert len(set(launched[4:])) == 1


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_states_are_computed_once(needs_gradient):
    state = betty.ones(3, requires_grad=needs_gradient) * 1
    launched, compiled = [], []
    for _ in range(20):
        before = betty.counters()
        y = state.sum()
        state = state * 0.9 + 1
        y.item()
        after = betty.counters()
        launched.append(after["kernels_launched"] - before["kernels_launched"])
        compiled.append(after["compilations"] - before["compilations"])
    assert len(set(launched[6:])) == 1 and sum(compiled[6:]) == 0


def average_in_place(average, parameter):
    with betty.no_grad():
        average.mul_(0.99).add_(parameter * 0.01)
    return average


def average_data(average, parameter):
    average.data.mul_(0.99).add_(parameter.data, alpha=0.01)
    return average


def average_anew(average, parameter):
    return 0.99 * average + 0.01 * parameter.detach()


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("average_of", [average_in_place, average_data, average_anew])
def test_averages_of_parameters_keep_no_old_ones(average_of, by_hand):
    layer = nn.Linear(1000, 1000, bias=False)
    sgd = optim.SGD(layer.parameters(), lr=0.01)
    average = betty.zeros(1000, 1000)
    x = betty.ones(1, 1000)
    start = betty.memory_stats()["current"]
    peaks = []
    for _ in range(60):
        layer(x).square().mean().backward()
        if by_hand:
            layer.weight.data.sub_(layer.weight.grad, alpha=0.01)
        else:
            sgd.step()
        layer.weight.grad = None
        average = average_of(average, layer.weight)
        peaks.append(betty.memory_stats()["current"] - start)
    # Updates by hand are computed once 64 MB of former values are there.
    most = 40 if by_hand else 8
    assert max(peaks) < most * 4_000_000
    assert average.isfinite().all().item()


# Binary cross-entropy


@pytest.mark.parametrize(
    ("p", "slope"),
    [(1e-11, -3e10), (1e-20, -3e11), (0.0, -3e11), (1.0, 7e11), (0.001, -299.2993)],
)
def test_saturated_probabilities_have_pytorchs_slope(p, slope):
    x = betty.tensor([p], requires_grad=True)
    F.binary_cross_entropy(x, betty.tensor([0.3])).backward()
    assert x.grad.item() == pytest.approx(slope, rel=1e-4)


# vmap over Jacobians


def test_jacobians_that_depend_on_no_example():
    weight = betty.ones(2, 5)
    parameters = {"w": betty.ones(5, 3), "b": betty.ones(2)}

    def model(p, x):
        return weight @ betty.tanh(p["w"] @ x) + p["b"]

    jacobians = betty.func.vmap(betty.func.jacrev(model), (None, 0))(parameters, betty.ones(4, 3))
    assert jacobians["b"].tolist() == [[[1, 0], [0, 1]]] * 4
    assert jacobians["w"].shape == (4, 2, 5, 3)


def test_a_pass_without_gradients_keeps_its_result_only():
    layers = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    x = betty.ones(4, 8)
    betty.evaluate(x, *layers.parameters())

    def allocations():
        before = betty.counters()["allocations"]
        with betty.no_grad():
            layers(x).sum().item()
        return betty.counters()["allocations"] - before

    allocations()
    assert allocations() == 1
