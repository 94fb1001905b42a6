"""Problems whose solution is differentiated implicitly."""

from betty.problems.problem import Problem

__all__ = ["ImplicitProblem"]


class ImplicitProblem(Problem):
    """A level whose effect on the levels above is given by implicit differentiation.

    ``Config.type`` picks how the product with the inverse Hessian is approximated.
    """
