"""Modules as functions, where PyTorch had them once."""

from betty._stateless import functional_call

__all__ = ["functional_call"]
