"""Sums over the entries of sparse Tensors.

An entry is a value and its coordinates. These rows take them as arrays: `values` of shape (entries,
*dense sizes), `indices` of shape (sparse dimensions, entries). Entries may be in any order and
share a place, where they add up; how many there are is static. What a sparse Tensor is, and which
of PyTorch's functions it knows, stands in jtorch/functions/sparse.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from .._core.op import Array, op
from ._checks import require_floating, widen


@op("_sparse_positions", public=(), differentiable=False)
def positions(indices: Array, size: tuple[int, ...]) -> Array:
    """Coordinates as one number each, their place in row-major order."""
    found = jnp.zeros(indices.shape[1], jnp.int64)
    for d, length in enumerate(size):
        found = found * length + indices[d]
    return found


@op("_sparse_coordinates", public=(), differentiable=False)
def coordinates(crow_indices: Array, col_indices: Array) -> Array:
    """Rows and columns of compressed rows: an entry's row is how many rows end before it."""
    count = col_indices.shape[0]
    ends = jnp.zeros(count + 1, jnp.int64).at[crow_indices[1:]].add(1)
    return jnp.stack([jnp.cumsum(ends)[:count], col_indices.astype(jnp.int64)])


@op("_sparse_compressed", public=(), differentiable=False)
def compressed(indices: Array, count: int) -> Array:
    """Where each of `count` rows begins among entries that are sorted by row, and the last ends."""
    return jnp.cumsum(jnp.zeros(count + 1, jnp.int64).at[indices[0] + 1].add(1))


@op("_sparse_total", public=())
def total(values: Array, segments: Array, count: int) -> Array:
    """The sum of the values of each segment; of booleans whether any is True."""
    empty = jnp.zeros((count, *values.shape[1:]), values.dtype)
    if values.dtype == jnp.bool_:
        return empty.at[segments].max(values)
    return empty.at[segments].add(values)


@op("_sparse_to_dense", public=())
def to_dense(values: Array, indices: Array, size: tuple[int, ...]) -> Array:
    """The entries in a dense array, 0 elsewhere."""
    leading = size[: indices.shape[0]]
    flat = total(values, positions(indices, leading), math.prod(leading))
    return flat.reshape(size)


@op("_sparse_values_at", public=())
def values_at(input: Array, indices: Array) -> Array:
    """The elements of a dense array at coordinates."""
    count = indices.shape[0]
    flat = input.reshape(math.prod(input.shape[:count]), *input.shape[count:])
    if not indices.shape[1]:
        return flat[:0]
    return flat[positions(indices, input.shape[:count])]


@op("_sparse_lookup", public=())
def lookup(values: Array, places: Array, wanted: Array) -> Array:
    """For each wanted place the sum of the values that stand there, 0 where none does."""
    count = wanted.shape[0]
    if not count:
        return values[:0]
    ordered = jnp.sort(wanted)
    first = jnp.minimum(jnp.searchsorted(ordered, places), count - 1)
    slots = jnp.where(ordered[first] == places, first, count)
    return total(values, slots, count + 1)[jnp.searchsorted(ordered, wanted)]


@op("_sparse_first", public=())
def first(values: Array, places: Array) -> Array:
    """The values, but 0 where an entry of the same place comes before."""
    order = jnp.argsort(places, stable=True)
    ordered = places[order]
    new = jnp.concatenate([jnp.ones(1, jnp.bool_), ordered[1:] != ordered[:-1]])[: places.shape[0]]
    kept = jnp.zeros(places.shape, jnp.bool_).at[order].set(new)
    kept = kept.reshape(-1, *(1,) * (values.ndim - 1))
    return jnp.where(kept, values, jnp.zeros((), values.dtype))


@op("_sparse_matmul", public=())
def matmul(
    values: Array, indices: Array, dense: Array, count: int, transposed: bool = False
) -> Array:
    """The product of a sparse matrix of `count` rows (or its transpose) and a dense one."""
    rows, columns = (indices[1], indices[0]) if transposed else (indices[0], indices[1])
    if not values.shape[0]:
        return jnp.zeros((count, dense.shape[1]), values.dtype)
    products = widen(values)[:, None] * widen(dense)[columns]
    return total(products, rows, count).astype(values.dtype)


@op("_sparse_matmul_reduce", public=())
def matmul_reduce(
    values: Array, indices: Array, dense: Array, count: int, reduce: str = "sum"
) -> Array:
    """matmul with the mean or an extreme of the products in place of their sum.

    Rows without entries are 0. Of equal extremes the first has the gradient.
    """
    require_floating("spmm_reduce_kernel", values)
    rows, columns = indices[0], indices[1]
    entries = values.shape[0]
    if reduce == "sum" or not entries:
        return matmul(values, indices, dense, count)
    products = widen(values)[:, None] * widen(dense)[columns]
    if reduce == "mean":
        many = total(jnp.ones(entries, products.dtype), rows, count)
        sums = total(products, rows, count)
        return (sums / jnp.maximum(many, 1)[:, None]).astype(values.dtype)
    chosen = _extremes(products if reduce == "amax" else -products, rows, count)
    entry = jnp.minimum(chosen, entries - 1)
    found = values[entry] * dense[columns[entry], jnp.arange(dense.shape[1])]
    return jnp.where(chosen < entries, found, jnp.zeros((), values.dtype))


def _extremes(products: Array, rows: Array, count: int) -> Array:
    """The number of the first entry with the largest product, or with NaN, for each row and
    column; of an entry that isn't there for rows without entries."""
    compared = lax.stop_gradient(products)
    entries, width = products.shape
    lowest = jnp.full((count, width), -jnp.inf, products.dtype)
    largest = lowest.at[rows].max(compared)[rows]
    numbers = jnp.where(
        (compared == largest) | jnp.isnan(compared), jnp.arange(entries)[:, None], entries
    )
    return jnp.full((count, width), entries).at[rows].min(numbers)


@op("_sparse_sampled", public=())
def sampled(mat1: Array, mat2: Array, indices: Array) -> Array:
    """The elements of mat1 @ mat2 at coordinates."""
    if not indices.shape[1]:
        return jnp.zeros(0, mat1.dtype)
    return jnp.sum(mat1[indices[0]] * mat2.T[indices[1]], axis=-1)


@op("_sparse_softmax", public=())
def softmax(values: Array, segments: Array, count: int, log: bool = False) -> Array:
    """exp(x) / sum exp(x), or its logarithm, over the values of each segment."""
    require_floating("log_softmax" if log else "softmax", values)
    lowest = jnp.full((count, *values.shape[1:]), -jnp.inf, values.dtype)
    top = lax.stop_gradient(lowest.at[segments].max(values))
    shifted = values - top[segments]
    powers = jnp.exp(shifted)
    sums = total(powers, segments, count)[segments]
    return shifted - jnp.log(sums) if log else powers / sums
