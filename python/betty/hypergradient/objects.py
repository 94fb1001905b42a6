"""Methods as objects, for ``Config(type=...)``: their options without the prefix."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

__all__ = ["CG", "Darts", "Exact", "Forward", "Iterative", "Method", "Neumann", "Reinforce", "Sama"]

#: Values of Config(type=...) that differentiate the inner loop itself.
UNROLLED = ("iterative", "forward")


@dataclass(frozen=True)
class Method:
    """A method and its options."""

    type: ClassVar[str] = ""
    prefix: ClassVar[str] = ""

    def options(self) -> dict[str, Any]:
        """The options of Config that this object stands for."""
        own = {self.prefix + each.name: getattr(self, each.name) for each in fields(self)}
        return {"type": self.type} | own


@dataclass(frozen=True)
class Darts(Method):
    """The finite difference with the identity for the inverse Hessian.

    Example:
        >>> from betty.configs import Config
        >>> from betty.hypergradient import Darts
        >>> Config(type=Darts(alpha=0.1)).options()["darts_alpha"]
        0.1
    """

    type: ClassVar[str] = "darts"
    prefix: ClassVar[str] = "darts_"
    alpha: float = 0.01
    multitask: bool = False


@dataclass(frozen=True)
class Exact(Method):
    """The mixed product with the identity for the inverse Hessian."""

    type: ClassVar[str] = "exact"


@dataclass(frozen=True)
class Sama(Method):
    """The finite difference along what the lower optimizer makes of the vector."""

    type: ClassVar[str] = "sama"
    prefix: ClassVar[str] = "sama_"
    adam_alpha: float = 1.0
    multitask: bool = False


@dataclass(frozen=True)
class Neumann(Method):
    """The inverse Hessian as a truncated series."""

    type: ClassVar[str] = "neumann"
    prefix: ClassVar[str] = "neumann_"
    iterations: int = 1
    alpha: float = 1.0


@dataclass(frozen=True)
class CG(Method):
    """The inverse Hessian by conjugate gradients."""

    type: ClassVar[str] = "cg"
    prefix: ClassVar[str] = "cg_"
    iterations: int = 1
    alpha: float = 1.0
    tolerance: float = 0.0
    damping: float = 0.0
    warm_start: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Reinforce(Method):
    """The score-function estimate for lower problems that sample."""

    type: ClassVar[str] = "reinforce"


@dataclass(frozen=True)
class Iterative(Method):
    """Reverse mode through the optimizer's steps of the inner loop."""

    type: ClassVar[str] = "iterative"
    prefix: ClassVar[str] = "iterative_"
    truncation: int = 0
    checkpoint: bool = False


@dataclass(frozen=True)
class Forward(Method):
    """Forward mode through the optimizer's steps of the inner loop."""

    type: ClassVar[str] = "forward"
