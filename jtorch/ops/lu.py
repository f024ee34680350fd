"""LU factorisations, packed and unpacked, and solving with them, under torch and torch.linalg.

A singular matrix is not noticed before the program runs: `info` says so, and results are infinite
where PyTorch raises LinAlgError. Not here: determinants and `solve` (linalg.py).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, op
from ._promotion import title
from ._shapes import broadcast_shapes
from .decomposition import LINALG, check_matrix


def _factor(A: Array, pivot: bool) -> tuple[Array, Array]:
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    factors, pivots, _ = lax.linalg.lu(A)
    return factors, pivots.astype(jnp.int32) + 1


@op(public=LINALG, result=("LU", "pivots"), saves=("output",))
def linalg_lu_factor(A: Array, *, pivot: bool = True) -> tuple[Array, Array]:
    """L and U in one matrix, and the row swaps, counted from 1. See torch.linalg.lu_factor."""
    check_matrix("linalg.lu_factor", A)
    return _factor(A, pivot)


@op(public=LINALG, result=("LU", "pivots", "info"), saves=("output",))
def linalg_lu_factor_ex(
    A: Array, *, pivot: bool = True, check_errors: bool = False
) -> tuple[Array, Array, Array]:
    """lu_factor without a check; info counts from 1 the first zero on the diagonal of U.
    See torch.linalg.lu_factor_ex."""
    check_matrix("torch.linalg.lu_factor_ex", A)
    factors, pivots = _factor(A, pivot)
    zero = jnp.diagonal(lax.stop_gradient(factors), axis1=-2, axis2=-1) == 0
    count = jnp.arange(1, zero.shape[-1] + 1, dtype=jnp.int32)
    none = jnp.iinfo(jnp.int32).max
    first = jnp.min(jnp.where(zero, count, none), axis=-1, initial=none)
    return factors, pivots, jnp.where(first == none, 0, first)


@op("_lu_with_info", public=("torch",), result=("LU", "pivots", "info"), saves=("output",))
def lu_with_info(
    input: Array, pivot: bool = True, check_errors: bool = True
) -> tuple[Array, Array, Array]:
    """lu_factor_ex under the name that torch.lu's results have."""
    return linalg_lu_factor_ex(input, pivot=pivot)


@op(public=LINALG, result=("P", "L", "U"), constants=(0,), saves=())
def linalg_lu(A: Array, *, pivot: bool = True) -> tuple[Array, Array, Array]:
    """A = P L U. See torch.linalg.lu."""
    check_matrix("linalg.lu", A)
    factors, pivots = _factor(A, pivot)
    return _permutation(pivots, A), *_triangles(factors)


def _permutation(pivots: Array, like: Array) -> Array:
    """The matrix P that the row swaps make."""
    rows = like.shape[-2]
    order = lax.linalg.lu_pivots_to_permutation(pivots - 1, rows)
    return (order[..., None, :] == jnp.arange(rows)[:, None]).astype(like.dtype)


def _triangles(factors: Array) -> tuple[Array, Array]:
    rows, columns = factors.shape[-2:]
    size = min(rows, columns)
    lower = jnp.tril(factors[..., :size], -1) + jnp.eye(rows, size, dtype=factors.dtype)
    return lower, jnp.triu(factors[..., :size, :])


@op(public=("torch",), result=("P", "L", "U"), constants=(0,))
def lu_unpack(
    LU_data: Array, LU_pivots: Array, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Array, Array, Array]:
    """P, L and U of lu_factor's results; empty ones for what is not wanted.
    See torch.lu_unpack."""
    if unpack_pivots and LU_pivots.dtype != jnp.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    if LU_data.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(LU_data.shape)} instead"
        )
    empty = jnp.zeros(0, LU_data.dtype)
    permutation = _permutation(LU_pivots, LU_data) if unpack_pivots else empty
    return permutation, *(_triangles(LU_data) if unpack_data else (empty, empty))


@op(public=LINALG, saves=("output",))
def linalg_lu_solve(
    LU: Array, pivots: Array, B: Array, *, left: bool = True, adjoint: bool = False
) -> Array:
    """X with A X = B (or A^H X = B, or X A = B), given lu_factor(A).
    See torch.linalg.lu_solve."""
    check_matrix("torch.linalg.lu_solve", LU, True)
    if B.ndim < 2:
        raise RuntimeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    rows, columns = B.shape[-2:]
    size = LU.shape[-1]
    if size != (rows if left else columns):
        raise RuntimeError(
            "linalg.lu_solve: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({size}x{size} and {rows}x{columns})"
        )
    if pivots.dtype != jnp.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if pivots.shape[-1:] != (size,):
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the "
            "matrix"
        )
    if LU.dtype != B.dtype:
        raise RuntimeError(
            "linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type "
            f"{title(LU)} and B of type {title(B)} instead"
        )
    batch = broadcast_shapes(LU.shape[:-2], B.shape[:-2])
    LU = jnp.broadcast_to(LU, batch + LU.shape[-2:])
    pivots = jnp.broadcast_to(pivots, batch + pivots.shape[-1:])
    B = jnp.broadcast_to(B, batch + B.shape[-2:])
    if not left:  # X A = B is A^H X^H = B^H
        B, adjoint = B.mT.conj(), not adjoint
    solved = jax.scipy.linalg.lu_solve((LU, pivots - 1), B, trans=2 if adjoint else 0)
    return solved if left else solved.mT.conj()


@op(saves=("LU_data", "output"))
def lu_solve(b: Array, LU_data: Array, LU_pivots: Array) -> Array:
    """X with A X = b, given lu_factor(A). See torch.lu_solve."""
    return linalg_lu_solve(LU_data, LU_pivots, b)
