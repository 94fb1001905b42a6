"""Loaders of problems: what of theirs a batch is, what a program may read and exchange."""

import betty
import numpy as np
import pytest
from betty.configs import Config
from test_problem_inputs import LOADER, single
from test_problems import TARGET, A, Lower, Upper, link, make


@pytest.mark.parametrize("replay", [False, True])
def test_rows_that_the_engine_deals_out_are_a_tuple(replay):
    def step(self, batch):
        assert type(batch) is tuple
        return ((self.module() * batch[0] - batch[1]) ** 2).mean()

    data = betty.utils.data.TensorDataset(betty.ones(4, 1), betty.ones(4, 1))
    loader = betty.utils.data.DataLoader(data, 2)
    engine, only = single(step, config=Config(replay=replay), train_data_loader=loader)
    engine.run()
    assert type(only.cur_batch) is tuple and only.train_data_loader == [loader]


def test_one_loader_in_a_tuple_is_one():
    engine, only = single(lambda self, batch: (self.module() * batch[0]).sum(),
                          train_data_loader=(LOADER,))  # fmt: skip
    engine.run()
    assert only.cur_batch[0].item() == 1 and len(only.cur_batch) == 2


def test_a_loader_of_a_problem_serves_another():
    _, only = single(lambda self, batch: (self.module() * batch[0]).sum())
    engine, other = single(lambda self, batch: (self.module() * batch[0]).sum(),
                           train_data_loader=only.train_data_loader)  # fmt: skip
    engine.run()
    assert other.train_data_loader == [LOADER] and len(other.cur_batch) == 2


def test_iterators_under_way():
    seen = []

    def step(self, batch):
        seen.append(batch[0].item())
        return (self.module() * batch[0]).sum()

    loader = [(betty.tensor(float(i)),) for i in range(4)]
    engine, only = single(step, iterations=1, train_data_loader=loader)
    engine.run()
    assert next(only.train_data_iterator[0])[0].item() == 1
    engine.run()
    only.train_data_iterator[0] = iter(loader[3:])
    engine.run()
    engine.run()
    assert seen == [0, 2, 3, 0] and len(only.train_data_iterator) == 1
    assert only.epoch_counter == [1]


@pytest.mark.parametrize("kind", [list, dict.fromkeys])
def test_a_loader_that_is_replaced_is_gone_through_to_its_end(kind):
    seen, ends = [], []

    class Seeing(Lower):
        def get_batch(self):
            number = super().get_batch()
            seen.append(number)
            return (A * number,)

        def epoch_callback(self):
            ends.append(len(seen))

    low = make(Seeing, "lower", Config(type="exact"), np.ones(3), 0.1, kind([1, 2, 3]))
    up = make(Upper, "upper", Config(), np.ones(3), 0.05, [(TARGET,)])
    engine = link(up, low, 2)
    low.set_train_data_loader(kind([4, 5]))  # before the first batch: the other has begun
    engine.run()
    low.set_train_data_loader(kind([6, 7]))
    engine.run()
    engine.run()
    assert (seen, ends, low.epoch_counter) == ([1, 2, 3, 6, 7, 6], [3, 5], [2])
