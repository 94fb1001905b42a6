"""Singular value decompositions of low rank, by products with random matrices.

The range of a matrix is found from its products with a few random vectors (Halko, Martinsson and
Tropp, 2011), so their error depends on how fast the singular values fall.
"""

from __future__ import annotations

from typing import Any

from betty import _creation
from betty import _functions as F
from betty._native import Tensor

__all__ = ["FREE", "pca_lowrank", "svd_lowrank"]


def _transposed(A: Tensor) -> Tensor:
    return F.transpose(A, -2, -1)


def _range(A: Tensor, q: int, niter: int) -> Tensor:
    """An orthonormal basis, in columns, of what the largest directions of a matrix span."""
    from betty.linalg import qr

    start = _creation.randn(*A.shape[:-2], A.shape[-1], q, dtype=A.dtype)
    basis = qr(A @ start)[0]
    for _ in range(niter):
        basis = qr(_transposed(A) @ basis)[0]
        basis = qr(A @ basis)[0]
    return basis


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The q largest singular values of A - M, and their vectors.

    Args:
        A: Matrices in batches.
        q: How many; a few more than are wanted make those more exact.
        niter: Rounds that make them more exact.
        M: Taken from A, where it is broadcast.

    Returns:
        U, S and V, with A - M near U diag(S) Vᵀ.

    Example:
        >>> import betty
        >>> A = betty.outer(betty.ones(4), betty.arange(3.0))
        >>> U, S, V = betty.svd_lowrank(A, q=1)
        >>> betty.allclose(U * S @ V.T, A, atol=1e-5)
        True
    """
    from betty.linalg import svd

    size, rounds = 6 if q is None else q, 2 if niter is None else niter
    matrix = A if M is None else A - M.expand(A.shape)
    if matrix.ndim < 2 or not 0 <= size <= min(matrix.shape[-2:]):
        raise ValueError(
            f"svd_lowrank: q must be from 0 to the smaller size of {list(A.shape)}, got {size}"
        )
    is_wide = matrix.shape[-2] < matrix.shape[-1]
    matrix = _transposed(matrix) if is_wide else matrix
    basis = _range(matrix, size, rounds)
    left, values, right = svd(_transposed(basis) @ matrix, full_matrices=False)
    U, V = basis @ left, _transposed(right)
    return (V, values, U) if is_wide else (U, values, V)


def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """The principal components of rows, by ``svd_lowrank``.

    Args:
        A: Rows of samples, in batches.
        q: How many components; None means 6, or as many as there are.
        center: Takes the mean of each column away before.
        niter: Rounds that make them more exact.

    Returns:
        U, S and V: ``A @ V`` are the rows' components.
    """
    if A.ndim < 2 or not A.is_floating_point():
        raise ValueError("pca_lowrank: takes matrices of a floating type")
    size = min(6, *A.shape[-2:]) if q is None else q
    if not 0 <= size <= min(A.shape[-2:]):
        raise ValueError(
            f"q(={size}) must be non-negative integer and not greater than min(m, n)="
            f"{min(A.shape[-2:])}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, size, niter)


FREE: dict[str, Any] = {"pca_lowrank": pca_lowrank, "svd_lowrank": svd_lowrank}
