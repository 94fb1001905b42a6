"""Methods of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from betty import _native
from betty._native import Tensor

__all__ = ["Lower", "Upper", "register"]


class Lower:
    """The lower problem at its present solution.

    Attributes:
        parameters: Its parameters, theta.
        loss: Its last loss.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self.parameters: list[Tensor] = list(_native.method_tensors(call, "parameters"))
        self.loss: Tensor = _native.method_tensors(call, "loss")[0]

    def hvp(self, vector: Sequence[Tensor]) -> list[Tensor]:
        """The Hessian of the loss times tensors shaped as ``parameters``."""
        return list(_native.method_product(self._call, "hvp", list(vector)))

    def mixed(self, vector: Sequence[Tensor]) -> list[Tensor]:
        """Minus the vector times the derivative of the lower gradient by ``upper.parameters``."""
        return list(_native.method_product(self._call, "mixed", list(vector)))


class Upper:
    """The problem above on the path.

    Attributes:
        parameters: Its parameters, lambda.
    """

    def __init__(self, call: Any) -> None:
        self.parameters: list[Tensor] = list(_native.method_tensors(call, "upper"))


def register(name: str, fn: Callable[[list[Tensor], Lower, Upper], Sequence[Tensor]]) -> None:
    """Makes ``name`` a value of ``Config(type=...)`` for problems made from now on.

    ``fn`` is called once for each structure of a step, when its program is made, not once a step.
    The tensors it gets have no values yet: what it computes of them becomes part of the program.
    Numbers in it are what they are at that time.

    Args:
        name: The name, none of the built-in ones.
        fn: Gets v (shaped as ``lower.parameters``) and gives tensors shaped as
            ``upper.parameters``, an approximation of -v H^-1 d2L/dtheta dlambda.

    Raises:
        ValueError: If the name is a built-in method's.

    Example:
        >>> from betty.hypergradient import register
        >>> def damped(vector, lower, upper):
        ...     return lower.mixed([2 * v - h for v, h in zip(vector, lower.hvp(vector))])
        >>> register("two_terms", damped)
    """
    if not callable(fn):
        raise TypeError(f"register: fn must be callable, got {type(fn).__name__}")

    def run(call: Any) -> list[Tensor]:
        vector = list(_native.method_tensors(call, "vector"))
        product = fn(vector, Lower(call), Upper(call))
        if isinstance(product, Tensor) or not isinstance(product, Sequence):
            raise TypeError(
                f"method '{name}': it must give a list of tensors, got {type(product).__name__}"
            )
        for each in product:
            if not isinstance(each, Tensor):
                raise TypeError(
                    f"method '{name}': it must give a list of tensors, there is "
                    f"{type(each).__name__} {each!r} in it"
                )
        return list(product)

    _native.method_register(name, run)
