"""The methods by which an upper problem's gradient flows through a lower problem.

=========  ==================================================  =======================================
type       −vᵀ H⁻¹ ∂²L/∂θ∂λ is approximated by                 source
=========  ==================================================  =======================================
darts      a central finite difference, H = I                  Liu, Simonyan, Yang, ICLR 2019
exact      the mixed product itself (no ε), H = I              Pearlmutter, Neural Computation 1994
neumann    α Σₖ (I − αH)ᵏ v, k = 0..neumann_iterations         Lorraine, Vicol, Duvenaud, AISTATS 2020
cg         cg_iterations conjugate-gradient steps on Hx = v    Pedregosa, ICML 2016
=========  ==================================================  =======================================
"""

from betty import _native

__all__ = ["methods"]


def methods() -> list[str]:
    """The names that ``Config(type=...)`` takes.

    Example:
        >>> import betty.hypergradient
        >>> betty.hypergradient.methods()
        ['darts', 'exact', 'neumann', 'cg']
    """
    return list(_native.hypergradient_methods())
