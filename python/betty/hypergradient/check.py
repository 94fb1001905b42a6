"""Is a hypergradient right: the configured one beside exact unrolling and finite differences.

Invariant: parameters of all problems are afterwards what they were; no optimizer is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from betty import autograd
from betty._creation import as_tensor
from betty._native import Tensor

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
        unrolled: By differentiating the retraining of the lower problem.
        differences: By retraining at shifted upper parameters; NaN where not asked for.
        to_unrolled: The configured one beside the unrolled one.
        to_differences: The configured one beside the differences.
        settled: Norm of the lower gradient after retraining, over the one before: how far it came.
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

    The lower problem is retrained on its last batch by gradient descent from where it is, and the
    upper loss on its own last batch is differentiated through that exactly (in reverse, with one
    Hessian product a step); then the retraining is repeated at shifted upper parameters. The
    configured methods are asked at the retrained point.

    Args:
        engine: The engine; each problem must have taken a step.
        problem: An upper problem whose paths go through one lower problem.
        iterations: Steps of the retraining.
        rate: Its rate; that of the lower optimizer by default.
        samples: Elements of each upper parameter for which differences are taken.
        step: How far these are shifted.
        verbose: Print the report.

    Raises:
        ValueError: If the problem has no path, or one through several problems.

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
    lower = _only_lower(engine, problem)
    upper_parameters = [p for p in problem.trainable_parameters() if p.requires_grad]
    inner = _Inner(lower, problem, iterations, _rate(lower, rate))
    kept = [(p, p.detach().numpy().copy()) for each in engine.problems for p in _trained(each)]
    try:
        unrolled, settled = inner.unrolled(upper_parameters)
        configured = _arrays(problem._handle.gradients(len(upper_parameters)), upper_parameters)
        differences = _differences(inner, upper_parameters, kept, samples, step)
    finally:
        _restore(kept)
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


def _only_lower(engine: Engine, problem: Problem) -> Problem:
    lowers = {path[1].name: path[1] for path in problem.paths}
    if len(lowers) != 1 or any(len(path) != 3 for path in problem.paths):
        paths = "; ".join(" < ".join(each.name for each in path) for path in problem.paths)
        raise ValueError(
            f"check: problem '{problem.name}' must have paths through one lower problem, "
            f"got {paths or 'none'}"
        )
    lower = next(iter(lowers.values()))
    if lower.count == 0 or problem.count == 0:
        raise ValueError(
            f"check: '{lower.name}' and '{problem.name}' must have taken a step, run the engine"
        )
    return lower


def _rate(lower: Problem, rate: float | None) -> float:
    if rate is not None:
        return rate
    if lower.optimizer is None:
        raise ValueError(f"check: '{lower.name}' has no optimizer, give a rate")
    return float(lower.optimizer.param_groups[0]["lr"])


def _trained(problem: Problem) -> list[Tensor]:
    return [p for p in problem.trainable_parameters() if p.requires_grad]


def _restore(kept: list[tuple[Tensor, np.ndarray]]) -> None:
    for parameter, values in kept:
        parameter.data = as_tensor(values.copy())


class _Inner:
    """The retraining of the lower problem."""

    def __init__(self, lower: Problem, upper: Problem, iterations: int, rate: float) -> None:
        self.lower, self.upper = lower, upper
        self.iterations, self.rate = iterations, rate
        self.theta = [p for p in lower.meta_trainable_parameters() if p.requires_grad]

    def _gradient(self, wrt: list[Tensor], create_graph: bool = False) -> list[Tensor | None]:
        loss = self.lower._training_step(False)
        return list(autograd.grad(loss, wrt, create_graph=create_graph, allow_unused=True))

    def retrain(self, each: Callable[[], None] = lambda: None) -> float:
        """Descends; calls ``each`` before every step; gives the last over the first gradient."""
        norms = []
        for _ in range(self.iterations):
            each()
            gradient = _arrays(self._gradient(self.theta), self.theta)
            norms.append(np.sqrt(sum(float((g * g).sum()) for g in gradient)))
            for parameter, g in zip(self.theta, gradient, strict=True):
                values = parameter.detach().numpy()
                parameter.data = as_tensor((values - self.rate * g).astype(values.dtype))
        return norms[-1] / norms[0] if norms and norms[0] else 0.0

    def value(self) -> float:
        """The upper loss on its last batch."""
        return float(self.upper._training_step(False).item())

    def unrolled(self, outer: list[Tensor]) -> tuple[tuple[np.ndarray, ...], float]:
        """Retrains, then goes back over it: v <- v - rate H v, and -rate v d2L/dtheta dlambda."""
        points: list[list[np.ndarray]] = []
        settled = self.retrain(
            lambda: points.append([p.detach().numpy().copy() for p in self.theta])
        )
        end = [p.detach().numpy().copy() for p in self.theta]
        loss = self.upper._training_step(False)
        given = autograd.grad(loss, outer + self.theta, allow_unused=True)
        total = list(_arrays(given[: len(outer)], outer))
        vector = list(_arrays(given[len(outer) :], self.theta))
        for point in reversed(points):
            _restore(list(zip(self.theta, point, strict=True)))
            gradients = self._gradient(self.theta, create_graph=True)
            along = sum(
                (g * as_tensor(v).to(g.dtype)).sum()
                for g, v in zip(gradients, vector, strict=True)
                if g is not None
            )
            made = autograd.grad(along, outer + self.theta, allow_unused=True)
            for place, g in enumerate(_arrays(made[: len(outer)], outer)):
                total[place] = total[place] - self.rate * g
            for place, g in enumerate(_arrays(made[len(outer) :], self.theta)):
                vector[place] = vector[place] - self.rate * g
        _restore(list(zip(self.theta, end, strict=True)))
        return tuple(total), settled


def _arrays(gradients, like: list[Tensor]) -> tuple[np.ndarray, ...]:
    return tuple(
        np.zeros(tuple(p.shape), dtype=np.float64) + (0 if g is None else g.detach().numpy())
        for g, p in zip(gradients, like, strict=True)
    )


def _differences(
    inner: _Inner,
    outer: list[Tensor],
    kept: list[tuple[Tensor, np.ndarray]],
    samples: int,
    step: float,
) -> tuple[np.ndarray, ...]:
    """Central differences of the retrained upper loss, for some elements of each parameter."""
    found = []
    for parameter in outer:
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
                inner.retrain()
                ends.append(inner.value())
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
