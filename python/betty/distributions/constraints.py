"""Sets that parameters and values of distributions must lie in, under PyTorch's names.

A constraint has `check(value)`, which tells for each event whether it lies within.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _functions as ops
from betty._native import Tensor
from betty._types import finfo

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "greater_than", "greater_than_eq",
    "half_open_interval",
    "independent", "integer_interval", "interval", "less_than", "lower_cholesky", "multinomial",
    "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "real", "real_vector", "simplex", "stack", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set, by the function that tells what lies in it."""

    def __init__(
        self,
        name: str,
        check: Callable[[Tensor], Tensor],
        event_dim: int = 0,
        is_discrete: bool = False,
        **bounds: Any,
    ) -> None:
        self._name = name
        self._check = check
        self.event_dim = event_dim
        self.is_discrete = is_discrete
        self._bounds = bounds
        vars(self).update(bounds)

    def check(self, value: Tensor) -> Tensor:
        """For each event of a value, whether it lies in the set."""
        return self._check(value)

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={value}" for name, value in self._bounds.items())
        return f"{self._name}({bounds})"


def _whole(value: Tensor) -> Tensor:
    return value % 1 == 0


def greater_than(lower_bound: Any) -> Constraint:
    """Above a bound."""
    return Constraint("GreaterThan", lambda v: v > lower_bound, lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """At a bound or above."""
    return Constraint("GreaterThanEq", lambda v: v >= lower_bound, lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below a bound."""
    return Constraint("LessThan", lambda v: v < upper_bound, upper_bound=upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between two bounds, which belong to it."""
    return Constraint(
        "Interval",
        lambda v: (v >= lower_bound).logical_and(v <= upper_bound),
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between two bounds, of which the lower belongs to it."""
    return Constraint(
        "HalfOpenInterval",
        lambda v: (v >= lower_bound).logical_and(v < upper_bound),
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers between two bounds."""
    return Constraint(
        "IntegerInterval",
        lambda v: _whole(v).logical_and(v >= lower_bound).logical_and(v <= upper_bound),
        is_discrete=True,
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def multinomial(upper_bound: Any) -> Constraint:
    """Vectors of counts, of a sum up to a bound."""
    return Constraint(
        "Multinomial",
        lambda v: (v >= 0).all(-1).logical_and(v.sum(-1) <= upper_bound),
        1,
        is_discrete=True,
        upper_bound=upper_bound,
    )


def _is_simplex(value: Tensor) -> Tensor:
    return (value >= 0).all(-1).logical_and((value.sum(-1) - 1).abs() < 1e-6)


def _is_one_hot(value: Tensor) -> Tensor:
    digits = (value == 0).logical_or(value == 1)
    return digits.all(-1).logical_and(value.sum(-1) == 1)


def _is_lower_cholesky(value: Tensor) -> Tensor:
    lower = (ops.tril(value) == value).flatten(-2).all(-1)
    return lower.logical_and((ops.diagonal(value, 0, -2, -1) > 0).all(-1))


def _is_corr_cholesky(value: Tensor) -> Tensor:
    rounding = 10 * value.shape[-1] * finfo(value.dtype).eps
    rows = ((value.detach() ** 2).sum(-1) - 1).abs() < rounding
    return _is_lower_cholesky(value).logical_and(rows.all(-1))


def _is_positive_definite(value: Tensor) -> Tensor:
    symmetric = ops.isclose(value, ops.transpose(value, -2, -1), 1e-5, 1e-6).flatten(-2).all(-1)
    return symmetric.logical_and((ops.linalg_eigh(value.detach())[0] > 0).all(-1))


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """A set that all elements of the last dimensions are to lie in."""
    count = reinterpreted_batch_ndims

    def check(value: Tensor) -> Tensor:
        found = base_constraint.check(value)
        return found.flatten(-count).all(-1) if count else found

    return Constraint(
        "IndependentConstraint",
        check,
        base_constraint.event_dim + count,
        base_constraint.is_discrete,
        base_constraint=base_constraint,
        reinterpreted_batch_ndims=count,
    )


def cat(cseq: Any, dim: int = 0, lengths: Any = None) -> Constraint:
    """A set for each of several lengths of a dimension."""
    sets = list(cseq)
    sizes = [1] * len(sets) if lengths is None else list(lengths)

    def check(value: Tensor) -> Tensor:
        parts = ops.split(value, sizes, dim)
        return ops.cat([s.check(part) for s, part in zip(sets, parts, strict=True)], dim)

    return _several("Cat", check, sets, dim=dim, lengths=sizes)


def stack(cseq: Any, dim: int = 0) -> Constraint:
    """A set for each place of a dimension."""
    sets = list(cseq)

    def check(value: Tensor) -> Tensor:
        parts = ops.unbind(value, dim)
        return ops.stack([s.check(part) for s, part in zip(sets, parts, strict=True)], dim)

    return _several("Stack", check, sets, dim=dim)


def _several(name: str, check: Any, sets: list[Constraint], **bounds: Any) -> Constraint:
    events = max(part.event_dim for part in sets)
    discrete = any(part.is_discrete for part in sets)
    return Constraint(name, check, events, discrete, cseq=sets, **bounds)


real = Constraint("Real", lambda v: v == v)
real_vector = Constraint("RealVector", lambda v: (v == v).all(-1), 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("Boolean", lambda v: (v == 0).logical_or(v == 1), is_discrete=True)
nonnegative_integer = Constraint(
    "IntegerGreaterThan", lambda v: _whole(v).logical_and(v >= 0), is_discrete=True, lower_bound=0
)
positive_integer = Constraint(
    "IntegerGreaterThan", lambda v: _whole(v).logical_and(v >= 1), is_discrete=True, lower_bound=1
)
simplex = Constraint("Simplex", _is_simplex, 1)
one_hot = Constraint("OneHot", _is_one_hot, 1, is_discrete=True)
lower_cholesky = Constraint("LowerCholesky", _is_lower_cholesky, 2)
corr_cholesky = Constraint("CorrCholesky", _is_corr_cholesky, 2)
positive_definite = Constraint("PositiveDefinite", _is_positive_definite, 2)
