"""Determinants, inverses, solving, powers and ranks of matrices, under torch and torch.linalg.

A singular matrix is not noticed before the program runs: results are NaN or infinite where PyTorch
raises LinAlgError. Not here: norms (norms.py), products (matmul.py), factorisations
(decomposition.py, lu.py, ldl.py). Next: decomposition.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax.numpy as jnp
import jax.scipy.linalg as scipy_linalg
from jax import lax

from .._core.op import Array, op
from ._checks import widen
from ._promotion import is_complex, is_integral, title
from ._shapes import broadcast_shapes, wrap_dim
from .decomposition import LINALG, check_matrix, linalg_eigvalsh, linalg_svdvals, no_failure
from .matmul import matmul
from .norms import linalg_matrix_norm


@op("linalg_det", public=LINALG, saves=("A", "output"))
def linalg_det(A: Array) -> Array:
    """The determinant. See torch.linalg.det."""
    check_matrix("linalg.det", A, True)
    if A.size == 0:
        return jnp.prod(A, axis=(-2, -1))
    return jnp.linalg.det(A)


op("det", saves=("A", "output"))(linalg_det)


@op("linalg_slogdet", public=LINALG, result=("sign", "logabsdet"), saves=("A", "output"))
def linalg_slogdet(A: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the size of the determinant. See torch.linalg.slogdet."""
    check_matrix("linalg.slogdet", A, True)
    return tuple(jnp.linalg.slogdet(A))


op("slogdet", result=("sign", "logabsdet"), saves=("A", "output"))(linalg_slogdet)


@op()
def logdet(input: Array) -> Array:
    """The logarithm of the determinant; NaN if that is negative. See torch.logdet."""
    check_matrix("logdet", input, True)
    sign, size = jnp.linalg.slogdet(input)
    if is_complex(input):
        return jnp.log(sign) + size
    return jnp.where(sign == -1, jnp.nan, size)


@op("linalg_inv", public=LINALG, saves=("output",))
def linalg_inv(A: Array) -> Array:
    """The inverse. See torch.linalg.inv."""
    check_matrix("linalg.inv", A, True)
    return jnp.linalg.inv(A)


op("inverse", saves=("output",))(linalg_inv)


@op(public=LINALG, result=("inverse", "info"), saves=("output",))
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


@op(public=LINALG, saves=("A", "output"))
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


@op(public=LINALG, result=("result", "info"), saves=("A", "output"))
def linalg_solve_ex(
    A: Array, B: Array, *, left: bool = True, check_errors: bool = False
) -> tuple[Array, Array]:
    """X with A X = B, without a check. See torch.linalg.solve_ex."""
    return linalg_solve(A, B, left=left), no_failure(A)


@op(public=LINALG, saves=("A", "output"))
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


Tolerance: TypeAlias = Array | float | None


def _relative(A: Array, atol: Tolerance, rtol: Tolerance) -> Array | float:
    """rtol, or its default: rounding, unless there is an atol."""
    if rtol is not None:
        return rtol
    rounding = max(A.shape[-2:]) * float(jnp.finfo(A.dtype).eps)
    return rounding if atol is None else jnp.where(jnp.asarray(atol) > 0, 0.0, rounding)


@op(public=LINALG, saves=("A", "output"))
def linalg_pinv(
    A: Array,
    rcond: Array | float | None = None,
    hermitian: bool = False,
    *,
    atol: Array | float | None = None,
    rtol: Array | float | None = None,
) -> Array:
    """The Moore-Penrose inverse. Singular values up to max(atol, rtol * largest) count as zero;
    rcond is rtol's older name. Of a Hermitian A the lower triangle is used.
    See torch.linalg.pinv."""
    check_matrix("linalg.pinv", A, hermitian)
    rtol = _relative(A, atol, rcond if rtol is None else rtol)
    value = lax.stop_gradient(A)
    if hermitian:
        lower = jnp.tril(value, -1)
        diagonal = jnp.where(jnp.eye(A.shape[-1], dtype=bool), value.real, 0)
        A = lower + lower.mT.conj() + diagonal + (A - value)
    if atol is not None:
        largest = jnp.linalg.svd(lax.stop_gradient(A), compute_uv=False).max(-1, initial=0)
        rtol = jnp.where(largest > 0, jnp.maximum(rtol, atol / largest), rtol)
    dtype = jnp.finfo(A.dtype).dtype
    return jnp.linalg.pinv(A, rtol=jnp.asarray(rtol, dtype))


@op(saves=("input", "output"))
def pinverse(input: Array, rcond: float = 1e-15) -> Array:
    """The Moore-Penrose inverse. See torch.pinverse."""
    return linalg_pinv(input, rtol=rcond)


@op(public=LINALG, differentiable=False)
def linalg_matrix_rank(
    A: Array,
    tol: Array | float | None = None,
    hermitian: bool = False,
    *,
    atol: Array | float | None = None,
    rtol: Array | float | None = None,
) -> Array:
    """How many singular values exceed max(atol, rtol * largest); tol is an atol without an rtol.
    See torch.linalg.matrix_rank."""
    check_matrix("linalg.matrix_rank", A, hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    singular = jnp.abs(linalg_eigvalsh(A)) if hermitian else linalg_svdvals(A)
    largest = singular.max(-1, initial=0)
    limit = jnp.asarray(_relative(A, atol, rtol)) * largest
    limit = limit if atol is None else jnp.maximum(limit, jnp.asarray(atol))
    return jnp.sum(singular > limit[..., None], -1, dtype=jnp.int64)


@op(public=LINALG, saves=("output",))
def linalg_tensorinv(A: Array, ind: int = 2) -> Array:
    """The inverse of the map from A's last dimensions to its first `ind`.
    See torch.linalg.tensorinv."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = math.prod(A.shape[:ind]), math.prod(A.shape[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    return linalg_inv(A.reshape(rows, columns)).reshape(A.shape[ind:] + A.shape[:ind])


@op(public=LINALG, saves=("A", "output"))
def linalg_tensorsolve(A: Array, B: Array, dims: tuple[int, ...] | None = None) -> Array:
    """X with tensordot(A, X, X.ndim) = B, after `dims` of A came last.
    See torch.linalg.tensorsolve."""
    if dims is not None:
        moved = [wrap_dim(d, A.ndim) for d in dims]
        A = A.transpose([d for d in range(A.ndim) if d not in moved] + moved)
    rows, columns = math.prod(A.shape[: B.ndim]), math.prod(A.shape[B.ndim :])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {columns} != {rows}"
        )
    return linalg_solve(A.reshape(rows, columns), B.reshape(-1)).reshape(A.shape[B.ndim :])


@op("linalg_matrix_power", public=LINALG, lacks="bool")
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
    exponential = jnp.vectorize(scipy_linalg.expm, signature="(n,n)->(n,n)")
    return exponential(widen(input)).astype(input.dtype)


op("linalg_matrix_exp", public=LINALG)(matrix_exp)


@op(public=LINALG, lacks="bool")
def linalg_multi_dot(tensors: Sequence[Array]) -> Array:
    """The product of several matrices, in the cheapest order. See torch.linalg.multi_dot."""
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    return jnp.linalg.multi_dot(list(tensors))


@op(public=LINALG, saves=())
def linalg_cond(A: Array, p: float | str | None = None) -> Array:
    """The condition number: the norm of A times that of its inverse. See torch.linalg.cond."""
    if p is None or p in (2, -2):
        singular = linalg_svdvals(A)
        largest, smallest = singular[..., 0], singular[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return linalg_matrix_norm(A, p) * linalg_matrix_norm(linalg_inv(A), p)


@op(
    public=LINALG,
    result=("solution", "residuals", "rank", "singular_values"),
    constants=(3,),
    saves=("A", "B", "output"),
)
def linalg_lstsq(
    A: Array, B: Array, rcond: float | None = None, *, driver: str | None = None
) -> tuple[Array, Array, Array, Array]:
    """X that minimises |A X - B|. Residuals suppose full rank. See torch.linalg.lstsq."""
    check_matrix("linalg.lstsq", A)
    vector = _is_vector(A, B)
    matrix = B[..., None] if vector else B
    solution = matmul(linalg_pinv(A, rtol=rcond), matrix)
    rows, columns = A.shape[-2:]
    real = jnp.finfo(A.dtype).dtype
    residuals = jnp.zeros(0, real)
    if rows > columns and driver != "gelsy":
        residuals = jnp.sum(jnp.square(jnp.abs(matmul(A, solution) - matrix)), -2)
    rank = linalg_matrix_rank(lax.stop_gradient(A), rtol=rcond)
    if driver == "gels":
        rank = jnp.zeros(0, jnp.int64)
    singular = jnp.zeros(0, real)
    if driver in ("gelsd", "gelss"):
        singular = linalg_svdvals(lax.stop_gradient(A))
    return (solution[..., 0] if vector else solution), residuals, rank, singular


@op(
    public=LINALG,
    lacks={
        "bool": "linalg.vander supports floating point, complex, and integer tensors, but got Bool"
    },
)
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
