"""Families of distributions whose density is exp(⟨t(x), η⟩ - A(η) + k(x))."""

from __future__ import annotations

from typing import Any

from betty._native import Tensor
from betty.autograd import enable_grad, grad
from betty.distributions.distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Base of a program's own families: the entropy follows from A and its slopes.

    A subclass defines ``_natural_params`` (the tensors η), ``_log_normalizer(*η)`` (A) and
    ``_mean_carrier_measure`` (the mean of k). Betty's own families know their entropies and derive
    from ``Distribution``.
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Any:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """A(η) - ⟨η, ∇A(η)⟩, less the mean of k."""
        params = [param.detach().requires_grad_() for param in self._natural_params]
        with enable_grad():
            normalizer = self._log_normalizer(*params)
            slopes = grad(normalizer.sum(), params, create_graph=True)
        found = normalizer - self._mean_carrier_measure
        events = len(self.event_shape)
        for param, slope in zip(params, slopes, strict=True):
            product = param * slope
            found = found - (product.sum(tuple(range(-events, 0))) if events else product)
        return found
