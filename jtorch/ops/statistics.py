"""Medians, quantiles, modes, covariance.

Not here: mean and variance (reduction.py), sorting itself (sorting.py), counting (histogram.py).
Next: sorting.py.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, Varying, op, unwrap
from ._checks import is_portion
from ._order import index_of_rank, order_of
from ._promotion import is_complex, is_integral, promoted, title, to_inexact
from ._shapes import wrap_dim
from .reduction import take_along


@jax.custom_jvp
def _shared(input: Array, value: Array) -> Array:
    """`value`, an element of input; the elements equal to it share the gradient."""
    return value


@_shared.defjvp
def _shared_jvp(primals: tuple, tangents: tuple) -> tuple:
    input, value = primals
    same = (input == value) | (jnp.isnan(input) & jnp.isnan(value))
    mean = jnp.sum(jnp.where(same, tangents[0], 0)) / jnp.sum(same).astype(input.dtype)
    return value, mean


def _median(input: Array, dim: int | None, keepdim: bool, skip_nan: bool) -> Any:
    """The lower of the two middle elements. NaN is the median if there is one, unless skipped."""
    if dim is None:
        values, _ = _median(lax.stop_gradient(input).reshape(-1), 0, False, skip_nan)
        return values if is_integral(input) else _shared(input, values)
    dim = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    size = input.shape[dim]
    if size == 0:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    nans = jnp.sum(jnp.isnan(input), axis=dim, keepdims=True).astype(jnp.int64)
    middle = (size - 1) // 2
    if skip_nan:
        place = jnp.maximum(size - nans - 1, 0) // 2
    else:
        place = jnp.where(nans > 0, size - nans, middle)
    indices = index_of_rank(input, place, dim)
    values = take_along(input, indices, dim)
    if keepdim:
        return values, indices
    return values.squeeze(dim), indices.squeeze(dim)


@op(result=("values", "indices"), saves=(), lacks="bool complex")
def median(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, of two the lower; along a dimension also its index. See torch.median."""
    if dim is None and input.size == 0:
        return jnp.full((), jnp.nan, input.dtype)
    return _median(input, dim, keepdim, False)


@op(result=("values", "indices"), saves=(), lacks="bool complex")
def nanmedian(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of what is not NaN. See torch.nanmedian."""
    return _median(input, dim, keepdim, True)


@op(result=("values", "indices"), saves=(), lacks="complex")
def mode(input: Array, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    """The most frequent value along dim, of several the smallest, and its last index.
    See torch.mode."""
    dim = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    moved = jnp.moveaxis(input, dim, -1)
    order = order_of(moved, moved.ndim - 1)
    values = jnp.take_along_axis(lax.stop_gradient(moved), order, -1)
    place = lax.broadcasted_iota(jnp.int64, moved.shape, moved.ndim - 1)
    begins = jnp.concatenate(
        [jnp.ones_like(values[..., :1], bool), values[..., 1:] != values[..., :-1]], -1
    )
    length = place - lax.cummax(jnp.where(begins, place, 0), moved.ndim - 1)
    last = jnp.argmax(length, axis=-1, keepdims=True)
    indices = jnp.moveaxis(jnp.take_along_axis(order, last, -1), -1, dim)
    found = take_along(input, indices, dim)
    return (found, indices) if keepdim else (found.squeeze(dim), indices.squeeze(dim))


@op(result=("values", "indices"), saves=(), out="exact", lacks="bool complex")
def kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    """The k-th smallest element along dim (k counts from 1), and its index.
    See torch.kthvalue."""
    dim = wrap_dim(dim, input.ndim)
    size = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    indices = index_of_rank(input, k - 1, dim)
    values = take_along(input, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _quantile(
    input: Array,
    q: Array | Number,
    dim: int | None,
    keepdim: bool,
    interpolation: str,
    skip_nan: bool,
) -> Array:
    if is_integral(input) or is_complex(input):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if isinstance(q, float | int):
        if not 0 <= q <= 1:
            raise RuntimeError("quantile() q must be in the range [0, 1] but got " + str(q))
        q = jnp.asarray(q, input.dtype)
    elif isinstance(q, Varying):
        q = unwrap(q).astype(input.dtype)
    elif q.dtype != input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if input.size == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if input.ndim == 0:
        wrap_dim(0 if dim is None else dim, 0)
        dim, keepdim = None, False
    shape = input.shape
    flat = input.reshape(-1) if dim is None else jnp.moveaxis(input, wrap_dim(dim, len(shape)), -1)
    ordered = jnp.take_along_axis(flat, order_of(flat, flat.ndim - 1), -1)
    nans = jnp.sum(jnp.isnan(flat), axis=-1, keepdims=True)
    last = flat.shape[-1] - 1
    if skip_nan:
        last = jnp.maximum(last - nans, 0)
    place = q.reshape(-1) * jnp.asarray(last, input.dtype)
    if not skip_nan:
        place = jnp.where(nans > 0, flat.shape[-1] - 1.0, place).astype(input.dtype)
    result = _interpolate(ordered, place, interpolation)
    result = jnp.moveaxis(result, -1, 0)
    if keepdim:
        dims = tuple(range(1, len(shape) + 1)) if dim is None else 1 + wrap_dim(dim, len(shape))
        result = jnp.expand_dims(result, dims)
    return result if q.ndim else result[0]


def _interpolate(ordered: Array, place: Array, interpolation: str) -> Array:
    """The sorted elements at fractional places of the last dimension."""
    place = jnp.broadcast_to(place, (*ordered.shape[:-1], place.shape[-1]))
    if interpolation == "nearest":
        place = jnp.round(place)
    below, above = jnp.floor(place), jnp.ceil(place)
    if interpolation == "lower":
        above = below
    elif interpolation == "higher":
        below = above
    weight = 0.5 * (above - below) if interpolation == "midpoint" else place - below
    low = jnp.take_along_axis(ordered, below.astype(jnp.int64), -1)
    high = jnp.take_along_axis(ordered, above.astype(jnp.int64), -1)
    if interpolation in ("lower", "higher", "nearest"):
        return low
    return jnp.where(
        jnp.abs(weight) < 0.5, low + weight * (high - low), high - (high - low) * (1 - weight)
    )


@op(promote="own", saves=(), accepts={"q": is_portion})
def quantile(
    input: Array,
    q: Array | Number,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Array:
    """The q-th quantiles along dim; NaN where there is a NaN. See torch.quantile."""
    return _quantile(input, q, dim, keepdim, interpolation, False)


@op(promote="own", saves=(), accepts={"q": is_portion})
def nanquantile(
    input: Array,
    q: Array | Number,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Array:
    """The q-th quantiles of what is not NaN. See torch.nanquantile."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


@op(saves=(), lacks={"bool": "cov(): bool dtype is not supported for input"})
def cov(
    input: Array,
    *,
    correction: int = 1,
    fweights: Array | None = None,
    aweights: Array | None = None,
) -> Array:
    """The covariance of variables (rows) over observations (columns). See torch.cov."""
    if input.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if fweights is not None and not is_integral(fweights):
        raise RuntimeError(
            "cov(): expected fweights to have integral dtype but got fweights with "
            f"{title(fweights)} dtype"
        )
    input = to_inexact(input)
    if aweights is not None:
        input, aweights = promoted(input, aweights)
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    for name, part in (("fweights", fweights), ("aweights", aweights)):
        if part is not None and part.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{part.ndim} dimensions"
            )
        if part is not None and part.size != rows.shape[1]:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {part.size} != {rows.shape[1]}"
            )
    dtype = input.dtype
    weights = None
    for name, part in (("fweights", fweights), ("aweights", aweights)):
        if part is not None:
            if part.size != rows.shape[1]:
                raise RuntimeError(
                    f"cov(): expected {name} to have the same numel as there are observations in "
                    f"the input but got {part.size} != {rows.shape[1]}"
                )
            part = part.astype(dtype)
            weights = part if weights is None else weights * part
    if weights is None:
        degrees = jnp.asarray(rows.shape[1] - correction, dtype)
        centred = rows - jnp.mean(rows, 1, keepdims=True)
        scaled = centred
    else:
        total = jnp.sum(weights)
        centred = rows - jnp.sum(rows * weights, 1, keepdims=True) / total
        scaled = centred * weights
        degrees = total - correction
        if aweights is not None and correction:
            degrees = total - correction * jnp.sum(weights * aweights.astype(dtype)) / total
    result = scaled @ centred.conj().T / jnp.maximum(degrees.real, 0).astype(dtype)
    return result.reshape(()) if rows.shape[0] == 1 else result


@op(saves=(), lacks={"bool": "cov(): bool dtype is not supported for input"})
def corrcoef(input: Array) -> Array:
    """The correlation of variables (rows) over observations (columns). See torch.corrcoef."""
    covariance = cov(input)
    if covariance.ndim == 0:
        return covariance / covariance
    deviation = jnp.sqrt(jnp.diagonal(covariance).real)
    return covariance / deviation[:, None] / deviation[None, :]
