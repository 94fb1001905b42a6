"""What every distribution has.

Invariant: a sample has shape sample_shape + batch_shape + event_shape.

A subclass names its parameters and the sets they lie in by `arg_constraints`, and the set of its
values by `support`; checks, expansion and printing follow from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from betty import _creation
from betty import _overloads as overloads
from betty._native import Tensor
from betty._types import Size
from betty._warnings import warn
from betty.autograd import no_grad
from betty.distributions.constraints import Constraint

__all__ = ["Distribution"]


class Distribution:
    """A distribution over events of ``event_shape``, independent over ``batch_shape``.

    Args:
        batch_shape: The shape of the independent entries.
        event_shape: The shape of one event.
        validate_args: Check parameters when made and values in ``log_prob``; on by default.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict[str, Constraint] = {}
    support: Any = None
    _validates = True

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        self._validate = self._validates if validate_args is None else validate_args
        if self._validate:
            self._check_arguments()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Turns the checks of all distributions made from now on, on or off."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: takes True or False, got {value!r}")
        Distribution._validates = value

    def _check_arguments(self) -> None:
        for name, constraint in self.arg_constraints.items():
            value = vars(self).get(name)
            if isinstance(value, Tensor):
                self._check(constraint.check(value), name, repr(constraint), value)

    @property
    def batch_shape(self) -> Size:
        """The shape of the independent entries."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one event."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _check(self, condition: Tensor, name: str, what: str, value: Tensor) -> None:
        """Refuses parameters or values of which any breaks the condition."""
        if self._validate and not bool(condition.all()):
            raise ValueError(
                f"{type(self).__name__}: expected {name} of shape {tuple(value.shape)} "
                f"to satisfy the constraint {what}, but found invalid values"
            )

    def _validate_sample(self, value: Any) -> None:
        """Refuses what is no value of this distribution."""
        if not self._validate:
            return
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        events = len(self._event_shape)
        if events and tuple(value.shape[value.ndim - events :]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {tuple(value.shape)} vs "
                f"{tuple(self._event_shape)}."
            )
        shape = self._extended_shape()
        for given, own in zip(reversed(value.shape), reversed(shape), strict=False):
            if given != own and given != 1 and own != 1:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{tuple(value.shape)} vs {shape}."
                )
        if isinstance(self.support, Constraint):
            self._check(self.support.check(value), "value", repr(self.support), value)

    @staticmethod
    def _tensors(*values: Any) -> tuple[Tensor, ...]:
        """The parameters as tensors of one shape."""
        like = next((value.dtype for value in values if isinstance(value, Tensor)), None)
        made = [
            v if isinstance(v, Tensor) else _creation.tensor(float(v), dtype=like) for v in values
        ]
        return tuple(overloads.broadcast_tensors(*made))

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its entries repeated to a larger batch."""
        shape = Size(batch_shape)
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                own = tuple(value.shape[len(self._batch_shape) :])
                setattr(other, name, value.expand(*shape, *own))
            elif isinstance(value, Distribution):
                extra = tuple(value.batch_shape[len(self._batch_shape) :])
                setattr(other, name, value.expand((*shape, *extra)))
        other._batch_shape = shape
        return other

    @property
    def mean(self) -> Tensor:
        """The mean of each entry."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value of each entry."""
        raise NotImplementedError(f"{type(self).__name__} has no mode")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        """The variance of each entry."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that pass no gradient."""
        with no_grad():
            return self.rsample(sample_shape).detach()

    def sample_n(self, n: int) -> Tensor:
        """``n`` draws: an old name of ``sample((n,))``."""
        warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning)
        return self.sample((n,))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that pass gradients to the parameters.

        Raises:
            NotImplementedError: The distribution is discrete, or its draws have no formula.
        """
        raise NotImplementedError(f"{type(self).__name__}: draws pass no gradient, use sample()")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability (density) of a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which lies this probability."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, in a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} has no enumerate_support")

    def entropy(self) -> Tensor:
        """The entropy of each entry."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return self.entropy().exp()

    def __repr__(self) -> str:
        derived = vars(self).get("_derived")  # probs where logits were given, or the reverse
        names = [name for name in self.arg_constraints if name in vars(self) and name != derived]
        held = [(name, vars(self)[name]) for name in names]
        parts = [
            f"{name}: {value.item() if value.numel() == 1 else value.shape}"
            for name, value in held
            if isinstance(value, Tensor)
        ]
        return f"{type(self).__name__}({', '.join(parts)})"
