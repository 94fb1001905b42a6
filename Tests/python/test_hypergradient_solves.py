"""cg from call to call: where it starts, when it stops, what a resumed run goes on from."""

import betty
import numpy as np
import pytest
from betty.hypergradient import CG
from test_hypergradient_paths import GRAPHS, SIZE, build


def test_starts_from_the_last_solution():
    steps = {}
    for warm in (False, True):
        edges, hyper, slopes = GRAPHS["two levels"]
        engine, problems, _ = build(
            edges, hyper, {"a": CG(iterations=20, tolerance=1e-10, warm_start=warm)}, slopes
        )
        engine.run()
        engine.run()
        steps[warm] = problems["u"].hypergradient_info[0].numbers["iterations"]
    assert steps[False] > 0
    assert steps[True] == 0


def test_no_iterations_follow_the_last_one():
    """A limit that is not reached costs nothing: the same kernels are launched."""
    edges, hyper, slopes = GRAPHS["two levels"]
    kernels = {}
    for limit in (20, 2000):
        engine, problems, _ = build(
            edges, hyper, {"a": CG(iterations=limit, tolerance=1e-10)}, slopes
        )
        engine.run()  # compiles
        before = betty.counters()["kernels_launched"]
        engine.run()
        kernels[limit] = betty.counters()["kernels_launched"] - before
        assert problems["u"].hypergradient_info[0].numbers["iterations"] == SIZE["a"]
    assert kernels[20] == kernels[2000]


def test_a_resumed_run_goes_on_from_the_last_solution():
    edges, hyper, slopes = GRAPHS["diamond"]

    def made():
        types = dict.fromkeys("abc", CG(iterations=2, warm_start=True))
        return build(edges, hyper, types, slopes)

    whole, problems, _ = made()
    for _ in range(6):
        whole.run()
    first, _, _ = made()
    for _ in range(2):
        first.run()
    saved = first.state_dict()
    keys = list(saved["problems"]["u"]["hypergradient"])
    assert len(keys) == 4 and "u b a u 1 solution 0" in keys  # two paths of two problems
    second, resumed, _ = made()
    second.load_state_dict(saved)
    for _ in range(4):
        first.run()  # what was saved stays what it was
        second.run()
    np.testing.assert_array_equal(
        resumed["u"].module.value.detach().numpy(), problems["u"].module.value.detach().numpy()
    )
    with pytest.raises(KeyError, match="no method keeps 'x'"):
        resumed["u"].load_state_dict({"hypergradient": {"x": betty.zeros(1)}})
    with pytest.raises(ValueError, match=r"is f64\[3\], got f32\[1\]"):
        resumed["u"].load_state_dict({"hypergradient": {"u b a u 2 solution 0": betty.zeros(1)}})
    plain, _, _ = build(edges, hyper, {}, slopes)
    plain.run()
    assert "hypergradient" not in plain.state_dict()["problems"]["u"]
