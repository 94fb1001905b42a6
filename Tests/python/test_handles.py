"""Problems and the engine at the level of _native: callbacks, what they raise, what is left."""

import gc
import os
import signal
import threading
import time
import weakref

import betty
import pytest
from betty import _native


class Parameter(betty.Tensor):
    pass


def parameter(value):
    return _native.make_parameter(Parameter, betty.tensor(value), True)


def problem(w, step, name="p", options=None, **callbacks):
    handle = _native.ProblemHandle(name, options or {}, {"training_step": step, **callbacks})
    handle.set_parameters([w])
    optimizer = _native.OptimizerHandle("SGD")
    optimizer.add_group([w], {"lr": 0.1})
    handle.set_optimizer(optimizer)
    return handle


def engine(problems, iterations=10, **callbacks):
    return _native.EngineHandle(problems, {"train_iters": iterations}, callbacks)


def test_a_problem_descends():
    w = parameter([1.0, 2.0])
    run = engine([problem(w, lambda fresh: (w * w).sum())], 3)
    run.run()
    assert w.tolist() == pytest.approx([0.8**3, 2 * 0.8**3])
    assert run.global_step == 3


@pytest.mark.parametrize("place", ["training_step", "param_callback", "grad_callback", "log"])
def test_an_exception_in_a_callback_is_itself(place):
    class Mine(Exception):
        pass

    w = parameter([1.0])
    steps = []

    def fail():
        if len(steps) == 3:
            raise Mine(place)

    def step(fresh):
        steps.append(fresh)
        if place == "training_step":
            fail()
        return (w * w).sum()

    callbacks = {} if place == "training_step" else {place: fail}
    made = problem(w, step, options={"log_step": 1}, **callbacks)
    run = engine([made])
    with pytest.raises(Mine, match=place):
        run.run()
    before = w.tolist()
    assert before[0] == pytest.approx(
        0.8**2 if place in ("training_step", "grad_callback") else 0.8**3
    )
    run.train_step()  # the engine goes on
    assert w.tolist()[0] < before[0]


def seconds_after_ctrl_c(work):
    """How long `work` goes on after Ctrl-C, which it is to end with."""
    sent = []

    def interrupt():
        time.sleep(0.3)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what it runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    return time.monotonic() - sent[0]


def test_ctrl_c_stops_a_run_within_a_second():
    w = parameter([1.0])
    run = engine([problem(w, lambda fresh: (w * w).sum())], 10**9)
    assert seconds_after_ctrl_c(run.run) < 1
    assert 0 <= w.item() < 1
    run.train_step()


def long_chain(x, count):
    """Products that take many seconds."""
    for _ in range(count):
        x = x @ WIDE
    return x


WIDE = betty.eye(1800)


def test_ctrl_c_stops_one_long_evaluation_within_a_second():
    chain = long_chain(betty.ones(1800, 1800), 100)
    assert seconds_after_ctrl_c(lambda: chain.sum().item()) < 1
    assert (betty.ones(3) + 1).tolist() == [2, 2, 2]


def test_ctrl_c_stops_one_long_step_within_a_second():
    w = parameter([1.0])
    run = engine([problem(w, lambda fresh: (long_chain(w * WIDE, 100) * w).sum())], 10)
    assert seconds_after_ctrl_c(run.run) < 1
    assert w.item() == 1


def test_wrong_losses():
    w = parameter([1.0, 2.0])
    other = parameter([1.0])
    for step, error, part in (
        (lambda fresh: w * w, ValueError, "scalar"),
        (lambda fresh: 1.0, TypeError, "Tensor"),
        (lambda fresh: None, TypeError, "Tensor"),
        (lambda fresh: (other * 2).sum(), RuntimeError, "none of its parameters"),
        (lambda fresh: (w * float("nan")).sum().long(), ValueError, "scalar"),
    ):
        run = engine([problem(w, step)])
        with pytest.raises(error, match=part):
            run.run()
        assert w.tolist() == [1, 2]


def test_wrong_dependencies():
    w, v = parameter([1.0]), parameter([1.0])
    a = problem(w, lambda fresh: (w * w).sum(), "a")
    b = problem(v, lambda fresh: (v * v).sum(), "b")
    run = engine([a, b])
    run.depend("l2u", 0, 1)
    run.depend("l2u", 1, 0)
    with pytest.raises(ValueError, match="cycle"):
        run.start()
    with pytest.raises(IndexError, match="problem 7"):
        run.depend("l2u", 0, 7)
    with pytest.raises(ValueError, match="l2u"):
        run.depend("sideways", 0, 1)


def test_unknown_options_name_the_known_ones():
    with pytest.raises(KeyError, match="unroll_steps"):
        _native.ProblemHandle("p", {"unrol_steps": 1}, {"training_step": print})
    with pytest.raises(KeyError, match="train_iters"):
        _native.EngineHandle([], {"iters": 1}, {})
    with pytest.raises(KeyError, match="momentum"):
        _native.OptimizerHandle("SGD").add_group([parameter([1.0])], {"momentun": 0.9})
    with pytest.raises(KeyError, match="Adam"):
        _native.OptimizerHandle("Adan")
    assert _native.optimizer_hyperparameters("SGD")["momentum"] == 0


def test_optimizer_state():
    w = parameter([1.0, 2.0])
    optimizer = _native.OptimizerHandle("Adam")
    optimizer.add_group([w], {"lr": 0.5})
    (w * w).sum().backward()
    names = optimizer.state_names(0)
    assert optimizer.state(w, names[0]) is None
    optimizer.step()
    assert w.tolist() == pytest.approx([0.5, 1.5], abs=1e-4)
    assert optimizer.steps(w) == 1
    kept = optimizer.state(w, names[0])
    assert kept.shape == w.shape
    optimizer.set_state(w, names[0], betty.zeros(2))
    assert optimizer.state(w, names[0]).tolist() == [0, 0]
    optimizer.set(0, "lr", 0.25)
    assert optimizer.get(0, "lr") == 0.25
    with pytest.raises(IndexError, match="group 3"):
        optimizer.get(3, "lr")
    optimizer.zero_grad()
    assert w.grad is None


def test_a_tensor_takes_attributes_and_weak_references():
    tensor = betty.ones(2) * 2
    tensor.update = "next"
    assert tensor.update == "next" and vars(tensor) == {"update": "next"}
    watched = weakref.ref(tensor)
    tensor.itself = tensor  # a cycle, which the collector finds
    del tensor
    gc.collect()
    assert watched() is None
    with pytest.raises(AttributeError, match="no attribute 'upgrade'"):
        betty.ones(2).upgrade
