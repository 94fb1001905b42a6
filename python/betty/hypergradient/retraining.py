"""The lower problems on the paths of an upper one, trained again, and the way back through that.

Implicit ones descend from where they are; the loop of an unrolled one is taken again by the engine.
Invariants: what a problem reads of those below is their retrained solution, as in a run; a loss
draws the same random numbers whenever it is evaluated, so that it is one function.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from betty import autograd
from betty._creation import as_tensor
from betty._native import Tensor
from betty.hypergradient.objects import UNROLLED
from betty.random import get_rng_state, set_rng_state

if TYPE_CHECKING:
    from betty.problems import Problem

__all__ = ["Retraining", "State", "arrays", "buffers", "restore", "state", "trained"]

State = list[tuple[Tensor, np.ndarray]]
Targets = list[tuple[str, list[Tensor]]]
Totals = dict[str, list[np.ndarray]]


def trained(problem: Problem) -> list[Tensor]:
    """The parameters that the problem's optimizer moves now."""
    return [p for p in problem.trainable_parameters() if p.requires_grad]


def buffers(problem: Problem) -> list[Tensor]:
    """What its module keeps beside parameters: training steps change it."""
    module = problem.module
    return list(module.buffers()) if hasattr(module, "buffers") else []


def state(parameters: list[Tensor]) -> State:
    """Tensors with copies of their values."""
    return [(p, p.detach().numpy().copy()) for p in parameters]


def restore(kept: State) -> None:
    """Puts values back."""
    for parameter, values in kept:
        parameter.data = as_tensor(values.copy())


def arrays(gradients: Any, like: list[Tensor]) -> tuple[np.ndarray, ...]:
    """Gradients as arrays; zeros where there is none."""
    return tuple(
        np.zeros(tuple(p.shape), dtype=np.float64) + (0 if g is None else g.detach().numpy())
        for g, p in zip(gradients, like, strict=True)
    )


def _is_unrolled(problem: Problem) -> bool:
    return problem._told()["type"] in UNROLLED


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


def _state_of_all(levels: list[_Level | _Loop]) -> State:
    return [pair for level in levels for pair in state(level.theta)]


class _Level:
    """An implicit problem on the paths, as it is retrained."""

    def __init__(self, problem: Problem, rate: float, random: Any) -> None:
        self.problem, self.rate, self.random = problem, rate, random
        self.theta = [p for p in problem.meta_trainable_parameters() if p.requires_grad]
        self.points: list[State] = []
        self.start: State = []

    def gradient(self, wrt: list[Tensor], create_graph: bool = False) -> list[Tensor | None]:
        set_rng_state(self.random)
        loss = self.problem._training_step(False)
        return list(autograd.grad(loss, wrt, create_graph=create_graph, allow_unused=True))

    def retrain(self, iterations: int) -> float:
        """Descends, keeping the points passed; gives the last over the first gradient."""
        norms, self.points = [], []
        for _ in range(iterations):
            self.points.append(state(self.theta))
            gradient = arrays(self.gradient(self.theta), self.theta)
            norms.append(np.sqrt(sum(float((g * g).sum()) for g in gradient)))
            for parameter, g in zip(self.theta, gradient, strict=True):
                values = parameter.detach().numpy()
                parameter.data = as_tensor((values - self.rate * g).astype(values.dtype))
        return norms[-1] / norms[0] if norms and norms[0] else 0.0

    def back(self, total: Totals, targets: Targets) -> None:
        """Goes back over the descent: v <- v - rate H v, and -rate v d2L/dtheta dlambda."""
        vector = total[self.problem.name]
        flat = self.theta + [p for _, theta in targets for p in theta]
        restore(self.start)
        for point in reversed(self.points):
            restore(point)
            gradients = self.gradient(self.theta, create_graph=True)
            along = sum(
                (g * as_tensor(v).to(g.dtype)).sum()
                for g, v in zip(gradients, vector, strict=True)
                if g is not None
            )
            made = iter(arrays(autograd.grad(along, flat, allow_unused=True), flat))
            vector = [v - self.rate * next(made) for v in vector]
            for name, theta in targets:
                total[name] = [t - self.rate * next(made) for t in total[name][: len(theta)]]

    def end(self) -> None:
        """Nothing is left to undo but values."""


class _Loop:
    """An unrolled problem on the paths: its loop, of as many updates as in a run, is taken again.

    Every update is on the last batch, at the present rate; the first time the loop begins where the
    problem is, and every other time there too.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.updates = problem, problem._unroll_steps
        self.theta = [p for p in problem.meta_trainable_parameters() if p.requires_grad]
        self.start: State = []

    def retrain(self, iterations: int) -> float:
        """Takes the loop; it is not to settle anywhere."""
        self.problem._handle.rehearse(self.updates)
        return 0.0

    def back(self, total: Totals, targets: Targets) -> None:
        """Through all steps of the loop, by the engine's other mode where it can be."""
        given = zip(total[self.problem.name], self.theta, strict=True)
        vector = [as_tensor(v).to(p.dtype) for v, p in given]
        flat = [p for _, theta in targets for p in theta]
        made = iter(arrays(self.problem._handle.pull_back(vector, flat), flat))
        for name, theta in targets:
            total[name] = [t + next(made) for t in total[name][: len(theta)]]

    def end(self) -> None:
        """Undoes the loop."""
        self.problem._handle.rehearse(-1)


class Retraining:
    """All lower problems on the paths of an upper one, retrained from the lowest up.

    Invariant: what a problem reads of those below is their retrained solution, as in a run.
    """

    def __init__(self, upper: Problem, iterations: int, rate: float | None) -> None:
        self.upper, self.iterations = upper, iterations
        if not hasattr(upper, "paths"):
            raise TypeError(f"check: expected a Problem, got {type(upper).__name__} {upper!r}")
        self.outer = trained(upper)
        self.random = get_rng_state()
        self.levels: list[_Level | _Loop] = [
            _Loop(each) if _is_unrolled(each) else _Level(each, _rate(each, rate), self.random)
            for each in _lowers(upper)
        ]
        by_name = {level.problem.name: level for level in self.levels}
        # Steps of the paths: below[p] is what the derivative of p's solution goes on to.
        self.below: dict[str, set[str]] = {}
        for path in upper.paths:
            for a, b in pairwise(path):
                self.below.setdefault(a.name, set()).add(b.name)
        self.targets = {upper.name: self.outer} | {n: by_name[n].theta for n in by_name}

    def _targets(self, problem: Problem) -> Targets:
        return [(name, self.targets[name]) for name in sorted(self.below[problem.name])]

    def retrain(self) -> float:
        """Retrains; gives how far the gradient of the least settled problem came."""
        settled = 0.0
        for level in self.levels:
            level.start = _state_of_all(self.levels)
            settled = max(settled, level.retrain(self.iterations))
        return settled

    def loss(self) -> Tensor:
        """The upper loss on its last batch."""
        set_rng_state(self.random)
        return self.upper._training_step(False)

    def configured(self) -> tuple[np.ndarray, ...]:
        """The gradient that the engine takes of it, by the configured methods."""
        set_rng_state(self.random)
        return arrays(self.upper._handle.gradients(len(self.outer)), self.outer)

    def unrolled(self) -> tuple[tuple[np.ndarray, ...], float]:
        """Retrains, then goes back over it; gives also how far the gradients came."""
        settled = self.retrain()
        end = _state_of_all(self.levels)
        firsts = [pair for pair in self._targets(self.upper) if pair[0] != self.upper.name]
        flat = self.outer + [p for _, theta in firsts for p in theta]
        loss = self.loss()
        given = iter(arrays(autograd.grad(loss, flat, allow_unused=True), flat))
        total = {self.upper.name: [next(given) for _ in self.outer]}
        for name, theta in firsts:
            total[name] = [next(given) for _ in theta]
        for level in reversed(self.levels):
            if level.problem.name in total:
                targets = self._targets(level.problem)
                for name, theta in targets:
                    total.setdefault(name, list(arrays([None] * len(theta), theta)))
                level.back(total, targets)
        restore(end)
        return tuple(total[self.upper.name]), settled

    @property
    def loops(self) -> dict[str, int]:
        """Updates of the loops that are taken again."""
        return {each.problem.name: each.updates for each in self.levels if isinstance(each, _Loop)}

    def end(self) -> None:
        """Undoes what the engine has done."""
        for level in self.levels:
            level.end()
