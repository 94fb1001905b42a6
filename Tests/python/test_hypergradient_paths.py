"""Every method on graphs of quadratic problems of two to four levels, against closed forms.

Problem p has the loss 1/2 x_p A_p x_p - x_p sum_q B_pq x_q; along a path p -> q the vector v
becomes S(v) B_pq, S being what the method of p takes for the inverse of A_p.
"""

import itertools
import warnings

import betty
import numpy as np
import pytest
from betty import _native, nn, optim
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.hypergradient import (
    CG,
    Darts,
    Exact,
    Method,
    Neumann,
    Reinforce,
    Sama,
    methods,
    register,
)
from betty.problems import ImplicitProblem

SIZE = {"u": 2, "w": 4, "a": 3, "b": 4, "c": 5}


def solved(a, v):
    return np.linalg.solve(a, v)


def same(a, v):
    return v


def series(a, v):
    total, term = v.copy(), v.copy()
    for _ in range(6):
        term = term - 0.2 * a @ term
        total = total + term
    return 0.2 * total


def own(vector, lower, upper):
    """The series again, by hand."""
    total = term = vector
    for _ in range(6):
        term = [t - 0.2 * h for t, h in zip(term, lower.hvp(term), strict=True)]
        total = [s + t for s, t in zip(total, term, strict=True)]
    return lower.mixed([0.2 * s for s in total])


register("series", own)
# method, what it does to a vector, tolerance: the difference of a quadratic loses half the digits.
METHODS = [
    (Darts(), same, 1e-8),
    (Sama(), same, 1e-8),
    (Exact(), same, 1e-11),
    (Reinforce(), same, 1e-11),
    (Neumann(iterations=6, alpha=0.2), series, 1e-11),
    ("series", series, 1e-11),
    (CG(iterations=2), None, 1e-11),
    (CG(iterations=20, tolerance=1e-13), solved, 1e-9),
    (CG(iterations=20, tolerance=1e-13, warm_start=True), solved, 1e-9),
]


def two_steps(a, v):
    x, r, p = 0 * v, v, v
    for _ in range(2):
        step = (r @ r) / (p @ a @ p)
        x, new = x + step * p, r - step * (a @ p)
        p, r = new + (new @ new) / (r @ r) * p, new
    return x


class Quadratic(ImplicitProblem):
    """Its constants are in cfg: A, {q: B_q}, and for an upper problem the slopes of its loss."""

    def training_step(self, batch):
        x = self.module.value
        loss = 0.5 * (x @ (self.cfg["A"] @ x))
        for name, matrix in self.cfg["B"].items():
            loss = loss - x @ (matrix @ getattr(self, name).module.value)
        for name, slope in self.cfg["slope"].items():
            loss = loss + slope @ getattr(self, name).module.value
        return loss


class Values(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.value = nn.Parameter(betty.tensor(values))


def build(edges, hyper, types, slopes, seed=0):
    """edges: (lower, upper) of l2u; a loss depends on its lowers and on who wants its gradient."""
    rs = np.random.RandomState(seed)
    names = sorted({name for edge in edges for name in edge})
    constants, problems = {}, {}
    for name in names:
        root = rs.randn(SIZE[name], SIZE[name]) * 0.4
        others = [low for low, upper in edges if upper == name and name not in hyper]
        others += [u for u, lowers in hyper.items() if name in lowers]
        constants[name] = {
            "A": root @ root.T + np.eye(SIZE[name]),
            "B": {u: rs.randn(SIZE[name], SIZE[u]) for u in others},
            "slope": {low: rs.randn(SIZE[low]) for low in slopes.get(name, ())},
        }
    for name in names:
        start = rs.randn(SIZE[name])
        module = Values(start)
        is_upper = name in hyper
        config = Config(type=types.get(name, "darts"), first_order=True)
        cfg = {
            "A": betty.tensor(constants[name]["A"] * (0 if is_upper else 1)),
            "B": {
                k: betty.tensor(v * (0 if is_upper else 1)) for k, v in constants[name]["B"].items()
            },
            "slope": {k: betty.tensor(v) for k, v in constants[name]["slope"].items()},
        }
        rate = optim.SGD(module.parameters(), lr=1.0 if is_upper else 0.0)
        problems[name] = Quadratic(
            name, config, module, rate, train_data_loader=[0], extra_config=cfg
        )
    dependencies = {"l2u": {}, "u2l": {}}
    for lower, upper in edges:
        dependencies["l2u"].setdefault(problems[lower], []).append(problems[upper])
    for upper, lowers in hyper.items():
        dependencies["u2l"][problems[upper]] = [problems[low] for low in lowers]
    engine = Engine(list(problems.values()), EngineConfig(train_iters=1), dependencies)
    return engine, problems, constants


def expected(problems, constants, solve, upper):
    total = np.zeros(SIZE[upper])
    for path in problems[upper].paths:
        names = [each.name for each in path]
        v = constants[upper]["slope"].get(names[1])
        if v is None:
            continue
        for here, above in itertools.pairwise(names[1:]):
            v = solve(constants[here]["A"], v) @ constants[here]["B"][above]
        total += v
    return total


GRAPHS = {
    "two levels": ([("a", "u")], {"u": ["a"]}, {"u": "a"}),
    "three levels": ([("a", "b"), ("b", "u")], {"u": ["a"]}, {"u": "b"}),
    "four levels": ([("a", "b"), ("b", "c"), ("c", "u")], {"u": ["a"]}, {"u": "c"}),
    "two paths": ([("a", "b"), ("b", "u"), ("a", "u")], {"u": ["a"]}, {"u": "ab"}),
    "diamond": ([("a", "b"), ("a", "c"), ("b", "u"), ("c", "u")], {"u": ["a"]}, {"u": "bc"}),
    "two lowers": ([("a", "u"), ("b", "u")], {"u": ["a", "b"]}, {"u": "ab"}),
    "two uppers": ([("a", "u"), ("a", "w")], {"u": ["a"], "w": ["a"]}, {"u": "a", "w": "a"}),
    "middle too": ([("a", "b"), ("b", "u")], {"u": ["a", "b"]}, {"u": "b"}),
}


@pytest.mark.parametrize("method", METHODS, ids=lambda each: str(each[0]))
@pytest.mark.parametrize("graph", GRAPHS)
def test_agrees_with_the_closed_form(graph, method):
    kind, solve, tolerance = method
    edges, hyper, slopes = GRAPHS[graph]
    types = {name: kind for edge in edges for name in edge if name not in hyper}
    engine, problems, constants = build(edges, hyper, types, slopes)
    start = {name: problems[name].module.value.detach().numpy().copy() for name in hyper}
    engine.run()
    for name in hyper:
        found = start[name] - problems[name].module.value.detach().numpy()
        wanted = expected(problems, constants, solve or two_steps, name)
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_tells_of_every_node():
    edges, hyper, slopes = GRAPHS["three levels"]
    types = {"a": CG(iterations=20, tolerance=1e-12), "b": Neumann(iterations=3, alpha=0.1)}
    engine, problems, _ = build(edges, hyper, types, slopes)
    assert problems["u"].hypergradient_info == []
    engine.run()
    middle, low = problems["u"].hypergradient_info
    assert (middle.problem, middle.type, middle.converged) == ("b", "neumann", False)
    assert middle.numbers["iterations"] == 3
    assert middle.reason == "all 3 iterations are used up"
    assert (low.problem, low.type, low.converged) == ("a", "cg", True)
    assert low.path == ("u", "b", "a", "u")
    assert low.numbers["iterations"] <= 5
    assert low.numbers["residual"] <= 1e-12


def test_damps():
    edges, hyper, slopes = GRAPHS["two levels"]
    engine, problems, constants = build(edges, hyper, {"a": CG(iterations=20, damping=0.7)}, slopes)
    start = problems["u"].module.value.detach().numpy().copy()
    engine.run()
    wanted = expected(
        problems, constants, lambda a, v: np.linalg.solve(a + 0.7 * np.eye(len(a)), v), "u"
    )
    found = start - problems["u"].module.value.detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def indefinite(**options):
    edges, hyper, slopes = GRAPHS["two levels"]
    engine, problems, _ = build(edges, hyper, {"a": CG(iterations=5, **options)}, slopes)
    problems["a"].cfg["A"] = betty.tensor(np.diag([1.0, -2.0, 1.0]))
    return engine, problems


def test_warns_once_of_an_indefinite_hessian():
    engine, problems = indefinite()
    with pytest.warns(RuntimeWarning, match="problem 'u', step 1: cg through 'a': .* not positive"):
        engine.run()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.run()
    assert problems["u"].hypergradient_info[0].numbers["curvature"] < 0


def test_refuses_a_step_on_an_indefinite_hessian_when_strict():
    engine, problems = indefinite(strict=True)
    start = problems["u"].module.value.detach().numpy().copy()
    with pytest.raises(RuntimeError, match="problem 'u', step 1: cg through 'a'"):
        engine.run()
    np.testing.assert_array_equal(problems["u"].module.value.detach().numpy(), start)
    assert problems["u"].count == 0


def test_says_that_a_series_diverges():
    edges, hyper, slopes = GRAPHS["two levels"]
    engine, problems, _ = build(edges, hyper, {"a": Neumann(iterations=30, alpha=3.0)}, slopes)
    engine.run()
    assert problems["u"].hypergradient_info[0].reason.startswith("the series diverges")


@pytest.mark.parametrize(
    "kind", ["darts", "sama", "exact", "neumann", CG(iterations=9), "reinforce"]
)
def test_takes_a_zero_vector(kind):
    edges, hyper, slopes = GRAPHS["two levels"]
    engine, problems, _ = build(edges, hyper, {"a": kind}, slopes)
    problems["u"].cfg["slope"]["a"] = betty.tensor(np.zeros(3))
    start = problems["u"].module.value.detach().numpy().copy()
    engine.run()
    np.testing.assert_array_equal(problems["u"].module.value.detach().numpy(), start)


def test_methods_and_objects_have_the_same_options():
    objects = {each.type: each() for each in Method.__subclasses__()}
    assert set(objects) == set(methods())
    for name, method in objects.items():
        own = {key: float(value) for key, value in method.options().items() if key != "type"}
        assert own == dict(_native.hypergradient_options(name))
        for key, value in own.items():
            assert float(getattr(Config(), key)) == value


def test_own_methods_are_checked():
    edges, hyper, slopes = GRAPHS["two levels"]
    register("too_few", lambda vector, lower, upper: [])
    with pytest.raises(ValueError, match="method 'too_few': expected 1 tensors"):
        build(edges, hyper, {"a": "too_few"}, slopes)[0].run()
    register("wrong", lambda vector, lower, upper: vector)
    with pytest.raises(ValueError, match=r"method 'wrong': expected f64\[2\], got f64\[3\]"):
        build(edges, hyper, {"a": "wrong"}, slopes)[0].run()
    register("reads", lambda vector, lower, upper: [vector[0] * float(vector[0].sum())])
    with pytest.raises(RuntimeError, match="its value was given up"):
        build(edges, hyper, {"a": "reads"}, slopes)[0].run()
    with pytest.raises(ValueError, match="'cg' is empty or a built-in"):
        register("cg", own)
    with pytest.raises(ValueError, match="type 'unheard' is unknown, known are darts"):
        build(edges, hyper, {"a": "unheard"}, slopes)


def test_own_methods_may_bring_tensors_along():
    weights = betty.tensor(np.array([1.0, 2.0, 3.0]))
    register("weighted", lambda vector, lower, upper: lower.mixed([weights * vector[0] * 2]))
    edges, hyper, slopes = GRAPHS["two levels"]
    engine, problems, constants = build(edges, hyper, {"a": "weighted"}, slopes)
    start = problems["u"].module.value.detach().numpy().copy()
    engine.run()
    scaled = lambda a, v: v * np.array([2.0, 4.0, 6.0])  # noqa: E731
    wanted = expected(problems, constants, scaled, "u")
    found = start - problems["u"].module.value.detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


class Middle(ImplicitProblem):
    """1/2 x A x + x C y + 1/2 y D y - x B u, with y the solution below."""

    def training_step(self, batch):
        a, b, c, d = self.cfg
        x, y, u = self.module.value, self.low.module.value, self.u.module.value
        return 0.5 * (x @ (a @ x)) + x @ (c @ y) + 0.5 * (y @ (d @ y)) - x @ (b @ u)


class Below(ImplicitProblem):
    """1/2 y E y - y (F x + G u)"""

    def training_step(self, batch):
        e, f, g = self.cfg
        y = self.module.value
        return 0.5 * (y @ (e @ y)) - y @ (f @ self.mid.module.value + g @ self.u.module.value)


class Top(ImplicitProblem):
    def training_step(self, batch):
        return self.cfg @ self.mid.module.value


def nested(kind, low_kind, e, indirect):
    """What the program takes off u, and the pieces of the closed form."""
    rs = np.random.RandomState(3)
    root = rs.randn(3, 3) * 0.3
    m = {
        "A": root @ root.T + 2 * np.eye(3), "B": rs.randn(3, 2), "C": rs.randn(3, 4) * 0.3,
        "D": np.diag([0.3, 0.1, 0.2, 0.4]), "E": e, "F": rs.randn(4, 3) * 0.4,
        "G": rs.randn(4, 2), "s": rs.randn(3),
    }  # fmt: skip

    def make(cls, name, config, size, cfg, rate=0.0):
        module = Values(rs.randn(size))
        optimizer = optim.SGD(module.parameters(), lr=rate)
        values = [betty.tensor(m[key]) for key in cfg]
        cfg = values if len(values) > 1 else values[0]
        return cls(name, config, module, optimizer, train_data_loader=[0], extra_config=cfg)

    top = make(Top, "u", Config(), 2, "s", 1.0)
    mid = make(Middle, "mid", Config(type=kind, include_indirect=indirect), 3, "ABCD")
    low = make(Below, "low", Config(type=low_kind), 4, "EFG")
    start = top.module.value.detach().numpy().copy()
    Engine(
        [top, mid, low],
        EngineConfig(train_iters=1),
        {"u2l": {top: [mid, low], mid: [low]}, "l2u": {low: [mid], mid: [top]}},
    ).run()
    return start - top.module.value.detach().numpy(), m


@pytest.mark.parametrize(
    ("kind", "low_kind"),
    [
        (CG(iterations=6, tolerance=1e-13), Neumann(iterations=80, alpha=0.5)),
        (Neumann(iterations=150, alpha=0.2), Neumann(iterations=80, alpha=0.5)),
        (CG(iterations=6, tolerance=1e-13), CG(iterations=4)),
        # Past convergence, where the residuals are rounding, then zero.
        (CG(iterations=40), CG(iterations=40)),
    ],
)
def test_a_middle_problem_s_own_implicit_gradient_counts(kind, low_kind):
    """dx/du of the nested program: x minimises f(x, y(x)), y(x) = E^-1 (F x + G u)."""
    rs = np.random.RandomState(5)
    root = rs.randn(4, 4) * 0.3
    found, m = nested(kind, low_kind, root @ root.T + np.eye(4), True)
    slope = np.linalg.solve(m["E"], m["F"])
    total = m["A"] + m["C"] @ slope + slope.T @ m["C"].T + slope.T @ m["D"] @ slope
    by_u = m["B"] - (m["C"] + slope.T @ m["D"]) @ np.linalg.solve(m["E"], m["G"])
    wanted = np.linalg.solve(total, m["s"]) @ by_u
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [Exact(), Darts()])
def test_the_identity_counts_the_indirect_term_in_the_mixed_derivative(kind):
    """With E = I the lower product is exact; the identity stands for the middle's inverse."""
    found, m = nested(kind, Exact(), np.eye(4), True)
    by_u = m["B"] - (m["C"] + m["F"].T @ m["D"]) @ m["G"]
    np.testing.assert_allclose(found, m["s"] @ by_u, rtol=1e-7, atol=1e-7)


def test_by_default_it_does_not_count():
    found, m = nested(CG(iterations=6, tolerance=1e-13), Exact(), np.eye(4), False)
    by_u = m["B"] - m["C"] @ m["G"]
    np.testing.assert_allclose(found, np.linalg.solve(m["A"], m["s"]) @ by_u, rtol=1e-9)
