"""Determinants, inverses, solving, powers and ranks of matrices, under torch and torch.linalg.

A singular matrix is not noticed before the program runs: results are NaN or infinite where PyTorch
raises LinAlgError. Not here: norms (norms.py), products (matmul.py), factorisations
(decomposition.py). Next: decomposition.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import jax.scipy.linalg as scipy_linalg
from jax import lax

from .._core.op import Array, op
from ._promotion import is_integral, title
from ._shapes import broadcast_shapes
from .decomposition import LINALG, check_matrix, linalg_svdvals, no_failure
from .matmul import matmul
from .norms import linalg_matrix_norm


@op("linalg_det", public=LINALG)
def linalg_det(A: Array) -> Array:
    """The determinant. See torch.linalg.det."""
    check_matrix("linalg.det", A, True)
    if A.size == 0:
        return jnp.prod(A, axis=(-2, -1))
    return jnp.linalg.det(A)


op("det")(linalg_det)


@op("linalg_slogdet", public=LINALG, result=("sign", "logabsdet"))
def linalg_slogdet(A: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the size of the determinant. See torch.linalg.slogdet."""
    check_matrix("linalg.slogdet", A, True)
    return tuple(jnp.linalg.slogdet(A))


op("slogdet", result=("sign", "logabsdet"))(linalg_slogdet)


@op()
def logdet(input: Array) -> Array:
    """The logarithm of the determinant; NaN if that is negative. See torch.logdet."""
    check_matrix("logdet", input, True)
    sign, size = jnp.linalg.slogdet(input)
    return jnp.where(sign == -1, jnp.nan, size)


@op("linalg_inv", public=LINALG)
def linalg_inv(A: Array) -> Array:
    """The inverse. See torch.linalg.inv."""
    check_matrix("linalg.inv", A, True)
    return jnp.linalg.inv(A)


op("inverse")(linalg_inv)


@op(public=LINALG, result=("inverse", "info"))
def linalg_inv_ex(A: Array, *, check_errors: bool = False) -> tuple[Array, Array]:
    """The inverse, without a check. See torch.linalg.inv_ex."""
    return linalg_inv(A), no_failure(A)


@op()
def cholesky_solve(input: Array, L: Array, upper: bool = False) -> Array:
    """X with A X = input, given the Cholesky factor of A. See torch.cholesky_solve."""
    return _broadcast_solve(L, input, lambda a, b: scipy_linalg.cho_solve((a, not upper), b))


@op()
def cholesky_inverse(input: Array, upper: bool = False) -> Array:
    """The inverse of A, given its Cholesky factor. See torch.cholesky_inverse."""
    unit = jnp.broadcast_to(jnp.eye(input.shape[-1], dtype=input.dtype), input.shape)
    return cholesky_solve(unit, input, upper)


def _broadcast_solve(A: Array, B: Array, solve: Callable) -> Array:
    """solve(A, B) with the batch dimensions broadcast."""
    batch = broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A = jnp.broadcast_to(A, batch + A.shape[-2:])
    B = jnp.broadcast_to(B, batch + B.shape[-2:])
    return solve(A, B)


def _is_vector(A: Array, B: Array) -> bool:
    """PyTorch's rule for when B is a batch of vectors."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])


@op(public=LINALG)
def linalg_solve(A: Array, B: Array, *, left: bool = True) -> Array:
    """X with A X = B (or X A = B). See torch.linalg.solve."""
    check_matrix("linalg.solve", A, True)
    if A.dtype != B.dtype:
        raise RuntimeError(
            "linalg.solve: Expected A and B to have the same dtype, but found A of type "
            f"{title(A)} and B of type {title(B)} instead"
        )
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported"
        )
    matrix = B[..., None] if vector else B
    side = -2 if left else -1
    if A.shape[-1] != matrix.shape[side]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and "
            f"{matrix.shape[-2]}x{matrix.shape[-1]})"
        )
    if left:
        result = _broadcast_solve(A, matrix, jnp.linalg.solve)
    else:
        result = _broadcast_solve(A.mT, matrix.mT, jnp.linalg.solve).mT
    return result[..., 0] if vector else result


@op(public=LINALG, result=("result", "info"))
def linalg_solve_ex(
    A: Array, B: Array, *, left: bool = True, check_errors: bool = False
) -> tuple[Array, Array]:
    """X with A X = B, without a check. See torch.linalg.solve_ex."""
    return linalg_solve(A, B, left=left), no_failure(A)


@op(public=LINALG)
def linalg_solve_triangular(
    A: Array, B: Array, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    """X with A X = B (or X A = B) for triangular A. See torch.linalg.solve_triangular."""
    check_matrix("linalg.solve_triangular", A, True)

    def solve(a: Array, b: Array) -> Array:
        return lax.linalg.triangular_solve(
            a, b, left_side=left, lower=not upper, unit_diagonal=unitriangular
        )

    return _broadcast_solve(A, B, solve)


@op(result=("solution", "cloned_coefficient"))
def triangular_solve(
    input: Array,
    A: Array,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> tuple[Array, Array]:
    """X with A X = input for triangular A, and A. See torch.triangular_solve."""

    def solve(a: Array, b: Array) -> Array:
        return lax.linalg.triangular_solve(
            a,
            b,
            left_side=True,
            lower=not upper,
            transpose_a=transpose,
            unit_diagonal=unitriangular,
        )

    return _broadcast_solve(A, input, solve), A


@op(public=LINALG)
def linalg_pinv(
    A: Array,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    hermitian: bool = False,
) -> Array:
    """The Moore-Penrose inverse. See torch.linalg.pinv."""
    check_matrix("linalg.pinv", A)
    if rtol is None:
        rtol = 0.0 if atol else max(A.shape[-2:]) * float(jnp.finfo(A.dtype).eps)
    if atol:
        largest = jnp.linalg.svd(lax.stop_gradient(A), compute_uv=False).max(-1)
        return jnp.linalg.pinv(A, rtol=jnp.maximum(rtol, atol / largest), hermitian=hermitian)
    return jnp.linalg.pinv(A, rtol=rtol, hermitian=hermitian)


@op()
def pinverse(input: Array, rcond: float = 1e-15) -> Array:
    """The Moore-Penrose inverse. See torch.pinverse."""
    return linalg_pinv(input, rtol=rcond)


@op(public=LINALG, differentiable=False)
def linalg_matrix_rank(
    A: Array,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    hermitian: bool = False,
) -> Array:
    """How many singular values exceed max(atol, rtol * largest). See torch.linalg.matrix_rank."""
    check_matrix("linalg.matrix_rank", A)
    singular = jnp.linalg.svd(A, compute_uv=False)
    if rtol is None:
        rtol = 0.0 if atol else max(A.shape[-2:]) * float(jnp.finfo(A.dtype).eps)
    limit = jnp.maximum(atol or 0.0, rtol * singular.max(-1, keepdims=True, initial=0))
    return jnp.sum(singular > limit, -1, dtype=jnp.int64)


@op("linalg_matrix_power", public=LINALG)
def linalg_matrix_power(A: Array, n: int) -> Array:
    """The n-th power of square matrices, of the inverse if n is negative.
    See torch.linalg.matrix_power."""
    check_matrix("linalg.matrix_power", A, True) if not is_integral(A) else None
    return jnp.linalg.matrix_power(A, n)


@op()
def matrix_power(input: Array, n: int) -> Array:
    """The n-th power of square matrices. See torch.matrix_power."""
    return linalg_matrix_power(input, n)


@op("matrix_exp", public=("torch", "Tensor"))
def matrix_exp(input: Array) -> Array:
    """The matrix exponential. See torch.matrix_exp."""
    check_matrix("linalg.matrix_exp", input, True)
    return jnp.vectorize(scipy_linalg.expm, signature="(n,n)->(n,n)")(input)


op("linalg_matrix_exp", public=LINALG)(matrix_exp)


@op(public=LINALG)
def linalg_multi_dot(tensors: Sequence[Array]) -> Array:
    """The product of several matrices, in the cheapest order. See torch.linalg.multi_dot."""
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    return jnp.linalg.multi_dot(list(tensors))


@op(public=LINALG)
def linalg_cond(A: Array, p: float | str | None = None) -> Array:
    """The condition number: the norm of A times that of its inverse. See torch.linalg.cond."""
    if p is None or p in (2, -2):
        singular = linalg_svdvals(A)
        largest, smallest = singular[..., 0], singular[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return linalg_matrix_norm(A, p) * linalg_matrix_norm(linalg_inv(A), p)


@op(public=LINALG, result=("solution", "residuals", "rank", "singular_values"))
def linalg_lstsq(
    A: Array, B: Array, rcond: float | None = None, *, driver: str | None = None
) -> tuple[Array, Array, Array, Array]:
    """X that minimises |A X - B|. Residuals suppose full rank. See torch.linalg.lstsq."""
    check_matrix("linalg.lstsq", A)
    vector = _is_vector(A, B)
    matrix = B[..., None] if vector else B
    solution = matmul(linalg_pinv(A, rtol=rcond), matrix)
    rows, columns = A.shape[-2:]
    residuals = jnp.zeros(0, A.dtype)
    if rows > columns and driver != "gelsy":
        residuals = jnp.sum(jnp.square(jnp.abs(matmul(A, solution) - matrix)), -2)
    rank = linalg_matrix_rank(lax.stop_gradient(A), rtol=rcond)
    if driver == "gels":
        rank = jnp.zeros(0, jnp.int64)
    singular = jnp.zeros(0, A.dtype)
    if driver in ("gelsd", "gelss"):
        singular = linalg_svdvals(lax.stop_gradient(A))
    return (solution[..., 0] if vector else solution), residuals, rank, singular


@op(public=LINALG)
def linalg_lu_solve(
    LU: Array, pivots: Array, B: Array, *, left: bool = True, adjoint: bool = False
) -> Array:
    """X with A X = B, given lu_factor(A). See torch.linalg.lu_solve."""
    if not left:
        return linalg_lu_solve(LU, pivots, B.mT.conj(), adjoint=not adjoint).mT.conj()
    return jax.scipy.linalg.lu_solve((LU, pivots - 1), B, trans=2 if adjoint else 0)


@op(public=LINALG)
def linalg_vander(x: Array, *, N: int | None = None) -> Array:
    """The powers 0 to N - 1 of each element, as rows. See torch.linalg.vander."""
    x = x.reshape(1) if x.ndim == 0 else x
    count = x.shape[-1] if N is None else N
    return x[..., None] ** jnp.arange(count)


@op("chain_matmul", public=("torch",))
def chain_matmul(*matrices: Array) -> Array:
    """The product of several matrices. See torch.chain_matmul."""
    return linalg_multi_dot(matrices)


op("linalg_matmul", public=LINALG)(matmul)
