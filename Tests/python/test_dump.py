"""betty.dump: what the engine made of recorded Python."""

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem


def test_tensor():
    text = betty.dump(betty.tensor([1.0, 2.0]).exp() * 2)
    assert "exp(" in text and "return %" in text
    assert text.count("program: 1 steps, ") == 1 and "arena of" in text
    assert "0 tile " in text


def test_computed_tensor():
    x = betty.ones(4)
    x.numpy()
    assert betty.dump(x) == "computed: f32[4]"


def test_what_is_neither():
    with pytest.raises(TypeError, match="dump: expected a Tensor or a Problem, got int"):
        betty.dump(3)


@pytest.mark.parametrize("replay", [False, True])
def test_problem(replay):
    class Fit(ImplicitProblem):
        def training_step(self, batch):
            return (self.module(batch) ** 2).sum()

    layer = nn.Linear(3, 1)
    sgd = betty.optim.SGD(layer.parameters(), lr=0.1)
    fit = Fit("fit", Config(replay=replay), layer, sgd, train_data_loader=[betty.ones(2, 3)])
    assert fit.dump() == "problem 'fit'"
    Engine([fit], EngineConfig(train_iters=3), {}).run()
    text = betty.dump(fit)
    assert text.startswith("problem 'fit', step 3\nstructure 0\nrecording: graph(")
    assert "matmul" in text and "step: graph(" in text and "program: " in text
    assert ("replayed as step: graph(" in text) == replay


def test_structures_come_by_how_often_they_were_used():
    class Fit(ImplicitProblem):
        def training_step(self, batch):
            return (self.module(batch) ** 2).mean()

    net = nn.Linear(2, 1)
    batches = [betty.ones(rows, 2) for rows in (3, 5, 5, 5, 5)]
    rule = betty.optim.SGD(net.parameters(), lr=0.1)
    fit = Fit("fit", Config(), net, rule, train_data_loader=batches)
    Engine([fit], EngineConfig(train_iters=10), {}).run()
    first, second = betty.dump(fit).split("structure 1")
    assert "f32[5, 2]" in first and "f32[3, 2]" in second
