"""The methods by which an upper problem's gradient flows through a lower problem.

=========  ==============================================  =======================================
type       -v H^-1 d2L/dtheta dlambda is approximated by   source
=========  ==============================================  =======================================
darts      a central finite difference, H = I              Liu, Simonyan, Yang, ICLR 2019
sama       the same along what the lower optimizer would   Choe et al., NeurIPS 2023
           make of v: identity for SGD, the derivative of
           its step by the gradient for Adam, AdamW,
           NAdam, RMSprop and Adagrad
exact      the mixed product itself (no eps), H = I        Pearlmutter, Neural Computation 1994
neumann    neumann_alpha sum over k = 0..K of              Lorraine, Vicol, Duvenaud, AISTATS 2020
           (I - neumann_alpha H)^k v, with
           K = neumann_iterations
cg         cg_iterations conjugate-gradient steps on       Pedregosa, ICML 2016
           (H + cg_damping I) x = v, times cg_alpha
reinforce  the mixed product of a surrogate loss, see      Williams, Machine Learning 1992
           ``score_loss``, H = I
=========  ==============================================  =======================================

Two methods differentiate the optimizer's steps of the inner loop themselves, v dtheta_T/dlambda,
with no assumption about the solution; any optimizer and schedule will do:

=========  ==============================================  =======================================
iterative  reverse mode; keeps theta and the optimizer's   Franceschi et al., ICML 2017
           state of each step (or of every sqrt(T)-th)
forward    forward mode, one tangent for each upper        Franceschi et al., ICML 2017
           number, at most 64; keeps nothing
=========  ==============================================  =======================================

``Config(type=...)`` takes a name or an object: ``Config(type=CG(iterations=5))``. A method of one's
own is made known by ``register``; ``check`` compares what is configured with exact unrolling and
finite differences.
"""

from betty import _native
from betty.hypergradient.check import Comparison, Report, check
from betty.hypergradient.info import MethodInfo
from betty.hypergradient.objects import (
    CG,
    Darts,
    Exact,
    Forward,
    Iterative,
    Method,
    Neumann,
    Reinforce,
    Sama,
)
from betty.hypergradient.own import Lower, Upper, register
from betty.hypergradient.score import score_loss

__all__ = [
    "CG",
    "Comparison",
    "Darts",
    "Exact",
    "Forward",
    "Iterative",
    "Lower",
    "Method",
    "MethodInfo",
    "Neumann",
    "Reinforce",
    "Report",
    "Sama",
    "Upper",
    "check",
    "methods",
    "register",
    "score_loss",
]


def methods() -> list[str]:
    """The built-in names that ``Config(type=...)`` takes.

    Example:
        >>> import betty.hypergradient
        >>> betty.hypergradient.methods()
        ['darts', 'exact', 'sama', 'neumann', 'cg', 'reinforce', 'iterative', 'forward']
    """
    return list(_native.hypergradient_methods())
