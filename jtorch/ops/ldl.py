"""Factors L D L^T of symmetric matrices that need not be definite: linalg.ldl_factor, ldl_solve.

The Bunch-Kaufman method (Golub and Van Loan, Matrix Computations, 4.4.5), in LAPACK's packing of
the lower triangle: D is made of blocks of 1 and 2; pivots count from 1, those of a block of 2 are
negative and stand twice. PyTorch gives these no gradient either. Definite ones: decomposition.py.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from .._core.op import Array, op
from ._promotion import title
from ._shapes import broadcast_shapes
from .decomposition import LINALG, check_matrix, no_failure

# The growth of elements is smallest with this limit (Bunch and Kaufman 1977).
_ALPHA = (1 + 17**0.5) / 8


def _swap(a: Array, first: Array, second: Array, axis: int = 0) -> Array:
    """Two rows or columns exchanged."""
    rows = jnp.moveaxis(a, axis, 0)
    one, other = rows[first], rows[second]
    return jnp.moveaxis(rows.at[first].set(other).at[second].set(one), 0, axis)


def _choose(A: Array, k: Array) -> tuple[Array, Array, Array]:
    """Whether the block at k is of 2, which row comes to its end, and whether column k is zero.

    A is a whole symmetric matrix; what counts of it is from row and column k on.
    """
    place = jnp.arange(A.shape[0])
    sizes = jnp.abs(A.real) + jnp.abs(A.imag)  # LAPACK's size of a complex number
    below = jnp.where(place > k, sizes[:, k], -1)
    row = jnp.argmax(below)
    largest = jnp.max(below)
    corner = sizes[k, k]
    others = jnp.max(jnp.where((place >= k) & (place != row), sizes[:, row], -1))
    stays = (corner >= _ALPHA * largest) | (corner >= _ALPHA * largest * (largest / others))
    alone = stays | (sizes[row, row] >= _ALPHA * others)
    zero = jnp.maximum(corner, largest) == 0
    return ~(alone | zero), jnp.where(stays | zero, k, row), zero


def _factor(A: Array, conjugate: Callable) -> tuple[Array, Array, Array]:
    """The packed factors, the pivots and the first zero block of one whole symmetric matrix."""
    size = A.shape[0]
    place = jnp.arange(size)

    def step(state: tuple) -> tuple:
        k, A, L, pivots, info = state
        double, row, zero = _choose(A, k)
        end = jnp.where(double, k + 1, k)
        A = _swap(_swap(A, end, row), end, row, 1)
        later = place > end
        first = jnp.where(later, A[:, k], 0)
        second = jnp.where(later & double, A[:, end], 0)
        a, c = A[k, k], A[end, end]
        b = jnp.where(double, A[end, k], 0)
        # Dividing by b first keeps the determinant from overflow, as LAPACK does.
        safe = jnp.where(double, b, 1)
        upper, lower = c / safe, a / conjugate(safe)
        scale = upper * lower - 1
        x = (upper * first - second) / (scale * conjugate(safe))
        y = (lower * second - first) / (scale * safe)
        x = jnp.where(double, x, first / jnp.where(zero | double, 1, a))
        y = jnp.where(double, y, 0)
        change = x[:, None] * conjugate(first)[None, :] + y[:, None] * conjugate(second)[None, :]
        L = L.at[:, end].set(jnp.where(place == end, c, y))
        L = L.at[:, k].set(jnp.where(place == k, a, jnp.where(double & (place == end), b, x)))
        pivot = jnp.where(double, -(row + 1), row + 1).astype(jnp.int32)
        pivots = pivots.at[k].set(pivot).at[end].set(pivot)
        info = jnp.where((info == 0) & zero, (k + 1).astype(jnp.int32), info)
        return end + 1, A - change, L, pivots, info

    start = (0, A, jnp.zeros_like(A), jnp.zeros(size, jnp.int32), jnp.zeros((), jnp.int32))
    return lax.while_loop(lambda state: state[0] < size, step, start)[2:]


@op(public=LINALG, differentiable=False, result=("LD", "pivots", "info"))
def linalg_ldl_factor_ex(
    A: Array, *, hermitian: bool = False, check_errors: bool = False
) -> tuple[Array, Array, Array]:
    """The factors of A = L D L^T (or L D L^H), of whose lower triangle they are made; info counts
    from 1 the first block of D that is zero. See torch.linalg.ldl_factor_ex."""
    check_matrix("torch.linalg.ldl_factor_ex", A, True)
    if A.size == 0:
        return A, jnp.zeros(A.shape[:-1], jnp.int32), no_failure(A)
    conjugate = jnp.conj if hermitian and jnp.iscomplexobj(A) else lambda x: x
    whole = jnp.tril(A) + conjugate(jnp.tril(A, -1)).mT
    if hermitian and jnp.iscomplexobj(A):
        whole = jnp.where(jnp.eye(A.shape[-1], dtype=bool), whole.real, whole)
    factor = jnp.vectorize(lambda a: _factor(a, conjugate), signature="(n,n)->(n,n),(n),()")
    return factor(whole)


@op(public=LINALG, differentiable=False, result=("LD", "pivots"))
def linalg_ldl_factor(A: Array, *, hermitian: bool = False) -> tuple[Array, Array]:
    """The factors of A = L D L^T (or L D L^H), without a check. See torch.linalg.ldl_factor."""
    return linalg_ldl_factor_ex(A, hermitian=hermitian)[:2]


def _solve(LD: Array, pivots: Array, B: Array, conjugate: Callable) -> Array:
    """X with L D L^T X = B, for one matrix: down through L and D, then up through L^T."""
    size = LD.shape[0]
    place = jnp.arange(size)

    def block(k: Array) -> tuple[Array, Array, Array, Array]:
        """The block that begins at k: its end, its row to swap, its columns of L."""
        double = pivots[k] < 0
        end = jnp.where(double, k + 1, k)
        x = jnp.where(place > end, LD[:, k], 0)
        y = jnp.where((place > end) & double, LD[:, end], 0)
        return end, jnp.abs(pivots[k]) - 1, x, y

    def down(state: tuple) -> tuple:
        k, B = state
        end, row, x, y = block(k)
        B = _swap(B, end, row)
        top, bottom = B[k], B[end]
        B = B - x[:, None] * top - y[:, None] * bottom
        double = end > k
        a, b, c = LD[k, k], jnp.where(double, LD[end, k], 1), LD[end, end]
        lower, upper = a / conjugate(b), c / b
        scale = lower * upper - 1
        first = (upper * (top / conjugate(b)) - bottom / b) / scale
        second = (lower * (bottom / b) - top / conjugate(b)) / scale
        B = B.at[end].set(jnp.where(double, second, bottom / c))
        B = B.at[k].set(jnp.where(double, first, top / a))
        return end + 1, B

    def up(state: tuple) -> tuple:
        last, B = state
        k = jnp.where(pivots[last] < 0, last - 1, last)
        end, row, x, y = block(k)
        B = B.at[end].add(-(conjugate(y) @ B))
        B = B.at[k].add(-(conjugate(x) @ B))
        return k - 1, _swap(B, end, row)

    B = lax.while_loop(lambda state: state[0] < size, down, (0, B))[1]
    return lax.while_loop(lambda state: state[0] >= 0, up, (size - 1, B))[1]


@op(public=LINALG, differentiable=False)
def linalg_ldl_solve(LD: Array, pivots: Array, B: Array, *, hermitian: bool = False) -> Array:
    """X with A X = B, given ldl_factor(A). See torch.linalg.ldl_solve."""
    check_matrix("torch.linalg.ldl_solve", LD, True)
    if B.ndim < 2:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.ndim}"
            " dimensions instead"
        )
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but "
            f"got pivots with shape {list(pivots.shape)} instead"
        )
    if not jnp.issubdtype(pivots.dtype, jnp.integer):
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {title(pivots)}"
        )
    if B.dtype != LD.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {title(B)} and A of "
            f"type {title(LD)} instead."
        )
    if B.shape[-2] != LD.shape[-1]:
        raise RuntimeError(
            "Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is "
            f"{LD.shape[-1]} by {LD.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    batch = broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    if 0 in (*batch, *B.shape[-2:]):
        return jnp.zeros(batch + B.shape[-2:], B.dtype)
    conjugate = jnp.conj if hermitian and jnp.iscomplexobj(LD) else lambda x: x
    solve = jnp.vectorize(
        lambda LD, pivots, B: _solve(LD, pivots, B, conjugate), signature="(n,n),(n),(n,m)->(n,m)"
    )
    return solve(LD, pivots, B)
