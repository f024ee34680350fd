"""Counting values: bincount, histc, histogram, and the places that flat indices stand for.

A value belongs to the bin whose left edge it reaches; the last bin has its right edge too. What
lies outside all bins is left out, NaN as well. bincount, whose size depends on the values, and
histogramdd are finished in functions/counting.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.dtype import BOOL, INTEGER, float32, float64
from .._core.op import Array, op
from ._checks import dtype_of
from ._promotion import c_name, is_complex, title
from ._shapes import reduced_shape, wrap_dims
from .creation import line


@op(differentiable=False, lacks="integer")
def histc(input: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    """How many elements fall into each of `bins` equal intervals from min to max (by default those
    of the data). See torch.histc."""
    if bins <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins}")
    if min > max:
        raise RuntimeError("max must be larger than min")
    flat = input.reshape(-1)
    low, high = jnp.asarray(min, input.dtype), jnp.asarray(max, input.dtype)
    if min == max and flat.size:
        low, high = jnp.min(flat), jnp.max(flat)
    equal = low == high
    low, high = jnp.where(equal, low - 1, low), jnp.where(equal, high + 1, high)
    place = jnp.floor((flat - low) / (high - low) * bins).astype(jnp.int64)
    place = jnp.where(flat == high, bins - 1, place)
    place = jnp.where((flat >= low) & (flat <= high), place, bins)
    return jnp.zeros(bins, input.dtype).at[place].add(jnp.ones_like(flat), mode="drop")


@op("_bincount", public=(), differentiable=False)
def bincount(input: Array, weights: Array | None, size: int) -> Array:
    """How often each of 0, ..., size - 1 occurs, or the sum of its weights. See torch.bincount."""
    if weights is None:
        return jnp.zeros(size, jnp.int64).at[input].add(1)
    kind = float32 if dtype_of(weights) is float32 else float64
    return jnp.zeros(size, kind.numpy).at[input].add(weights.astype(kind.numpy))


def _edges(values: Array, bins: int, limits: Sequence[float] | None) -> Array:
    """The edges of equal bins from the smallest to the largest value, or between limits."""
    if limits is not None:
        if not np.isfinite(limits).all():
            raise RuntimeError(
                f"torch.histogramdd: dimension 0's range [{limits[0]:g}, {limits[1]:g}] is not "
                "finite"
            )
        if limits[0] > limits[1]:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {limits[0]:g} max "
                f"{limits[1]:g} for dimension 0"
            )
        low, high = (jnp.asarray(v, values.dtype) for v in limits)
    elif values.size:
        low, high = jnp.min(values), jnp.max(values)
    else:
        low, high = jnp.zeros((), values.dtype), jnp.ones((), values.dtype)
    half = jnp.where(low == high, 0.5, 0).astype(values.dtype)
    return line(low - half, high + half, bins + 1, values.dtype)


def _check(points: Array, edges: Sequence[Array], weight: Array | None) -> None:
    """PyTorch's checks. points: (..., dimensions)."""
    start = "torch.histogramdd:"
    if dtype_of(points) not in (float32, float64):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{title(points)}'")
    for d, edge in enumerate(edges):
        if edge.ndim != 1:
            raise RuntimeError(
                f"{start} bins tensor should have one dimension, but got {edge.ndim} dimensions in "
                f"the bins tensor for dimension {d}"
            )
        if not edge.size:
            raise RuntimeError(
                f"{start} bins tensor should have at least 1 element, but got 0 elements in the "
                f"bins tensor for dimension {d}"
            )
        if edge.dtype != points.dtype:
            raise RuntimeError(
                f"{start} input tensor and bins tensors should have the same dtype, but got input "
                f"with dtype {c_name(points)} and bins for dimension {d} with dtype {c_name(edge)}"
            )
        if edge.size == 1:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got 0 for dimension {d}")
    if weight is None:
        return
    if weight.dtype != points.dtype:
        raise RuntimeError(
            f"{start} if weight tensor is provided, input tensor and weight tensor should have the "
            f"same dtype, but got input({c_name(points)}), and weight({c_name(weight)})"
        )
    if weight.shape != points.shape[:-1]:
        raise RuntimeError(
            f"{start} if weight tensor is provided it should have the same shape as the input "
            f"tensor excluding its innermost dimension, but got input with shape "
            f"{list(points.shape)} and weight with shape {list(weight.shape)}"
        )


@op("_histogramdd", public=(), differentiable=False)
def histogramdd(input: Array, edges: Sequence[Array], weight: Array | None, density: bool) -> Array:
    """How many points (the last dimension) lie in each cell, or the sum of their weights; divided
    by the total and the cell's size where `density`. See torch.histogramdd."""
    _check(input, edges, weight)
    points = input.reshape(-1, input.shape[-1])
    sizes = tuple(edge.size - 1 for edge in edges)
    places, inside = [], jnp.ones(points.shape[0], jnp.bool_)
    for column, edge in zip(points.T, edges, strict=True):
        inside &= (column >= edge[0]) & (column <= edge[-1])
        place = jnp.searchsorted(edge, column, side="right") - 1
        places.append(jnp.clip(place, 0, edge.size - 2))
    amount = jnp.ones_like(inside, points.dtype) if weight is None else weight.reshape(-1)
    hist = jnp.zeros(sizes, points.dtype).at[tuple(places)].add(jnp.where(inside, amount, 0))
    if not density:
        return hist
    hist = hist / jnp.sum(hist)
    for d, edge in enumerate(edges):
        hist = hist / jnp.diff(edge).reshape([-1 if k == d else 1 for k in range(len(edges))])
    return hist


@op("_bin_edges", public=(), differentiable=False)
def bin_edges(
    input: Array, bins: tuple[int, ...], limits: tuple[float, ...] | None
) -> tuple[Array, ...]:
    """The edges of equal bins for each coordinate of points. See torch.histogramdd."""
    count = input.shape[-1]
    if limits is not None and len(limits) != 2 * count:
        raise RuntimeError(
            f"torch.histogramdd: for a {count}-dimensional histogram range should have {2 * count} "
            f"elements, but got {len(limits)}"
        )
    for d, number in enumerate(bins):
        if number <= 0:
            raise RuntimeError(
                f"torch.histogram(): bins must be > 0, but got {number} for dimension {d}"
            )
    pairs = [None if limits is None else limits[2 * d : 2 * d + 2] for d in range(count)]
    return tuple(
        _edges(input[..., d], n, pair) for d, (n, pair) in enumerate(zip(bins, pairs, strict=True))
    )


@op(differentiable=False, result=("hist", "bin_edges"))
def histogram(
    input: Array,
    bins: Array | int = 100,
    *,
    range: tuple[float, ...] | None = None,
    weight: Array | None = None,
    density: bool = False,
) -> tuple[Array, Array]:
    """How many elements lie in each bin (bins: their number, or their edges), and the edges.

    See torch.histogram."""
    points = input.reshape(-1, 1)
    weight = None if weight is None else weight.reshape(-1)
    edges = bin_edges(points, (bins,), range)[0] if isinstance(bins, int) else bins
    return histogramdd(points, [edges], weight, density), edges


@op("_unravel_index", public=(), differentiable=False)
def unravel_index(indices: Array, shape: tuple[int, ...]) -> Array:
    """The coordinates of flat indices in a shape, as a new last dimension; what is out of range
    wraps round. See torch.unravel_index."""
    steps = np.cumprod([1, *shape[:0:-1]])[::-1]
    places = jnp.floor_divide(indices.astype(jnp.int64)[..., None], jnp.asarray(steps))
    return jnp.mod(places, jnp.asarray(shape, jnp.int64))


@op(differentiable=False)
def nonzero_static(input: Array, *, size: int, fill_value: int = -1) -> Array:
    """The indices of the first `size` nonzero elements, filled up with `fill_value`.

    See torch.nonzero_static."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    if not input.ndim or not input.size:
        return jnp.full((size, input.ndim), fill_value, jnp.int64)
    found = jnp.nonzero(input, size=size, fill_value=fill_value)
    return jnp.stack(found, -1).astype(jnp.int64)


@op(differentiable=False)
def hash_tensor(
    input: Array, dim: int | tuple[int, ...] = (), *, keepdim: bool = False, mode: int = 0
) -> Array:
    """The exclusive or of the bits of all elements, as float64 or int64, along dims.

    See torch.hash_tensor."""
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if is_complex(input):
        raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{title(input)}'")
    dims = wrap_dims(dim, input.ndim)
    if not input.size:
        if dim == ():
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        for d in dims:
            if not input.shape[d]:
                raise IndexError(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
    whole = dtype_of(input).category in (BOOL, INTEGER)
    bits = input.astype(jnp.int64 if whole else jnp.float64).view(jnp.uint64)
    found = lax.reduce(bits, np.uint64(0), lax.bitwise_xor, dims)
    return found.reshape(reduced_shape(input.shape, dims, keepdim))
