"""What an iterative method tells of its last call."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MethodInfo"]


@dataclass(frozen=True)
class MethodInfo:
    """One call of a method, at one node of a path.

    Attributes:
        path: Names from the upper problem down the path and back to it.
        problem: The problem that the method goes through.
        type: The method.
        converged: Whether the linear system is solved.
        reason: Why, or why not.
        numbers: For cg ``iterations``, ``residual`` (relative), ``curvature`` (the least met;
            negative on an indefinite Hessian) and ``vector_norm``; for neumann ``iterations``,
            ``last_term`` (relative) and ``vector_norm``.
    """

    path: tuple[str, ...]
    problem: str
    type: str
    converged: bool
    reason: str
    numbers: dict[str, float]

    @staticmethod
    def parse(line: str) -> MethodInfo:
        """Reads a line of the engine's."""
        path, problem, kind, converged, reason, *rest = line.split("\t")
        pairs = (item.split("=") for item in rest)
        numbers = {name: float(value) for name, value in pairs}
        return MethodInfo(tuple(path.split()), problem, kind, converged == "1", reason, numbers)
