"""Linear algebra: values against NumPy, derivatives by differences, errors."""

import betty
import numpy as np
import pytest
from betty import linalg
from derivatives import check_derivatives

RNG = np.random.RandomState(2)
A = RNG.randn(2, 4, 4) + 3 * np.eye(4)
B = RNG.randn(2, 4, 3)
S = A @ A.transpose(0, 2, 1)
TALL = RNG.randn(5, 3)
b = betty.from_numpy


def close(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(found.numpy(), wanted, tolerance, tolerance)


def test_solving():
    close(linalg.solve(b(A), b(B)), np.linalg.solve(A, B))
    close(linalg.solve(b(A), b(B[0])), np.linalg.solve(A, np.stack([B[0], B[0]])))
    close(linalg.solve(b(A), b(B[:, :, 0])), np.linalg.solve(A, B[:, :, :1])[..., 0])
    close(linalg.solve(b(A), b(B.transpose(0, 2, 1)), left=False) @ b(A), B.transpose(0, 2, 1))
    close(linalg.inv(b(A)), np.linalg.inv(A))
    lower = np.tril(A)
    close(linalg.solve_triangular(b(A), b(B), upper=False), np.linalg.solve(lower, B))
    factor = np.linalg.cholesky(S)
    close(betty.cholesky_solve(b(B), b(factor)), np.linalg.solve(S, B))


def test_determinants():
    close(linalg.det(b(A)), np.linalg.det(A))
    sign, size = linalg.slogdet(b(-A[:, :3, :3]))
    close(sign, np.linalg.slogdet(-A[:, :3, :3])[0])
    close(size, np.linalg.slogdet(A[:, :3, :3])[1])
    assert linalg.det(betty.ones(2, 2)).item() == 0
    assert betty.logdet(betty.eye(3)).item() == 0
    assert linalg.det(betty.ones(3, 0, 0)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 2)])
def test_factors_give_the_matrix(shape):
    matrix = RNG.randn(*shape)
    q, r = linalg.qr(b(matrix))
    close(q @ r, matrix)
    close(q.mT @ q, np.broadcast_to(np.eye(min(shape[-2:])), (*shape[:-2], *q.shape[-1:] * 2)))
    close(r, np.triu(r.numpy()))
    u, s, vh = linalg.svd(b(matrix), full_matrices=False)
    close((u * s.unsqueeze(-2)) @ vh, matrix)
    close(linalg.svdvals(b(matrix)), np.linalg.svd(matrix)[1])
    close(linalg.pinv(b(matrix)), np.linalg.pinv(matrix))


def test_symmetric_matrices():
    close(linalg.cholesky(b(S)), np.linalg.cholesky(S))
    close(linalg.cholesky(b(S), upper=True), np.linalg.cholesky(S).transpose(0, 2, 1))
    values, vectors = linalg.eigh(b(S))
    close(values, np.linalg.eigh(S)[0])
    close(vectors @ betty.diag_embed(values) @ vectors.mT, S)


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(order):
    close(linalg.matrix_norm(b(TALL), order), np.linalg.norm(TALL, order))


def test_what_is_made_of_them():
    assert linalg.matrix_rank(betty.ones(3, 3)).item() == 1
    close(linalg.matrix_power(b(A), -2), np.linalg.matrix_power(A, -2))
    close(
        linalg.lstsq(b(TALL), b(np.ones((5, 1)))).solution,
        np.linalg.lstsq(TALL, np.ones((5, 1)))[0],
    )
    close(linalg.multi_dot([b(TALL[0]), b(TALL.T), b(TALL)]), TALL[0] @ TALL.T @ TALL)
    close(linalg.cond(b(A)), np.linalg.cond(A))
    close(linalg.vector_norm(b(TALL), 3, 1), np.linalg.norm(TALL, 3, 1))
    assert linalg.inv(betty.eye(2).bfloat16()).dtype is betty.bfloat16
    f32 = linalg.inv(b(A).float())
    close(f32, np.linalg.inv(A), 1e-5)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5), (2, 0, 0), (0, 3)])
def test_rows_exchanged(shape):
    matrix = RNG.randn(*shape)
    p, lower, upper = linalg.lu(b(matrix))
    close(p @ lower @ upper, matrix)
    close(lower, np.tril(lower.numpy()))
    close(upper, np.triu(upper.numpy()))
    again = betty.lu_unpack(*linalg.lu_factor(b(matrix)))
    for one, other in zip((p, lower, upper), again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_solving_by_factors(left, adjoint):
    side = B if left else B.transpose(0, 2, 1)
    factors = linalg.lu_factor(b(A))
    found = linalg.lu_solve(*factors, b(side), left=left, adjoint=adjoint).numpy()
    matrix = A.transpose(0, 2, 1) if adjoint else A
    np.testing.assert_allclose(matrix @ found if left else found @ matrix, side, atol=1e-9)
    if left and not adjoint:
        np.testing.assert_array_equal(betty.lu_solve(b(side), *b(A).lu()), found)


def test_failures_as_numbers():
    singular = np.stack([A[0], np.ones((4, 4))])
    inverse, info = linalg.inv_ex(b(singular))
    assert info.tolist() == [0, 2] and np.isnan(inverse[1].numpy()).all()
    close(inverse[0], np.linalg.inv(A[0]))
    found = linalg.solve_ex(b(singular), b(B))
    close(found.result[0], np.linalg.solve(A[0], B[0]))
    assert found.info.tolist() == [0, 2] and np.isnan(found.result[1].numpy()).all()
    factor, info = linalg.cholesky_ex(b(np.stack([S[0], -S[0]])))
    assert info.tolist() == [0, 1] and info.dtype is betty.int32
    close(factor[0], np.linalg.cholesky(S[0]))
    assert linalg.lu_factor_ex(b(singular)).info.tolist() == [0, 2]
    for call in (linalg.inv_ex, linalg.cholesky_ex, linalg.lu_factor_ex):
        with pytest.raises(linalg.LinAlgError, match="info is"):
            call(betty.zeros(2, 2), check_errors=True)


def test_tensors_as_matrices():
    shape = (2, 3, 6)
    tensor = RNG.randn(*shape)
    close(linalg.tensorinv(b(tensor)), np.linalg.tensorinv(tensor))
    close(linalg.tensorsolve(b(tensor), b(TALL[:2])), np.linalg.tensorsolve(tensor, TALL[:2]))
    moved = tensor.transpose(2, 0, 1)
    close(
        linalg.tensorsolve(b(moved), b(TALL[:2]), dims=(0,)),
        np.linalg.tensorsolve(moved, TALL[:2], axes=(0,)),
    )


def test_older_names():
    factor = np.linalg.cholesky(S)
    close(betty.cholesky_inverse(b(factor)), np.linalg.inv(S))
    close(b(factor.transpose(0, 2, 1).copy()).cholesky_inverse(upper=True), np.linalg.inv(S))
    for upper, transpose in ((True, False), (False, True)):
        solution, same = betty.triangular_solve(b(B), b(A), upper=upper, transpose=transpose)
        matrix = np.triu(A) if upper else np.tril(A)
        close(solution, np.linalg.solve(matrix.transpose(0, 2, 1) if transpose else matrix, B))
        close(same, A)
    assert b(A).slogdet().logabsdet.shape == betty.slogdet(b(A)).sign.shape == (2,)
    close(betty.svd(b(TALL)).S, np.linalg.svd(TALL)[1])
    assert betty.qr(b(TALL)).R.shape == (3, 3)
    assert linalg.cond(betty.zeros(2, 0, 0)).tolist() == [0, 0]


def test_what_fails_is_a_class_of_its_own():
    assert linalg.LinAlgError is not RuntimeError
    assert issubclass(linalg.LinAlgError, RuntimeError)
    singular = betty.zeros(2, 2)
    for call, name in (
        (lambda: linalg.inv(singular), "linalg.inv: "),
        (lambda: linalg.solve(singular, betty.ones(2)), "linalg.solve: "),
        (lambda: linalg.cholesky(singular), "linalg.cholesky: "),
    ):
        with pytest.raises(linalg.LinAlgError, match=name):
            call().numpy()
    with pytest.raises(RuntimeError, match="takes square") as caught:
        linalg.inv(betty.ones(2, 3))
    assert not isinstance(caught.value, linalg.LinAlgError)
    for refused in (linalg.eig, linalg.eigvals):
        with pytest.raises(NotImplementedError, match="complex numbers"):
            refused(singular)


ONE = RNG.randn(3, 3) / 2 + 2 * np.eye(3)
SMOOTH = {
    "solve": (lambda x: linalg.solve(x, x[:, :2] ** 2), ONE),
    "inv": (linalg.inv, ONE),
    "det": (lambda x: linalg.det(x).reshape(1), ONE),
    "slogdet": (lambda x: linalg.slogdet(x)[1].reshape(1), ONE),
    "cholesky": (lambda x: linalg.cholesky(x @ x.mT), ONE),
    "qr": (lambda x: betty.cat([y.reshape(-1) for y in linalg.qr(x)]), TALL),
    "wide qr": (lambda x: betty.cat([y.reshape(-1) for y in linalg.qr(x)]), TALL.T.copy()),
    "eigh": (lambda x: betty.cat([y.reshape(-1) for y in linalg.eigh(x + x.mT)]), ONE),
    "svd": (lambda x: betty.cat([y.reshape(-1) for y in linalg.svd(x, False)]), TALL),
    "pinv": (linalg.pinv, TALL),
    "lstsq": (lambda x: linalg.lstsq(x, x[:, :1] ** 2).solution, TALL),
    "nuclear norm": (lambda x: linalg.matrix_norm(x, "nuc").reshape(1), TALL),
    "lu": (lambda x: betty.cat([y.reshape(-1) for y in linalg.lu(x)[1:]]), ONE),
    "tall lu": (lambda x: betty.cat([y.reshape(-1) for y in linalg.lu(x)[1:]]), TALL),
    "wide lu": (lambda x: betty.cat([y.reshape(-1) for y in linalg.lu(x)[1:]]), TALL.T.copy()),
    "lu_solve": (lambda x: linalg.lu_solve(*linalg.lu_factor(x), x[:, :2] ** 2), ONE),
    "inv_ex": (lambda x: linalg.inv_ex(x).inverse, ONE),
    "cholesky_ex": (lambda x: linalg.cholesky_ex(x @ x.mT).L, ONE),
    "triangular": (lambda x: linalg.solve_triangular(x, x, upper=True), ONE),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    check_derivatives(*SMOOTH[name])


ERRORS = [
    (
        lambda: linalg.inv(betty.zeros(2, 2)).numpy(),
        r"batch element 0\) the input matrix is singular",
    ),
    (
        lambda: linalg.solve(
            betty.stack([betty.eye(2), betty.ones(2, 2)]), betty.ones(2, 2)
        ).numpy(),
        r"batch element 1\) the input matrix is singular \(diagonal element 2",
    ),
    (
        lambda: linalg.cholesky(betty.diag(betty.tensor([1.0, -1.0]))).numpy(),
        r"the leading minor of order 2 is not positive-definite",
    ),
    (
        lambda: linalg.cholesky(betty.tensor([[1.0, 2.0], [2.0, float("nan")]])).numpy(),
        r"batch element 0\) .*the input has non-finite values",
    ),
    (lambda: linalg.inv(betty.ones(2, 3)), r"takes square matrices, got f32\[2, 3\]"),
    (lambda: linalg.solve(betty.eye(2), betty.ones(3)), r"B does not fit A"),
    (lambda: linalg.det(betty.ones(2, 2).long()), "floating point"),
    (lambda: linalg.matrix_norm(betty.ones(2, 2), "max"), "ord is 'fro'"),
    (lambda: linalg.svd(betty.ones(2, 3)), "full_matrices=False"),
    (lambda: linalg.lu(betty.eye(2), pivot=False), "pivot=False"),
    (
        lambda: linalg.lu_solve(betty.eye(2), betty.tensor([3, 1]).int(), betty.ones(2, 1)),
        r"rows in 1\.\.\.2",
    ),
    (
        lambda: linalg.lu_solve(*linalg.lu_factor(betty.eye(2)), betty.ones(3, 1)),
        "B does not fit",
    ),
    (lambda: linalg.tensorinv(betty.eye(4)), "got 1 and 16"),
    (lambda: linalg.tensorsolve(betty.eye(4), betty.ones(3)), "tensors to ones like B"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    call, text = ERRORS[number]
    with pytest.raises(RuntimeError, match=text):
        call()
