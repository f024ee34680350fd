"""Factorisations of matrices: Cholesky, QR, SVD and eigenvalues, under torch and torch.linalg.

A name `linalg_x` is exposed as `torch.linalg.x`, as in PyTorch's own registry. A matrix that has no
such factorisation is not noticed before the program runs: results are NaN where PyTorch raises
LinAlgError. Not here: LU (lu.py), LDL (ldl.py), what is computed with them (linalg.py).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, op
from ._checks import NO_INTEGERS
from ._promotion import is_integral, title

LINALG = ("linalg",)


def check_matrix(name: str, A: Array, square: bool = False) -> None:
    """PyTorch's errors for what is no matrix, no square one, or not of floats."""
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square and A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {A.shape[-2]} by "
            f"{A.shape[-1]} matrices"
        )
    if is_integral(A):
        raise RuntimeError(f"{name}: {NO_INTEGERS.format(title(A))}")


def no_failure(A: Array) -> Array:
    """The `info` of the functions that do not check: always zero."""
    return jnp.zeros(A.shape[:-2], jnp.int32)


@op(public=LINALG, saves=("output",))
def linalg_cholesky(A: Array, *, upper: bool = False) -> Array:
    """L with L L^H = A for positive-definite A. See torch.linalg.cholesky."""
    check_matrix("linalg.cholesky", A, True)
    return jnp.linalg.cholesky(A, upper=upper)


@op(public=LINALG, result=("L", "info"), saves=("output",))
def linalg_cholesky_ex(
    A: Array, *, upper: bool = False, check_errors: bool = False
) -> tuple[Array, Array]:
    """L with L L^H = A; info is 1 where A is not positive-definite.
    See torch.linalg.cholesky_ex."""
    factor = linalg_cholesky(A, upper=upper)
    failed = jnp.isnan(lax.stop_gradient(factor).real).any((-2, -1))
    return factor, failed.astype(jnp.int32)


@op(saves=("output",))
def cholesky(input: Array, upper: bool = False) -> Array:
    """L with L L^H = input for positive-definite input. See torch.cholesky."""
    return linalg_cholesky(input, upper=upper)


@op(public=LINALG, result=("Q", "R"), saves=("output",))
def linalg_qr(A: Array, mode: str = "reduced") -> tuple[Array, Array]:
    """A = Q R with orthonormal Q and upper triangular R. See torch.linalg.qr."""
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    if mode == "r":
        return jnp.zeros(0, A.dtype), jnp.linalg.qr(A, mode="r")
    Q, R = jnp.linalg.qr(A, mode=mode)
    return Q, R


@op(result=("Q", "R"), saves=("output",))
def qr(input: Array, some: bool = True) -> tuple[Array, Array]:
    """input = Q R with orthonormal Q and upper triangular R. See torch.qr."""
    return linalg_qr(input, "reduced" if some else "complete")


@jax.custom_jvp
def _full_svd(A: Array) -> tuple[Array, Array, Array]:
    """The SVD with square U and Vh. As in PyTorch, what they have more than the thin ones has no
    derivative."""
    return tuple(jnp.linalg.svd(A, full_matrices=True))


@_full_svd.defjvp
def _full_svd_jvp(primals: tuple, tangents: tuple) -> tuple:
    U, S, Vh = _full_svd(*primals)
    thin, (dU, dS, dVh) = jax.jvp(lambda A: _svd(A, False), primals, tangents)
    count = S.shape[-1]
    phase = jnp.sum(thin[0].conj() * U[..., :count], axis=-2)
    return (U, S, Vh), (
        jnp.zeros_like(U).at[..., :count].set(dU * phase[..., None, :]),
        dS,
        jnp.zeros_like(Vh).at[..., :count, :].set(dVh * phase[..., :, None].conj()),
    )


def _svd(A: Array, full: bool) -> tuple[Array, Array, Array]:
    if full and A.shape[-1] != A.shape[-2]:
        return _full_svd(A)
    return tuple(jnp.linalg.svd(A, full_matrices=False))


@op(public=LINALG, result=("U", "S", "Vh"), saves=("output",))
def linalg_svd(
    A: Array, full_matrices: bool = True, *, driver: str | None = None
) -> tuple[Array, Array, Array]:
    """A = U diag(S) Vh with unitary U and Vh, S descending. See torch.linalg.svd."""
    check_matrix("linalg.svd", A)
    return _svd(A, full_matrices)


@op(result=("U", "S", "V"), saves=())
def svd(input: Array, some: bool = True, compute_uv: bool = True) -> tuple[Array, Array, Array]:
    """input = U diag(S) V^H. See torch.svd."""
    check_matrix("linalg.svd", input)
    if not compute_uv:
        rows, columns = input.shape[-2:]
        empty = [jnp.zeros((*input.shape[:-2], n, n), input.dtype) for n in (rows, columns)]
        return empty[0], linalg_svdvals(input), empty[1]
    U, S, Vh = _svd(input, not some)
    return U, S, Vh.mT.conj()


@op(public=LINALG, saves=("output",))
def linalg_svdvals(A: Array, *, driver: str | None = None) -> Array:
    """The singular values, descending. See torch.linalg.svdvals."""
    check_matrix("linalg.svdvals", A)
    return jnp.linalg.svd(A, compute_uv=False)


def _symmetric(A: Array, UPLO: str) -> Array:
    """The Hermitian matrix that one triangle of A stands for."""
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    triangle, strict = (jnp.tril, -1) if UPLO.upper() == "L" else (jnp.triu, 1)
    other = triangle(A, strict).mT.conj()
    # The gradient is that of the symmetrised matrix, as in PyTorch.
    value = lax.stop_gradient(triangle(A) + other)
    smooth = (A + A.mT.conj()) / 2
    return value + (smooth - lax.stop_gradient(smooth))


@op(public=LINALG, result=("eigenvalues", "eigenvectors"), saves=("output",))
def linalg_eigh(A: Array, UPLO: str = "L") -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of Hermitian A. See torch.linalg.eigh."""
    check_matrix("linalg.eigh", A, True)
    return tuple(jnp.linalg.eigh(_symmetric(A, UPLO), symmetrize_input=False))


@op(public=LINALG, saves=("output",))
def linalg_eigvalsh(A: Array, UPLO: str = "L") -> Array:
    """The eigenvalues of Hermitian A, ascending. See torch.linalg.eigvalsh."""
    return linalg_eigh(A, UPLO)[0]


@op(public=LINALG, result=("eigenvalues", "eigenvectors"))
def linalg_eig(A: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors, complex. On the CPU only. See torch.linalg.eig."""
    check_matrix("linalg.eig", A, True)
    if A.size == 0:
        vectors = A.astype(jnp.result_type(A.dtype, jnp.complex64))
        return vectors.sum(-1), vectors
    values, vectors = lax.linalg.eig(A, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    return values, vectors


@op(public=LINALG)
def linalg_eigvals(A: Array) -> Array:
    """The eigenvalues, complex. On the CPU only. See torch.linalg.eigvals."""
    check_matrix("linalg.eigvals", A, True)
    return linalg_eig(A)[0]
