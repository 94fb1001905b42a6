"""Is a hypergradient right: the configured one beside exact unrolling and finite differences.

Invariant: parameters and buffers of all problems and the random numbers to come are afterwards what
they were; no optimizer is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from betty._creation import as_tensor
from betty.hypergradient.retraining import (
    Retraining,
    State,
    buffers,
    restore,
    state,
    trained,
)
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
        loops: Updates of the inner loops that are differentiated themselves, by problem.
    """

    problem: str
    configured: tuple[np.ndarray, ...]
    unrolled: tuple[np.ndarray, ...]
    differences: tuple[np.ndarray, ...]
    to_unrolled: Comparison
    to_differences: Comparison
    settled: float
    loops: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        head = f"hypergradient of '{self.problem}'"
        for name, updates in self.loops.items():
            head += f", through {updates} steps of '{name}'"
        if self.settled or not self.loops:
            head += f", lower gradient left {self.settled:.1e}"
        rows = [head]
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

    A problem of type ``"iterative"`` or ``"forward"`` is not retrained: its inner loop is taken
    again, with its own optimizer, every update on its last batch, and undone in the end. Exact
    unrolling then is through all of its steps, also where the configuration truncates them or keeps
    few, and in the other mode than the configured one (in reverse for ``"forward"``; forward for
    ``"iterative"`` up to 64 upper numbers, else in reverse too: then the differences alone are of
    another kind). The differences are of the loss after the loop.

    Args:
        engine: The engine; each problem must have taken a step.
        problem: An upper problem, of any graph of problems.
        iterations: Steps of the retraining of each lower problem that is not unrolled.
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
    retraining = Retraining(problem, iterations, rate)
    kept = state([p for each in engine.problems for p in (*trained(each), *buffers(each))])
    random = get_rng_state()
    try:
        unrolled, settled = retraining.unrolled()
        # Of a whole update.
        configured = tuple(problem._accumulation * each for each in retraining.configured())
        differences = _differences(retraining, kept, samples, step)
    finally:
        retraining.end()
        restore(kept)
        set_rng_state(random)
    report = Report(
        problem.name,
        configured,
        unrolled,
        differences,
        _compare(configured, unrolled),
        _compare(configured, differences),
        settled,
        retraining.loops,
    )
    if verbose:
        print(report)
    return report


def _differences(
    retraining: Retraining, kept: State, samples: int, step: float
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
                restore(kept)
                shifted = values.copy().reshape(-1)
                shifted[place] += sign * step
                parameter.data = as_tensor(shifted.reshape(values.shape))
                retraining.retrain()
                ends.append(retraining.loss().item())
            result[place] = (ends[0] - ends[1]) / (2 * step)
        restore(kept)
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
