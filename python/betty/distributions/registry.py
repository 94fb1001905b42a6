"""From unconstrained numbers into a set: a transform by the constraint, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty.distributions import constraints, transforms
from betty.distributions.constraints import Constraint
from betty.distributions.transforms import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Functions from a constraint to a transform into it, by the kind of the constraint.

    Example:
        >>> import betty
        >>> positive = betty.distributions.constraints.positive
        >>> betty.distributions.transform_to(positive)(betty.zeros(2))
        tensor([1., 1.])
    """

    def __init__(self) -> None:
        self._factories: dict[str, Factory] = {}

    def register(self, constraint: Constraint, factory: Factory | None = None) -> Any:
        """Keeps the function for constraints of this one's kind; decorates it if left out."""
        if factory is None:
            return lambda given: self.register(constraint, given)
        if not isinstance(constraint, Constraint):
            raise TypeError(f"Expected constraint to be a Constraint, got {constraint!r}")
        self._factories[constraint._name] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """A transform from all real numbers into the set.

        Raises:
            NotImplementedError: No function is there for this kind.
        """
        factory = self._factories.get(getattr(constraint, "_name", ""))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {constraint!r} constraints")
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _both(*examples: Constraint) -> Callable[[Factory], Factory]:
    def keep(factory: Factory) -> Factory:
        for example in examples:
            biject_to.register(example, factory)
            transform_to.register(example, factory)
        return factory

    return keep


@_both(constraints.real, constraints.real_vector)
def _real(constraint: Any) -> Transform:
    return transforms.identity_transform


@_both(constraints.positive, constraints.nonnegative)
def _above(constraint: Any) -> Transform:
    bound = constraint.lower_bound
    if not hasattr(bound, "shape") and bound == 0:
        return transforms.ExpTransform()
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(bound, 1)]
    )


@_both(constraints.less_than(0.0))
def _below(constraint: Any) -> Transform:
    shift = transforms.AffineTransform(constraint.upper_bound, -1)
    return transforms.ComposeTransform([transforms.ExpTransform(), shift])


@_both(constraints.unit_interval, constraints.half_open_interval(0.0, 1.0))
def _between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if not hasattr(low, "shape") and not hasattr(high, "shape") and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    spread = transforms.AffineTransform(low, high - low)
    return transforms.ComposeTransform([transforms.SigmoidTransform(), spread])


@_both(constraints.lower_cholesky)
def _factor(constraint: Any) -> Transform:
    return transforms.LowerCholeskyTransform()


@_both(constraints.positive_definite)
def _definite(constraint: Any) -> Transform:
    return transforms.PositiveDefiniteTransform()


biject_to.register(constraints.simplex, lambda _: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda _: transforms.SoftmaxTransform())


def _into_parts(registry: ConstraintRegistry) -> None:
    example = constraints.real

    @registry.register(constraints.independent(example, 1))
    def _independent(constraint: Any) -> Transform:
        base = registry(constraint.base_constraint)
        return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)

    @registry.register(constraints.cat([example]))
    def _cat(constraint: Any) -> Transform:
        parts = [registry(part) for part in constraint.cseq]
        return transforms.CatTransform(parts, constraint.dim, constraint.lengths)

    @registry.register(constraints.stack([example]))
    def _stack(constraint: Any) -> Transform:
        return transforms.StackTransform(
            [registry(part) for part in constraint.cseq], constraint.dim
        )


_into_parts(biject_to)
_into_parts(transform_to)
