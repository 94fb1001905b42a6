"""Optimizers and schedules against what PyTorch did on the same (see optim_cases)."""

import copy
import json
import pathlib
import pickle

import betty
import numpy as np
import optim_cases as cases
import pytest
from betty import nn, optim
from betty.optim import lr_scheduler

RECORDED = json.loads((pathlib.Path(__file__).parent / "optim_recorded.json").read_text())
NEW = [name for name in cases.OPTIMIZERS if name not in ("sgd", "adagrad")]


def optimized(kind, options, steps, dtype=betty.float64):
    p = nn.Parameter(betty.tensor(cases.START, dtype=dtype))
    optimizer = getattr(optim, kind)([p], **options)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        cases.loss(p, step).backward()
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 3e-6)])
def test_numbers_and_state_names_are_pytorchs(name, dtype, tolerance):
    p, optimizer = optimized(*cases.OPTIMIZERS[name], cases.STEPS, getattr(betty, dtype))
    recorded = RECORDED["optimizers"][name]
    np.testing.assert_allclose(p.tolist(), recorded["values"], rtol=tolerance, atol=tolerance)
    assert set(recorded["state"]) <= {"step", *optimizer.state_dict()["state"][0]}


@pytest.mark.parametrize("name", NEW)
def test_state_round_trip(name):
    kind, options = cases.OPTIMIZERS[name]
    _, first = optimized(kind, options, 3)
    whole, _ = optimized(kind, options, 5)
    half, _ = optimized(kind, options, 3)
    second = getattr(optim, kind)([half], lr=0.777)
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    for step in (4, 5):
        second.zero_grad()
        cases.loss(half, step).backward()
        second.step()
    assert np.array_equal(half.detach().numpy(), whole.detach().numpy())


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_rates_are_pytorchs(name):
    def start():
        groups = [nn.Parameter(betty.zeros(1)), nn.Parameter(betty.zeros(1))]
        optimizer = optim.SGD(
            [{"params": [groups[0]]}, {"params": [groups[1]], "lr": 0.2}], lr=0.4, momentum=0.9
        )
        return optimizer, cases.SCHEDULES[name](lr_scheduler, optimizer)

    optimizer, schedule = start()
    rows = [cases.rates(optimizer)]
    for step in range(cases.SCHEDULE_STEPS):
        cases.move(schedule, step)
        rows.append(cases.rates(optimizer))
        assert schedule.get_last_lr() == [row[0] for row in rows[-1]]
        if step == 6:
            kept = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
    np.testing.assert_allclose(rows, RECORDED["schedules"][name], rtol=1e-12, atol=1e-15)
    optimizer, schedule = start()
    optimizer.load_state_dict(kept[0])
    schedule.load_state_dict(kept[1])
    for step in range(7, cases.SCHEDULE_STEPS):
        cases.move(schedule, step)
        np.testing.assert_allclose(cases.rates(optimizer), rows[step + 1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1), "total_steps"),
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=-1), "-1"),
        (lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="round"), "mode"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "best"), "best"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.5), "1.5"),
        (lambda o: lr_scheduler.LinearLR(o, 0.0), "start_factor"),
        (lambda o: lr_scheduler.ConstantLR(o, 2.0), "2.0"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)], [3]), "milestone"),
        (lambda o: lr_scheduler.ChainedScheduler([]), "at least one"),
        (lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(o)]), "metric"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0), "T_0"),
    ],
)
def test_mistakes_are_named(make, text):
    with pytest.raises(ValueError, match=text):
        make(optim.SGD([nn.Parameter(betty.ones(1))], lr=0.4, momentum=0.9))
