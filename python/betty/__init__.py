"""Betty: multilevel optimisation on a compiled engine."""

from betty._native import version as _version

__version__ = _version()
