"""Norms of vectors and matrices, under torch, Tensor and torch.linalg; distances.

Gradients at zero are zero, as in PyTorch, where those of the formulas are NaN. Not here:
factorisations (linalg.py). Next: linalg.py.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from .._core.dtype import COMPLEX, INTEGER, TITLES, dtype, to_dtype
from .._core.op import Array, op
from ._checks import NO_DIFFERENCE_OF_BOOLS, NO_INTEGERS
from ._promotion import check_broadcast, is_complex, promoted
from ._shapes import wrap_dim, wrap_dims
from .pointwise import magnitude
from .reduction import safe_sqrt

Dims = int | tuple[int, ...] | None
LINALG = ("linalg",)


def _p_norm(input: Array, p: float, dims: tuple[int, ...], keepdim: bool) -> Array:
    """(sum |input| ** p) ** (1 / p), and its limits at p = 0 and infinity."""
    if p == 2:
        squares = (input * input.conj()).real if is_complex(input) else input * input
        return safe_sqrt(jnp.sum(squares, axis=dims, keepdims=keepdim))
    sizes = magnitude(input)
    if p == 1:
        return jnp.sum(sizes, axis=dims, keepdims=keepdim)
    if p == 0:
        return jnp.sum(sizes != 0, axis=dims, keepdims=keepdim).astype(sizes.dtype)
    if math.isinf(p):
        reduce = jnp.max if p > 0 else jnp.min
        empty: dict[str, Any] = {"initial": 0} if p > 0 else {}
        return reduce(sizes, axis=dims, keepdims=keepdim, **empty)
    if p < 0:  # a zero makes the norm zero, and the gradient of all elements
        powers = jnp.where(sizes == 0, jnp.inf, jnp.where(sizes == 0, 1, sizes) ** p)
        total = jnp.sum(powers, axis=dims, keepdims=keepdim)
        zero = jnp.isinf(total)
        return jnp.where(zero, 0, jnp.where(zero, 1, total) ** (1 / p))
    powers = jnp.where(sizes == 0, 0, jnp.where(sizes == 0, 1, sizes) ** p)
    total = jnp.sum(powers, axis=dims, keepdims=keepdim)
    return jnp.where(total == 0, 0, jnp.where(total == 0, 1, total) ** (1 / p))


def _cast(name: str, input: Array, d: dtype | None) -> Array:
    of = to_dtype(input.dtype)
    if of.category <= INTEGER:
        raise RuntimeError(f"{name}: {NO_INTEGERS.format(TITLES[of])}")
    if d is None:
        return input
    if (of.category == COMPLEX) != (d.category == COMPLEX):
        field = "complex" if of.category == COMPLEX else "real"
        raise RuntimeError(
            f"{name}: dtype should be {field} for {field} inputs, but got {TITLES[d]}"
        )
    return input.astype(d.numpy)


@op(public=LINALG, saves=("x", "output"))
def linalg_vector_norm(
    x: Array,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Array:
    """(sum |x| ** ord) ** (1 / ord) over dims. See torch.linalg.vector_norm."""
    x = _cast("linalg.vector_norm", x, dtype)
    return _p_norm(x, ord, wrap_dims(dim, x.ndim), keepdim)


@op(public=("torch",))
def norm_except_dim(v: Array, pow: int = 2, dim: int = 0) -> Array:
    """The pow-norm over all dims but one, which are kept; over all if dim is -1, as a number.

    See torch.norm_except_dim."""
    if dim == -1:
        return linalg_vector_norm(v, pow)
    if v.ndim == 1:
        return jnp.abs(v)
    kept = wrap_dims(dim, v.ndim)[0]
    return linalg_vector_norm(v, pow, tuple(d for d in range(v.ndim) if d != kept), True)


@op(public=LINALG, saves=())
def linalg_matrix_norm(
    A: Array,
    ord: float | str = "fro",
    dim: tuple[int, ...] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Array:
    """Norms of matrices: "fro", "nuc", and 1, 2, inf with both signs.
    See torch.linalg.matrix_norm."""
    A = _cast("linalg.matrix_norm", A, dtype)
    if A.ndim < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        )
    rows, columns = (wrap_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return _p_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        return _singular_norm(A, ord, (rows, columns), keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = jnp.sum(magnitude(A), axis=summed, keepdims=True)
    if ord > 0:
        result = jnp.max(sums, axis=kept, keepdims=True, initial=0)
    else:
        result = jnp.min(sums, axis=kept, keepdims=True)
    return result if keepdim else result.squeeze((rows, columns))


def _singular_norm(A: Array, ord: float | str, dims: tuple[int, int], keepdim: bool) -> Array:
    singular = jnp.linalg.svd(jnp.moveaxis(A, dims, (-2, -1)), compute_uv=False)
    if isinstance(ord, str):  # "nuc"
        result = jnp.sum(singular, -1)
    else:
        if ord < 0 and not singular.shape[-1]:
            raise IndexError("amin(): Expected reduction dim -1 to have non-zero size.")
        if not singular.shape[-1]:
            singular = jnp.zeros((*singular.shape[:-1], 1), singular.dtype)
        result = jnp.max(singular, -1) if ord > 0 else jnp.min(singular, -1)
    return jnp.expand_dims(result, dims) if keepdim else result


@op(public=LINALG, saves=("A", "output"))
def linalg_norm(
    A: Array,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Array:
    """The norm of a vector, or of a matrix if `dim` names two dimensions or `ord` is given and A
    has two. See torch.linalg.norm."""
    if ord is None:
        return linalg_vector_norm(A, 2, dim, keepdim, dtype=dtype)
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is None:
        if A.ndim not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                f"Got {A.ndim}D."
            )
        dims = tuple(range(A.ndim))
    if len(dims) == 2:
        return linalg_matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: Order {ord} not supported for vectors.")
    return linalg_vector_norm(A, ord, dims, keepdim, dtype=dtype)


@op(saves=("input", "output"))
def norm(
    input: Array,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: dtype | None = None,
) -> Array:
    """The p-norm over dims, all of them by default. See torch.norm."""
    if p == "nuc":
        dims = (0, 1) if dim is None else dim
        return linalg_matrix_norm(input, "nuc", dims, keepdim, dtype=dtype)
    order = 2 if p in ("fro", None) else p
    if isinstance(order, str):
        raise RuntimeError(f"only valid values for p are 'fro' and 'nuc', got {p!r}")
    return linalg_vector_norm(input, order, dim, keepdim, dtype=dtype)


@op(saves=("input", "other", "output"), lacks={"bool": NO_DIFFERENCE_OF_BOOLS})
def dist(input: Array, other: Array, p: float = 2) -> Array:
    """The p-norm of input - other. See torch.dist."""
    input, other = promoted(input, other)
    check_broadcast(input, other)
    return linalg_vector_norm(input - other, p)


@op(
    public=("torch",),
    saves=("x1", "x2", "output"),
    lacks={"bool integer complex": "cdist only supports floating-point dtypes, X1 got: {}"},
)
def cdist(
    x1: Array,
    x2: Array,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Array:
    """The p-norm distance of each pair of rows: [..., P, M], [..., R, M] -> [..., P, R].
    See torch.cdist."""
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    difference = x1[..., :, None, :] - x2[..., None, :, :]
    return _p_norm(difference, p, (difference.ndim - 1,), False)


@op(
    inplace=True,
    lacks={"bool integer": f"linalg.vector_norm: {NO_INTEGERS}"},
)
def renorm(input: Array, p: float, dim: int, maxnorm: float) -> Array:
    """Each slice along dim scaled down to a p-norm of at most maxnorm. See torch.renorm."""
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    dims = tuple(d for d in range(input.ndim) if d != wrap_dim(dim, input.ndim))
    sizes = _p_norm(input, p, dims, True)
    return input * jnp.where(sizes > maxnorm, maxnorm / (sizes + 1e-7), 1).astype(input.dtype)
