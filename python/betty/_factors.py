"""Factors of matrices: LU, what reports a matrix's failure as a number, and the names that PyTorch
has beside those of `torch.linalg`.

Invariant: everything is recorded and differentiable, but for the order of rows that pivots given by
a program mean, which is read from their values.
"""

from __future__ import annotations

import math
from typing import Any

from betty import _creation, _native, _overloads, _types
from betty import _functions as F
from betty._native import Tensor
from betty._results import named, writing
from betty._warnings import warn

_slogdet, _svd, _qr = named("slogdet", "sign logabsdet"), named("svd", "U S V"), named("qr", "Q R")
_unpacked = named("lu_unpack", "P L U")
_with_info = named("_lu_with_info", "LU pivots info")
_triangular = named("triangular_solve", "solution cloned_coefficient")


def needs_pivots(pivot: bool) -> None:
    """Refuses LU without exchanges of rows."""
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not there, got pivot=False")


def identity_like(A: Tensor) -> Tensor:
    """Unit matrices of the size and type of square ones."""
    size = A.shape[-1]
    return F.eye(n=size, m=size, dtype=A.dtype).expand(A.shape)


def safe_or_nan(A: Tensor, info: Tensor, function: Any) -> Tensor:
    """The function of the matrices whose info is 0; of the others NaN."""
    failed = (info != 0).unsqueeze(-1).unsqueeze(-1)
    return F.where(failed, float("nan"), function(F.where(failed, identity_like(A), A)))


# ---- LU ----------------------------------------------------------------------------------------


def order_of(pivots: Tensor, rows: int) -> Tensor:
    """The order of rows that exchanges one after the other make: [..., rows]. Evaluates."""
    import numpy

    exchanges = _overloads.array_of(pivots).astype(numpy.int64) - 1
    if exchanges.size and (exchanges.min() < 0 or exchanges.max() >= rows):
        raise RuntimeError(f"lu: pivots must be rows in 1...{rows}")
    flat = exchanges.reshape(math.prod(exchanges.shape[:-1]), exchanges.shape[-1])
    order = numpy.tile(numpy.arange(rows), (len(flat), 1))
    every = numpy.arange(len(flat))
    for place in range(flat.shape[1]):
        other = flat[:, place]
        here = order[:, place].copy()
        order[:, place] = order[every, other]
        order[every, other] = here
    return _native.from_buffer(order.reshape(*exchanges.shape[:-1], rows))


def permutation(order: Tensor, dtype: Any) -> Tensor:
    """P with P (rows in order) the rows as they were: [..., m, m]."""
    rows = _creation.arange(order.shape[-1])
    return (rows.unsqueeze(-1) == order.unsqueeze(-2)).to(dtype)


def triangles(LU: Tensor) -> tuple[Tensor, Tensor]:
    """L [..., m, k], whose diagonal is 1, and U [..., k, n]."""
    m, n = LU.shape[-2:]
    k = min(m, n)
    lower = F.tril(LU[..., :k], -1)
    return lower + F.eye(n=m, m=k, dtype=LU.dtype), F.triu(LU[..., :k, :])


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """L below U in one matrix, and pivots; with ``get_infos`` also LAPACK's info."""
    warn("lu is deprecated in favor of linalg.lu_factor and linalg.lu_factor_ex.")
    needs_pivots(pivot)
    factors, pivots, _, info = F.linalg_lu(A)
    return _with_info(factors, pivots, info) if get_infos else (factors, pivots)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P, L and U whose product is the matrix; what is not asked for is empty."""
    if LU_pivots.dtype is not _types.int32:
        raise RuntimeError(f"lu_unpack: pivots must be of dtype int32, got {LU_pivots.dtype}")
    empty = LU_data.new_empty(0)
    lower, upper = triangles(LU_data) if unpack_data else (empty, empty)
    if not unpack_pivots:
        return _unpacked(empty, lower, upper)
    order = order_of(LU_pivots, LU_data.shape[-2])
    return _unpacked(permutation(order, LU_data.dtype), lower, upper)


def solve_factored(
    LU: Tensor, pivots: Tensor, B: Tensor, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B (or X A = B, or with Aᵀ), A given by its LU."""
    if LU.ndim < 2 or LU.shape[-1] != LU.shape[-2] or B.ndim < 2:
        raise RuntimeError(
            "linalg.lu_solve: takes square LU and B of 2 dimensions at least, got "
            f"{list(LU.shape)} and {list(B.shape)}"
        )
    if B.shape[-2 if left else -1] != LU.shape[-1]:
        raise RuntimeError(
            f"linalg.lu_solve: B does not fit, got {list(B.shape)} for LU {list(LU.shape)}"
        )
    if not left:
        return F.transpose(
            solve_factored(LU, pivots, F.transpose(B, -2, -1), True, not adjoint), -2, -1
        )
    turned = permutation(order_of(pivots, LU.shape[-1]), LU.dtype)
    if adjoint:
        upper = F.linalg_solve_triangular(F.transpose(LU, -2, -1), B, False)
        lower = F.linalg_solve_triangular(F.transpose(LU, -2, -1), upper, True, True, True)
        return F.matmul(turned, lower)
    ordered = F.matmul(F.transpose(turned, -2, -1), B)
    lower = F.linalg_solve_triangular(LU, ordered, False, True, True)
    return F.linalg_solve_triangular(LU, lower, True)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b, A given by its LU."""
    return solve_factored(LU_data, LU_pivots, b)


# ---- names beside those of linalg --------------------------------------------------------------


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is given."""
    return F.cholesky_solve(identity_like(L), L, upper)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """X with A X = b for a triangle of A (or Aᵀ X = b), and A."""
    warn("triangular_solve is deprecated in favor of linalg.solve_triangular.")
    matrix = F.transpose(A, -2, -1) if transpose else A
    solution = F.linalg_solve_triangular(matrix, b, upper != transpose, True, unitriangular)
    return _triangular(solution, A.clone())


def slogdet(input: Tensor) -> Any:
    """The sign of the determinant and the logarithm of its size."""
    return _slogdet(*F.linalg_slogdet(input))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S and V with input = U diag(S) Vᵀ; V, not its transpose as in ``linalg.svd``."""
    u, s, vh = F.linalg_svd(input)
    return _svd(u, s, F.transpose(vh, -2, -1))


def qr(input: Tensor, some: bool = True) -> Any:
    """As linalg.qr, reduced."""
    return _qr(*F.linalg_qr(input))


@writing
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The product of n copies of square matrices; of their inverse where n is negative."""
    return F.matrix_power(input if n >= 0 else F.linalg_inv(input), abs(n))


FUNCTIONS = {
    "cholesky": lambda input, upper=False: F.linalg_cholesky(input, upper),
    "det": F.linalg_det,
    "inverse": F.linalg_inv,
    "pinverse": lambda input, rcond=1e-15: F.linalg_pinv(input, rcond),
    **{
        function.__name__: function
        for function in (
            cholesky_inverse, lu, lu_solve, matrix_power, qr, slogdet, svd, triangular_solve,
        )
    },
}  # fmt: skip
FREE = {"lu_unpack": lu_unpack}
