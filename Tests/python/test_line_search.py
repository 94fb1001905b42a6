"""The line search of L-BFGS finds a length that satisfies the strong Wolfe conditions."""

import betty
import betty.nn.functional as F
import pytest
from betty import nn, optim

# Where the first length is too long or too short, and where the slope on the way falls or rises.
CURVES = {
    "kinked": lambda x: -x + 6 * F.softplus(x * 200 - 180, 1.0) / 200,
    "bent late": lambda x: -x + 40 * F.softplus(x * 100 - 60, 1.0) / 100,
    "long": lambda x: (x - 40) ** 2 / 80,
    "waves": lambda x: (x - 3) ** 2 / 6 - (9 * x).sin() / 20,
    "short": lambda x: 50 * (x - 0.01) ** 2,
    "quartic": lambda x: (x - 0.5) ** 4 - x,
}


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("name", CURVES)
def test_the_strong_wolfe_conditions_hold(name, scale):
    x = nn.Parameter(betty.zeros(1, dtype=betty.float64))
    rule = optim.LBFGS([x], lr=1.0, max_iter=1, max_eval=100, line_search_fn="strong_wolfe")
    count = 0

    def closure():
        nonlocal count
        count += 1
        rule.zero_grad()
        loss = scale * CURVES[name](x).sum()
        loss.backward()
        return loss

    def at():
        return closure().item(), x.grad.item()

    before, slope = at()
    count = 0
    rule.step(closure)
    used = count
    after, end = at()
    direction = -slope
    length = x.item() / direction
    assert length > 0 and used <= 15
    assert after <= before + 1e-4 * length * slope * direction
    assert abs(end) <= 0.9 * abs(slope)
