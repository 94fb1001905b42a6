"""The state of an optimizer: what is changed in it is changed in the optimizer."""

import copy
from collections import defaultdict

import betty
import numpy as np
import pytest
from betty import nn
from betty.optim import SGD, Adagrad, Adam, RMSprop
from test_optim import drive


class TestStateIsLive:
    """What is changed in ``state`` is changed in the optimizer."""

    @staticmethod
    def over(params, kind=Adam, **options):
        return kind([{"params": [each]} for each in params], lr=0.1, **options)

    def made(self, kind=Adam, **options):
        params = [nn.Parameter(betty.ones(2)), nn.Parameter(betty.ones(3))]
        optimizer = self.over(params, kind, **options)
        for step in range(3):
            drive(optimizer, params, step)
        return optimizer, params

    def after(self, change, kind=Adam, **options):
        """Where a parameter goes in two more steps."""
        optimizer, params = self.made(kind, **options)
        change(optimizer, params)
        moved = [p.detach().numpy().copy() for p in params]
        for step in range(2):
            drive(optimizer, params, step)
        return [p.detach().numpy() - before for p, before in zip(params, moved, strict=True)]

    @pytest.mark.parametrize(("kind", "options"), [
        (Adam, {"amsgrad": True}), (SGD, {"momentum": 0.9, "dampening": 0.5}),
        (Adagrad, {"initial_accumulator_value": 0.3}), (RMSprop, {"momentum": 0.5}),
    ])  # fmt: skip
    def test_without_state_it_begins_anew(self, kind, options):
        def fresh(optimizer, params):
            optimizer.__init__(params, lr=0.1, **options)

        def popped(optimizer, params):
            for param in params:
                assert optimizer.state.pop(param)
            assert optimizer.state.pop(params[0], None) is None

        def exchanged(optimizer, params):
            optimizer.state = defaultdict(dict)

        def emptied(optimizer, params):
            for param in params:
                optimizer.state[param].clear()

        def loaded(optimizer, params):
            optimizer.load_state_dict(self.over(params, kind, **options).state_dict())

        wanted = self.after(fresh, kind, **options)
        kept = self.after(lambda optimizer, params: None, kind, **options)
        assert any((a != b).any() for a, b in zip(wanted, kept, strict=True))

        def cleared(optimizer, params):
            optimizer.state.clear()

        for change in (cleared, popped, exchanged, emptied, loaded):
            for got, expected in zip(self.after(change, kind, **options), wanted, strict=True):
                np.testing.assert_array_equal(got, expected)

    def test_it_is_a_mapping_by_parameter(self):
        optimizer, (a, b) = self.made()
        state = optimizer.state
        assert len(state) == 2 and a in state and list(state) == [a, b] and "a" not in state
        moment = state[a]["exp_avg"].clone()
        kept = state.pop(a)
        assert kept["exp_avg"].tolist() == moment.tolist() and kept["step"] == 3
        assert a not in state and len(state) == 1 and state[a] == {}
        state[a] = kept
        assert state[a]["exp_avg"].tolist() == moment.tolist()
        state[a]["step"] = 9
        state[a]["exp_avg"] = betty.zeros(2)
        state[a]["exp_avg_sq"].mul_(0)
        state[a].update(step=10)
        assert state[a]["step"] == 10 and state[a]["exp_avg_sq"].tolist() == [0, 0]
        assert optimizer.state_dict()["state"][0]["exp_avg"].tolist() == [0, 0]
        assert set(copy.deepcopy(state[b])) == set(state[b]) and len(copy.deepcopy(state)) == 2
        for missing in (nn.Parameter(betty.ones(2)), 0):
            with pytest.raises(KeyError, match="in none of its groups"):
                state[missing]
        del state[b]
        with pytest.raises(KeyError, match="has no state"):
            del state[b]

    def test_another_optimizers_state(self):
        first, params = self.made()
        second = self.over(params)
        second.state = first.state
        for got, wanted in zip(second.state.values(), first.state.values(), strict=True):
            assert got["exp_avg"].tolist() == wanted["exp_avg"].tolist()
            assert got["step"] == wanted["step"] == 3
