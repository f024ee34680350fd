"""Products of Householder reflectors: geqrf, ormqr, linalg.householder_product.

The reflectors H_i = I - tau_i v_i v_i^H, whose v_i stand below the diagonal of a matrix, make
I - V T V^H with T = D (I + S D)^-1, D = diag(tau), S the strict upper triangle of V^H V: the
compact WY form of Schreiber and Van Loan (1989), with Puglisi's formula of T (1992). Products of
matrices only, so JAX derives the gradients. Not here: QR itself (decomposition.py).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from .._core.op import Array, op
from ._promotion import title
from .matmul import matmul


def _check(name: str, input: Array, tau: Array) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"torch.{name}: input must have at least 2 dimensions.")
    if tau.ndim != input.ndim - 1:
        raise RuntimeError(
            f"torch.{name}: Expected tau to have one dimension less than input, but got tau.ndim "
            f"equal to {tau.ndim} and input.ndim is equal to {input.ndim}"
        )
    if tau.shape[:-1] != input.shape[:-2]:
        raise RuntimeError(
            f"torch.{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but "
            f"got {list(tau.shape[:-1])}"
        )
    if tau.dtype != input.dtype:
        raise RuntimeError(
            f"torch.{name}: tau dtype {title(tau)} does not match input dtype {title(input)}"
        )


def _reflect(input: Array, tau: Array, other: Array, adjoint: bool = False) -> Array:
    """Q other, or Q^H other, where Q is the whole product."""
    rows, count = input.shape[-2], tau.shape[-1]
    V = jnp.tril(input[..., :count], -1) + jnp.eye(rows, count, dtype=input.dtype)
    unit = jnp.eye(count, dtype=input.dtype)
    system = unit + jnp.triu(matmul(V.mT.conj(), V), 1) * tau[..., None, :]
    right = matmul(V.mT.conj(), other)
    # T^H y = (I + S D)^-H D^H y;  T y = D (I + S D)^-1 y
    scale = tau[..., :, None]
    batch = jnp.broadcast_shapes(system.shape[:-2], right.shape[:-2])
    system = jnp.broadcast_to(system, batch + system.shape[-2:])
    right = right * scale.conj() if adjoint else right
    solved = lax.linalg.triangular_solve(
        system, right, left_side=True, lower=False, transpose_a=adjoint, conjugate_a=adjoint,
        unit_diagonal=True,
    )  # fmt: skip
    return other - matmul(V, solved if adjoint else solved * scale)


@op(differentiable=False, result=("a", "tau"))
def geqrf(input: Array) -> tuple[Array, Array]:
    """R above and reflectors below the diagonal of one matrix, and their factors tau.
    See torch.geqrf."""
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    packed, tau = jnp.linalg.qr(input, mode="raw")
    return packed.mT, tau


@op(public=("linalg",), saves=("input", "tau", "output"))
def linalg_householder_product(input: Array, tau: Array) -> Array:
    """The first columns of the product of reflectors: [..., m, n], [..., k] -> [..., m, n].
    See torch.linalg.householder_product."""
    _check("linalg.householder_product", input, tau)
    rows, columns = input.shape[-2:]
    if rows < columns:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if columns < tau.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to "
            "tau.shape[-1]"
        )
    start = jnp.eye(rows, columns, dtype=input.dtype)
    return _reflect(input, tau, jnp.broadcast_to(start, input.shape))


op("orgqr")(linalg_householder_product)


@op(saves=("input", "tau", "other", "output"))
def ormqr(
    input: Array, tau: Array, other: Array, left: bool = True, transpose: bool = False
) -> Array:
    """Q other or other Q, where Q is the product of reflectors, or Q^H if `transpose`.
    See torch.ormqr."""
    if input.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if other.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if other.shape[side] < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if tau.shape[-1] != min(other.shape[side], input.shape[-1]):
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    _check("ormqr", input, tau)
    if left:
        return _reflect(input, tau, other, transpose)
    return _reflect(input, tau, other.mT.conj(), not transpose).mT.conj()
