"""Linear algebra in batches over the last two dimensions, under PyTorch's names.

Factorisations are LAPACK's. All are differentiable to every order; what fails (a singular matrix,
one that is not positive definite) raises ``RuntimeError`` when the values are computed, naming
the batch element.
"""

from __future__ import annotations

from typing import Any

from betty import _derived, _types
from betty import _functions as F
from betty._native import Tensor
from betty._results import named, writing

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv",
    "inv_ex", "lstsq", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank",
    "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals",
    "vander", "vecdot", "vector_norm",
]  # fmt: skip

LinAlgError = RuntimeError

_qr = named("linalg_qr", "Q R")
_eigh = named("linalg_eigh", "eigenvalues eigenvectors")
_svd = named("linalg_svd", "U S Vh")
_slogdet = named("linalg_slogdet", "sign logabsdet")
_lstsq = named("linalg_lstsq", "solution residuals rank singular_values")


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or with X A = B where ``left`` is False.

    Args:
        A: Square matrices ``[..., n, n]``.
        B: Right sides ``[..., n, k]``, or vectors ``[n]`` or ``[..., n]`` of A's batch.

    Raises:
        RuntimeError: Shapes that do not fit; a singular matrix, once the values are computed.

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


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The product of n copies; of the inverse where n is negative."""
    return F.matrix_power(A if n >= 0 else inv(A), abs(n))


matrix_exp = F.matrix_exp
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
    product = _derived.chain_matmul(*given)
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
    if p is None or p == 2:
        values = svdvals(A)
        return values[..., 0] / values[..., -1]
    if p == -2:
        values = svdvals(A)
        return values[..., -1] / values[..., 0]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse and a 0 for each matrix; a singular one raises when values are computed."""
    kind = named("linalg_inv_ex", "inverse info")
    info = F.full(0, size=A.shape[:-2], dtype=_types.int32)
    return kind(inv(A), info)


# Those that PyTorch gives `out`.
for _name in (
    "cholesky", "cond", "det", "eigh", "eigvalsh", "inv", "matrix_norm", "matrix_power",
    "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "vector_norm",
):  # fmt: skip
    globals()[_name] = writing(globals()[_name])
