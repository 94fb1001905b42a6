"""Weights with a norm of their own or orthogonal ones, under the names of
`torch.nn.utils.parametrizations`."""

from __future__ import annotations

from typing import Any

from betty import _creation
from betty import _functions as F
from betty._native import Tensor
from betty.autograd import no_grad
from betty.nn.functional import normalize
from betty.nn.module import Module
from betty.nn.utils import parametrize
from betty.nn.utils.orthogonal import orthogonal

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def norm_except(weight: Tensor, dim: int | None) -> Tensor:
    """The norm over all dimensions but one (or over all), which keeps its place."""
    if dim is None or dim == -1:
        return F.norm(weight)
    axes = [axis for axis in range(weight.ndim) if axis != dim % weight.ndim]
    return F.norm(weight, axes, True)


class _WeightNorm(Module):
    """g v / |v| (Salimans and Kingma, NeurIPS 2016)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The norm and the weight itself."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Makes a weight its direction times a length that is trained by itself."""
    return parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """A weight over its largest singular value, by power iteration (Miyato et al., ICLR 2018)."""

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, "
                f"{weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % weight.ndim, eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            rows, columns = self._matrix(weight).shape
            u, v = (_creation.randn(size, dtype=weight.dtype) for size in (rows, columns))
            self.register_buffer("_u", normalize(u, dim=0, eps=eps).detach())
            self.register_buffer("_v", normalize(v, dim=0, eps=eps).detach())
            self._iterate(self._matrix(weight).detach(), 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        rest = [axis for axis in range(weight.ndim) if axis != self.dim]
        return F.flatten(weight.permute(self.dim, *rest), 1)

    def _iterate(self, matrix: Tensor, count: int) -> None:
        with no_grad():
            u, v = self._u, self._v
            for _ in range(count):
                u = normalize(F.mv(matrix, v), dim=0, eps=self.eps)
                v = normalize(F.mv(matrix.t(), u), dim=0, eps=self.eps)
            self._u.copy_(u)
            self._v.copy_(v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / F.dot(u, F.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divides a weight by its largest singular value, followed by power iterations in training."""
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, norm)
