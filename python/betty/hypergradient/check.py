"""Is a hypergradient right: the configured one beside exact unrolling and finite differences.

Invariant: parameters and buffers of all problems and the random numbers to come are afterwards what
they were; no optimizer is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from betty import autograd
from betty._creation import as_tensor
from betty._native import Tensor
from betty.random import get_rng_state, set_rng_state

if TYPE_CHECKING:
    from betty.engine import Engine
    from betty.problems import Problem

__all__ = ["Comparison", "Report", "check"]


@dataclass(frozen=True)
class Comparison:
    """The configured hypergradient beside another.

    Attributes:
        cosine: Cosine of the angle between them; 1 is the same direction.
        relative_norm: Norm of the configured one over the norm of the other.
        worst: For each upper parameter the largest difference of an element, over the largest
            element of the other hypergradient.
    """

    cosine: float
    relative_norm: float
    worst: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """What ``check`` found.

    Attributes:
        problem: The upper problem.
        configured: Its hypergradient by the configured methods, an array for each parameter.
        unrolled: By differentiating the retraining of the lower problems.
        differences: By retraining at shifted upper parameters; NaN where not asked for.
        to_unrolled: The configured one beside the unrolled one.
        to_differences: The configured one beside the differences.
        settled: Norm of a lower gradient after retraining, over the one before: how far it came
            (of several problems the worst).
    """

    problem: str
    configured: tuple[np.ndarray, ...]
    unrolled: tuple[np.ndarray, ...]
    differences: tuple[np.ndarray, ...]
    to_unrolled: Comparison
    to_differences: Comparison
    settled: float

    def __str__(self) -> str:
        rows = [f"hypergradient of '{self.problem}', lower gradient left {self.settled:.1e}"]
        rows.append(f"{'beside':20}{'cosine':>10}{'norm':>10}  worst of each parameter")
        for name, found in (
            ("exact unrolling", self.to_unrolled),
            ("finite differences", self.to_differences),
        ):
            worst = " ".join(f"{value:.1e}" for value in found.worst)
            rows.append(f"{name:20}{found.cosine:10.6f}{found.relative_norm:10.4f}  {worst}")
        return "\n".join(rows)


def check(
    engine: Engine,
    problem: Problem,
    *,
    iterations: int = 200,
    rate: float | None = None,
    samples: int = 8,
    step: float = 1e-3,
    verbose: bool = True,
) -> Report:
    """Compares the hypergradient of an upper problem with what it approximates.

    The lower problems on its paths are retrained on their last batches by gradient descent from
    where they are, the lowest first, each on its direct gradient; the upper loss on its own last
    batch is differentiated through that exactly along the paths (in reverse, with one Hessian
    product a step); then the retraining is repeated at shifted upper parameters, where whatever the
    losses depend on counts, also where no path leads. The configured methods are asked at the
    retrained point.

    Args:
        engine: The engine; each problem must have taken a step.
        problem: An upper problem, of any graph of problems.
        iterations: Steps of the retraining of each lower problem.
        rate: Its rate; that of each one's optimizer by default.
        samples: Elements of each upper parameter for which differences are taken.
        step: How far these are shifted.
        verbose: Print the report.

    Raises:
        ValueError: The problem has no path; one on the paths has taken no step, or counts its own
            implicit gradient (``include_indirect``), which no retraining here does.

    Example:
        >>> import betty
        >>> from betty import nn, optim
        >>> from betty.configs import Config, EngineConfig
        >>> from betty.engine import Engine
        >>> from betty.problems import ImplicitProblem
        >>> class Upper(ImplicitProblem):
        ...     def training_step(self, batch):
        ...         return ((self.lower.module.weight - 1) ** 2).sum()
        >>> class Lower(ImplicitProblem):
        ...     def training_step(self, batch):
        ...         return ((self.module.weight - self.upper.module.weight) ** 2).sum()
        >>> def make(cls, name, rate, **options):
        ...     net = nn.Linear(2, 1, bias=False)
        ...     step = optim.SGD(net.parameters(), lr=rate)
        ...     return cls(name, Config(**options), net, step, train_data_loader=[0])
        >>> upper = make(Upper, "upper", 0.1)
        >>> lower = make(Lower, "lower", 0.1, type="cg", unroll_steps=5)
        >>> dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
        >>> engine = Engine([upper, lower], EngineConfig(train_iters=5), dependencies)
        >>> engine.run()
        >>> report = betty.hypergradient.check(engine, upper, verbose=False)
        >>> round(report.to_unrolled.cosine, 3)
        1.0
    """
    retraining = _Retraining(problem, iterations, rate)
    outer = retraining.outer
    kept = _state([p for each in engine.problems for p in (*_trained(each), *_buffers(each))])
    random = get_rng_state()
    try:
        unrolled, settled = retraining.unrolled()
        configured = _arrays(problem._handle.gradients(len(outer)), outer)
        differences = _differences(retraining, kept, samples, step)
    finally:
        _restore(kept)
        set_rng_state(random)
    report = Report(
        problem.name,
        configured,
        unrolled,
        differences,
        _compare(configured, unrolled),
        _compare(configured, differences),
        settled,
    )
    if verbose:
        print(report)
    return report


def _lowers(upper: Problem) -> list[Problem]:
    """The problems that the paths of a problem lead through, lowest first."""
    if not upper.paths:
        raise ValueError(f"check: problem '{upper.name}' has no path of a hypergradient")
    above: dict[str, set[str]] = {}
    found: dict[str, Problem] = {}
    for path in upper.paths:
        for a, b in pairwise(path[:-1]):
            found[b.name] = b
            above.setdefault(b.name, set()).add(a.name)
    for each in (upper, *found.values()):
        if each.count == 0:
            raise ValueError(f"check: '{each.name}' must have taken a step, run the engine")
        if each is not upper and each.config.include_indirect:
            raise ValueError(
                f"check: '{each.name}' counts its own implicit gradient (include_indirect), "
                "which the retraining does not"
            )
    order: list[Problem] = []
    known = {upper.name}
    while len(order) < len(found):  # a walk over l2u has no cycle
        ready = [p for n, p in found.items() if n not in known and above[n] <= known]
        order += ready
        known |= {p.name for p in ready}
    return order[::-1]


def _rate(lower: Problem, rate: float | None) -> float:
    if rate is not None:
        return rate
    if lower.optimizer is None:
        raise ValueError(f"check: '{lower.name}' has no optimizer, give a rate")
    return float(lower.optimizer.param_groups[0]["lr"])


def _trained(problem: Problem) -> list[Tensor]:
    return [p for p in problem.trainable_parameters() if p.requires_grad]


def _buffers(problem: Problem) -> list[Tensor]:
    module = problem.module
    return list(module.buffers()) if hasattr(module, "buffers") else []


_State = list[tuple[Tensor, np.ndarray]]


def _state(parameters: list[Tensor]) -> _State:
    return [(p, p.detach().numpy().copy()) for p in parameters]


def _state_of_all(levels: list[_Level]) -> _State:
    return [pair for level in levels for pair in _state(level.theta)]


def _restore(kept: _State) -> None:
    for parameter, values in kept:
        parameter.data = as_tensor(values.copy())


class _Level:
    """A lower problem on the paths, as it is retrained."""

    def __init__(self, problem: Problem, rate: float) -> None:
        self.problem, self.rate = problem, rate
        self.theta = [p for p in problem.meta_trainable_parameters() if p.requires_grad]
        self.points: list[_State] = []
        self.start: _State = []

    def gradient(self, wrt: list[Tensor], create_graph: bool = False) -> list[Tensor | None]:
        loss = self.problem._training_step(False)
        return list(autograd.grad(loss, wrt, create_graph=create_graph, allow_unused=True))

    def retrain(self, iterations: int) -> float:
        """Descends, keeping the points passed; gives the last over the first gradient."""
        norms, self.points = [], []
        for _ in range(iterations):
            self.points.append(_state(self.theta))
            gradient = _arrays(self.gradient(self.theta), self.theta)
            norms.append(np.sqrt(sum(float((g * g).sum()) for g in gradient)))
            for parameter, g in zip(self.theta, gradient, strict=True):
                values = parameter.detach().numpy()
                parameter.data = as_tensor((values - self.rate * g).astype(values.dtype))
        return norms[-1] / norms[0] if norms and norms[0] else 0.0


class _Retraining:
    """All lower problems on the paths of an upper one, retrained from the lowest up.

    Invariant: what a problem reads of those below is their retrained solution, as in a run.
    """

    def __init__(self, upper: Problem, iterations: int, rate: float | None) -> None:
        self.upper, self.iterations = upper, iterations
        self.outer = _trained(upper)
        self.levels = [_Level(each, _rate(each, rate)) for each in _lowers(upper)]
        by_name = {level.problem.name: level for level in self.levels}
        # Steps of the paths: below[p] is what the derivative of p's solution goes on to.
        self.below: dict[str, set[str]] = {}
        for path in upper.paths:
            for a, b in pairwise(path):
                self.below.setdefault(a.name, set()).add(b.name)
        self.targets = {upper.name: self.outer} | {n: by_name[n].theta for n in by_name}

    def _targets(self, problem: Problem) -> list[tuple[str, list[Tensor]]]:
        return [(name, self.targets[name]) for name in sorted(self.below[problem.name])]

    def retrain(self) -> float:
        """Retrains; gives how far the gradient of the least settled problem came."""
        settled = 0.0
        for level in self.levels:
            level.start = _state_of_all(self.levels)
            settled = max(settled, level.retrain(self.iterations))
        return settled

    def value(self) -> float:
        """The upper loss on its last batch."""
        return float(self.upper._training_step(False).item())

    def unrolled(self) -> tuple[tuple[np.ndarray, ...], float]:
        """Retrains, then goes back over it: v <- v - rate H v, and -rate v d2L/dtheta dlambda."""
        settled = self.retrain()
        end = _state_of_all(self.levels)
        firsts = [pair for pair in self._targets(self.upper) if pair[0] != self.upper.name]
        flat = self.outer + [p for _, theta in firsts for p in theta]
        loss = self.upper._training_step(False)
        given = iter(_arrays(autograd.grad(loss, flat, allow_unused=True), flat))
        total = {self.upper.name: [next(given) for _ in self.outer]}
        for name, theta in firsts:
            total[name] = [next(given) for _ in theta]
        for level in reversed(self.levels):
            if level.problem.name in total:
                self._back(level, total)
        _restore(end)
        return tuple(total[self.upper.name]), settled

    def _back(self, level: _Level, total: dict[str, list[np.ndarray]]) -> None:
        vector = total[level.problem.name]
        targets = self._targets(level.problem)
        flat = level.theta + [p for _, theta in targets for p in theta]
        for name, theta in targets:
            total.setdefault(name, list(_arrays([None] * len(theta), theta)))
        _restore(level.start)
        for point in reversed(level.points):
            _restore(point)
            gradients = level.gradient(level.theta, create_graph=True)
            along = sum(
                (g * as_tensor(v).to(g.dtype)).sum()
                for g, v in zip(gradients, vector, strict=True)
                if g is not None
            )
            made = iter(_arrays(autograd.grad(along, flat, allow_unused=True), flat))
            vector = [v - level.rate * next(made) for v in vector]
            for name, theta in targets:
                total[name] = [t - level.rate * next(made) for t in total[name][: len(theta)]]


def _arrays(gradients, like: list[Tensor]) -> tuple[np.ndarray, ...]:
    return tuple(
        np.zeros(tuple(p.shape), dtype=np.float64) + (0 if g is None else g.detach().numpy())
        for g, p in zip(gradients, like, strict=True)
    )


def _differences(
    retraining: _Retraining, kept: _State, samples: int, step: float
) -> tuple[np.ndarray, ...]:
    """Central differences of the retrained upper loss, for some elements of each parameter."""
    found = []
    for parameter in retraining.outer:
        values = parameter.detach().numpy().copy()
        result = np.full(values.size, np.nan)
        for place in np.unique(
            np.linspace(0, values.size - 1, min(samples, values.size), dtype=int)
        ):
            ends = []
            for sign in (1, -1):
                _restore(kept)
                shifted = values.copy().reshape(-1)
                shifted[place] += sign * step
                parameter.data = as_tensor(shifted.reshape(values.shape))
                retraining.retrain()
                ends.append(retraining.value())
            result[place] = (ends[0] - ends[1]) / (2 * step)
        _restore(kept)
        found.append(result.reshape(values.shape))
    return tuple(found)


def _compare(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> Comparison:
    known = [~np.isnan(each) for each in b]
    x = np.concatenate([each[mask] for each, mask in zip(a, known, strict=True)])
    y = np.concatenate([each[mask] for each, mask in zip(b, known, strict=True)])
    scale = float(np.abs(y).max()) or 1.0
    product = float(np.linalg.norm(x) * np.linalg.norm(y))
    worst = (
        float(np.abs(p - q)[mask].max()) / scale for p, q, mask in zip(a, b, known, strict=True)
    )
    return Comparison(
        float(x @ y) / product if product else float(np.array_equal(x, y)),
        float(np.linalg.norm(x) / (np.linalg.norm(y) or 1.0)),
        tuple(worst),
    )
