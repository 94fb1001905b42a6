"""Orthogonal matrices that any parameter makes (Lezcano-Casado, NeurIPS 2019), for
`parametrizations`.

Invariant: of a matrix with more columns than rows the transpose is what is made; its columns are
orthonormal.
"""

from __future__ import annotations

import numpy as np

from betty import _creation
from betty import _functions as F
from betty._creation import as_tensor
from betty._native import Tensor
from betty.nn.module import Module
from betty.nn.utils import parametrize

__all__ = ["orthogonal"]

_MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(matrix: np.ndarray) -> bool:
    """Whether the columns are orthonormal, up to rounding."""
    size = matrix.shape[-1]
    gap = np.swapaxes(matrix, -2, -1) @ matrix - np.eye(size, dtype=matrix.dtype)
    return bool(np.abs(gap).max(initial=0) <= 10 * size * np.finfo(matrix.dtype).eps)


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """Q of the decomposition Q R whose R has a positive diagonal."""
    q, r = np.linalg.qr(matrix)
    signs = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1).astype(matrix.dtype)
    return q * signs[..., None, :]


class _Orthogonal(Module):
    """A matrix with orthonormal columns, times ``base`` where there is one."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = tuple(weight.shape), orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        rows, columns = X.shape[-2:]
        if rows < columns:
            X = X.transpose(-2, -1)
            rows, columns = columns, rows
        if self.orthogonal_map == "householder":
            made = _reflected(X)
        else:
            lower = F.tril(X)
            if rows > columns:
                missing = _creation.zeros(*X.shape[:-1], rows - columns, dtype=X.dtype)
                lower = F.cat([lower, missing], -1)
            made = _rotation(lower - lower.transpose(-2, -1), self.orthogonal_map)
            made = made[..., :columns]
        if "base" in self._buffers:
            made = F.matmul(self.base, made)
        return made.transpose(-2, -1) if self.shape[-2] < self.shape[-1] else made

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What makes ``Q``, or the orthogonal matrix that its columns lead to."""
        if tuple(Q.shape) != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {tuple(Q.shape)}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        given = Q.detach().transpose(-2, -1) if wide else Q.detach()
        values = given.numpy()
        if "base" in self._buffers:
            self.base = as_tensor(_completed(values))
            return _minus_identity(Q)
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        packed = as_tensor(_packed(values))
        return packed.transpose(-2, -1) if wide else packed


def _minus_identity(like: Tensor) -> Tensor:
    """Of which every map makes the identity."""
    rows, columns = like.shape[-2:]
    return -F.eye(n=rows, m=columns, dtype=like.dtype).expand(like.shape).clone()


def _completed(matrix: np.ndarray) -> np.ndarray:
    """A square orthogonal matrix whose first columns are those of a matrix."""
    rows, columns = matrix.shape[-2:]
    if rows == columns and _is_orthogonal(matrix):
        return matrix.copy()
    rest = _creation.randn(*matrix.shape[:-1], rows - columns).numpy().astype(matrix.dtype)
    return _orthonormal(np.concatenate([matrix, rest], -1))


def _packed(matrix: np.ndarray) -> np.ndarray:
    """The reflections of a decomposition Q R below the diagonal, and on it the signs that make R
    positive there: what `_reflected` takes."""
    raw, scales = np.linalg.qr(matrix, mode="raw")
    packed = np.swapaxes(raw, -2, -1).copy()
    diagonal = np.einsum("...ii->...i", packed[..., : packed.shape[-1], :])
    # A reflection that does nothing was left out, but one is made of its column.
    diagonal[...] = np.where(scales == 0, -np.sign(diagonal), np.sign(diagonal))
    return packed


def _rotation(skew: Tensor, name: str) -> Tensor:
    if name == "matrix_exp":
        return F.matrix_exp(skew)
    unit = F.eye(n=skew.shape[-1], m=skew.shape[-1], dtype=skew.dtype)
    return F.linalg_solve(unit - skew * 0.5, unit + skew * 0.5)


def _reflected(packed: Tensor) -> Tensor:
    """The first columns of the product of reflections I - 2 v vᵀ / vᵀv, one for each column v,
    which has a one on the diagonal; times the signs that stand there.

    The product is I - V T⁻¹ Vᵀ with T triangular (Schreiber and Van Loan, 1989).
    """
    rows, columns = packed.shape[-2:]
    unit = F.eye(n=rows, m=columns, dtype=packed.dtype)
    vectors = F.tril(packed, -1) + unit
    products = F.matmul(vectors.transpose(-2, -1), vectors)
    halves = F.diag_embed(F.diagonal(products, 0, -2, -1) / 2)
    inner = F.triu(products, 1) + halves
    top = vectors[..., :columns, :].transpose(-2, -1)
    made = unit - F.matmul(vectors, F.linalg_solve_triangular(inner, top, upper=True))
    return made * F.diagonal(packed, 0, -2, -1).detach().sign().unsqueeze(-2)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Makes a weight orthogonal: a square one in both directions, another in its longer one.

    Args:
        module: Has the weight, a matrix or a batch of matrices; it is changed and returned.
        name: The weight's name.
        orthogonal_map: What makes an orthogonal matrix of any: ``"matrix_exp"``, for square weights
            by default, ``"cayley"``, or ``"householder"``, for others.
        use_trivialization: Whether the map moves a matrix that is kept, so that it begins, and goes
            on after an assignment, where the map is simplest.

    Raises:
        ValueError: The module has no such weight, it has no two dimensions, or the map is unknown.

    Example:
        >>> import betty
        >>> from betty.nn.utils.parametrizations import orthogonal
        >>> weight = orthogonal(betty.nn.Linear(4, 2)).weight
        >>> bool(((weight @ weight.T - betty.eye(2)).abs() < 1e-5).all())
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
