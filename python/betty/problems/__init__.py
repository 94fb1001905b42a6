"""Problems: the levels of a multilevel program."""

from betty.problems.implicit import ImplicitProblem
from betty.problems.iterative import HigherIterativeProblem, IterativeProblem
from betty.problems.problem import Problem

__all__ = ["HigherIterativeProblem", "ImplicitProblem", "IterativeProblem", "Problem"]
