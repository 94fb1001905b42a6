"""Linear algebra in batches over the last two dimensions, under PyTorch's names.

Factorisations are LAPACK's. All are differentiable to every order; what fails (a singular matrix,
one that is not positive definite) raises ``LinAlgError`` when the values are computed, naming the
batch element. Eigenvalues of matrices that are not symmetric are complex, and not there.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

from betty import _derived, _factors
from betty import _functions as F
from betty._native import LinAlgError, Tensor
from betty._results import named, writing

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve",
    "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv",
    "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

_qr = named("linalg_qr", "Q R")
_eigh = named("linalg_eigh", "eigenvalues eigenvectors")
_svd = named("linalg_svd", "U S Vh")
_slogdet = named("linalg_slogdet", "sign logabsdet")
_lu = named("linalg_lu", "P L U")
_lu_factor = named("linalg_lu_factor", "LU pivots")
_lu_factor_ex = named("linalg_lu_factor_ex", "LU pivots info")
_cholesky_ex = named("linalg_cholesky_ex", "L info")
_inv_ex = named("linalg_inv_ex", "inverse info")
_solve_ex = named("linalg_solve_ex", "result info")
_lstsq = named("linalg_lstsq", "solution residuals rank singular_values")


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or with X A = B where ``left`` is False.

    Args:
        A: Square matrices ``[..., n, n]``.
        B: Right sides ``[..., n, k]``, or vectors ``[n]`` or ``[..., n]`` of A's batch.

    Raises:
        RuntimeError: Shapes that do not fit.
        LinAlgError: A singular matrix, once the values are computed.

    Example:
        >>> import betty
        >>> betty.linalg.solve(betty.tensor([[2.0, 0.0], [0.0, 4.0]]), betty.ones(2))
        tensor([0.5000, 0.2500])
    """
    return F.linalg_solve(A, B, left)


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B for the upper or lower triangle of A."""
    return F.linalg_solve_triangular(A, B, upper, left, unitriangular)


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower L with L Lᵀ = A, or the upper Lᵀ; A is symmetric and positive definite."""
    return F.linalg_cholesky(A, upper)


def inv(A: Tensor) -> Tensor:
    """The inverse."""
    return F.linalg_inv(A)


def det(A: Tensor) -> Tensor:
    """The determinant."""
    return F.linalg_det(A)


def slogdet(A: Tensor) -> Any:
    """The sign of the determinant and the logarithm of its size."""
    return _slogdet(*F.linalg_slogdet(A))


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and the upper triangle R whose product is A."""
    return _qr(*F.linalg_qr(A, mode))


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Rising eigenvalues and the eigenvectors (columns) of symmetric matrices.

    The mean of A and its transpose is taken, so ``UPLO`` changes nothing.
    """
    if UPLO not in ("L", "U"):
        raise RuntimeError(f"linalg.eigh: UPLO is 'L' or 'U', got {UPLO!r}")
    return _eigh(*F.linalg_eigh(A))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Rising eigenvalues of symmetric matrices."""
    return eigh(A, UPLO).eigenvalues


def eig(A: Tensor) -> NoReturn:
    """Refused: the eigenvalues of a matrix that is not symmetric are complex.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "linalg.eig: eigenvalues are complex numbers, which are not there; of symmetric matrices "
        f"linalg.eigh gives them, got {tuple(A.shape)}"
    )


def eigvals(A: Tensor) -> NoReturn:
    """Refused, as ``eig`` is."""
    eig(A)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """L below U, pivots, and for each matrix 0 or the first diagonal element of U that is 0."""
    _factors.needs_pivots(pivot)
    factors, pivots, _, info = F.linalg_lu(A)
    _check("lu_factor_ex", info, check_errors)
    return _lu_factor_ex(factors, pivots, info)


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L (whose diagonal is 1) below U in one matrix, and LAPACK's pivots, for ``lu_solve``.

    Example:
        >>> import betty
        >>> A = betty.tensor([[0.0, 2.0], [4.0, 0.0]])
        >>> factors, pivots = betty.linalg.lu_factor(A)
        >>> betty.linalg.lu_solve(factors, pivots, betty.ones(2, 1))
        tensor([[0.2500],
                [0.5000]])
    """
    _factors.needs_pivots(pivot)
    return _lu_factor(*F.linalg_lu(A)[:2])


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A permutation P, the lower L (whose diagonal is 1) and the upper U whose product is A."""
    _factors.needs_pivots(pivot)
    factors, _, order, _ = F.linalg_lu(A)
    return _lu(_factors.permutation(order, factors.dtype), *_factors.triangles(factors))


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B, or X A = B, or with Aᵀ in the place of A, which ``lu_factor`` has factored.

    The pivots' values are read.
    """
    return _factors.solve_factored(LU, pivots, B, left, adjoint)


def svd(A: Tensor, full_matrices: bool = True) -> Any:
    """U, falling singular values S, and Vh with A = U diag(S) Vh.

    Only the reduced form has derivatives; ``full_matrices`` is refused where the two differ.
    """
    if full_matrices and A.ndim >= 2 and A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            "linalg.svd: of matrices that are not square only full_matrices=False is there, got "
            f"{tuple(A.shape)}"
        )
    return _svd(*F.linalg_svd(A))


def svdvals(A: Tensor) -> Tensor:
    """Falling singular values."""
    return F.linalg_svd(A)[1]


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X of least norm that minimises the norm of A X - B; A has full rank."""
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"linalg.lstsq: driver must be one of gels, gelsy, gelsd, gelss, got {driver!r}"
        )
    solution = F.linalg_lstsq(A, B)
    missing = F.matmul(A, solution) - B
    rows, columns = A.shape[-2:]
    residuals = F.sum(missing * missing, -2) if rows > columns else A.new_empty(0)
    return _lstsq(solution, residuals, F.linalg_matrix_rank(A), A.new_empty(0))


def pinv(A: Tensor, *, atol: float | None = None, rtol: float | None = None) -> Tensor:
    """The pseudoinverse; singular values up to max(atol, rtol * the largest) count as 0."""
    return F.linalg_pinv(A, rtol, atol or 0.0)


def matrix_rank(A: Tensor, *, atol: float | None = None, rtol: float | None = None) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest)."""
    return F.linalg_matrix_rank(A, rtol, atol or 0.0)


matrix_exp, matrix_power = F.matrix_exp, _factors.matrix_power
matmul = F.matmul


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Rising powers of the elements of a vector, one element a row."""
    return F.vander(x, N, True)


def multi_dot(tensors: Any) -> Tensor:
    """The product of matrices in the order that costs least; the ends may be vectors."""
    given = list(tensors)
    if len(given) < 2:
        raise RuntimeError(f"linalg.multi_dot: takes two tensors at least, got {len(given)}")
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    given[0] = given[0].unsqueeze(0) if first else given[0]
    given[-1] = given[-1].unsqueeze(1) if last else given[-1]
    product = _derived.cheapest_product(given)
    product = product.squeeze(-1) if last else product
    return product.squeeze(0) if first else product


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Diagonals of the matrices that two dimensions make."""
    return F.diagonal(A, offset, dim1, dim2)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of 3."""
    return F.cross(input, other, dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products along a dimension."""
    return F.sum(x * y, dim)


# ---- failures as numbers -----------------------------------------------------------------------


def _check(name: str, info: Tensor, wanted: bool) -> None:
    if wanted and bool((info != 0).any()):
        raise LinAlgError(f"linalg.{name}: a matrix could not be factored, info is {info.tolist()}")


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The factor, NaN where there is none; and for each matrix 0, or the order of its first
    leading minor that is not positive.

    Example:
        >>> import betty
        >>> betty.linalg.cholesky_ex(betty.tensor([[1.0, 2.0], [2.0, 1.0]])).info
        tensor(2, dtype=betty.int32)
    """
    info = F.linalg_cholesky_info(A)
    _check("cholesky_ex", info, check_errors)
    return _cholesky_ex(_factors.safe_or_nan(A, info, lambda A: F.linalg_cholesky(A, upper)), info)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse, NaN where there is none; and for each matrix 0, or the first diagonal element of
    its factor that is 0."""
    info = F.linalg_lu(A)[3]
    _check("inv_ex", info, check_errors)
    return _inv_ex(_factors.safe_or_nan(A, info, F.linalg_inv), info)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """As ``solve``, NaN where a matrix is singular; and its info, as of ``inv_ex``."""
    info = F.linalg_lu(A)[3]
    _check("solve_ex", info, check_errors)
    failed = (info != 0).unsqueeze(-1).unsqueeze(-1)
    result = F.linalg_solve(F.where(failed, _factors.identity_like(A), A), B, left)
    is_vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    return _solve_ex(F.where(failed.squeeze(-1) if is_vector else failed, math.nan, result), info)


# ---- tensors as matrices -----------------------------------------------------------------------


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the map that the first ``ind`` dimensions and the rest make a matrix of."""
    if ind <= 0:
        raise RuntimeError(f"linalg.tensorinv: ind must be positive, got {ind}")
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            "linalg.tensorinv: expected prod(shape[ind:]) == prod(shape[:ind]), got "
            f"{math.prod(columns)} and {math.prod(rows)}"
        )
    flat = A.reshape(math.prod(rows), math.prod(columns))
    return F.linalg_inv(flat).reshape(*columns, *rows)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; ``dims`` of A are moved to its end first."""
    if dims is not None:
        A = F.movedim(A, list(dims), list(range(-len(dims), 0)))
    shape = tuple(A.shape[B.ndim :])
    if math.prod(A.shape[: B.ndim]) != math.prod(shape) or math.prod(shape) != B.numel():
        raise RuntimeError(
            "linalg.tensorsolve: expected A to map tensors to ones like B, got "
            f"{list(A.shape)} and {list(B.shape)}"
        )
    flat = A.reshape(B.numel(), B.numel())
    return F.linalg_solve(flat, B.reshape(-1)).reshape(shape)


# ---- norms -------------------------------------------------------------------------------------


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The p-norm of vectors, or of all elements."""
    if isinstance(ord, str):
        raise TypeError(f"linalg.vector_norm: ord must be a number, got {ord!r}")
    return F.norm(x if dtype is None else x.to(dtype), dim, keepdim, float(ord))


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices: 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2."""
    value = A if dtype is None else A.to(dtype)
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    dims = [d % value.ndim for d in given] if value.ndim else []
    if len(dims) != 2 or dims[0] == dims[1]:
        raise RuntimeError(f"linalg.matrix_norm: dim must be two dimensions, got {dim}")
    last = value.ndim - 1
    moved = F.movedim(value, dims, [last - 1, last])
    name = ord if isinstance(ord, str) else str(float(ord))
    found = F.linalg_matrix_norm(moved, name, keepdim)
    return F.movedim(found, [last - 1, last], dims) if keepdim else found


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A vector's or a matrix's norm, as ``dim`` or the rank says; 2-norm of all without ``ord``."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    several = dim is not None and not isinstance(dim, int)
    if dim is None and A.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: with ord and without dim takes a vector or a matrix, got "
            f"{tuple(A.shape)}"
        )
    if isinstance(ord, str) or (several and len(dim) == 2) or (dim is None and A.ndim == 2):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """How far from singular matrices are: the quotient of their outer singular values."""
    if A.shape[-1] == 0 == A.shape[-2]:
        return A.new_zeros(A.shape[:-2])
    if p is None or p == 2:
        values = svdvals(A)
        return values[..., 0] / values[..., -1]
    if p == -2:
        values = svdvals(A)
        return values[..., -1] / values[..., 0]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


# Those that PyTorch gives `out`.
for _name in (
    "cholesky", "cond", "det", "eigh", "eigvalsh", "inv", "matrix_norm",
    "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "vector_norm",
):  # fmt: skip
    globals()[_name] = writing(globals()[_name])
