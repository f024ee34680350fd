"""Sums and softmax of sparse Tensors of layout sparse_coo.

softmax is over the entries that are there: the others count as minus infinity. A sum over some of
the sparse dimensions reads the indices, for the number of entries of the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core.dtype import dtype
from ..._core.size import Size
from ..._core.tensor import Tensor, from_array
from ..._expose import row
from ...ops._shapes import wrap_dim, wrap_dims
from .conversion import coalesce, total
from .kind import implements, pattern_of, title, unsupported, values_of, with_pattern
from .pattern import Compressed, Coordinates, group, read

SOFTMAX, POSITIONS = row("_sparse_softmax"), row("_sparse_positions")
dense_sum, dense_softmax, dense_log_softmax = row("sum"), row("softmax"), row("log_softmax")


def sparse_sum(
    input: Tensor, dim: int | Sequence[int] | None = None, dtype: dtype | None = None
) -> Tensor:
    """The sum over all elements or over dimensions: sparse as long as sparse dimensions are left.
    See torch.sparse.sum."""
    pattern = pattern_of(input)
    if not isinstance(pattern, Coordinates):
        if dim is None:
            raise RuntimeError(
                f"coalesce expected sparse coordinate tensor layout but got {title(input)}"
            )
        raise unsupported("_indices", (input,))
    if dim is None:
        return dense_sum(values_of(input), dtype=dtype)
    none = not isinstance(dim, int) and not len(dim)
    return _sum_over(input, () if none else wrap_dims(dim, input.dim()), dtype or input.dtype)


def _sum_over(input: Tensor, dims: tuple[int, ...], kind: dtype) -> Tensor:
    pattern = pattern_of(input)
    count = pattern.sparse_dim
    values = values_of(input).to(kind)
    inner = tuple(d - count + 1 for d in dims if d >= count)
    if inner:
        values = dense_sum(values, inner, dtype=kind)
    kept = [d for d in range(count) if d not in dims]
    if not kept:
        return dense_sum(values, 0, dtype=kind)
    size = Size(pattern.size[d] for d in range(input.dim()) if d not in dims)
    rows, sizes = read(pattern.indices)[kept], tuple(size[: len(kept)])
    places = np.asarray(np.ravel_multi_index(tuple(rows), sizes) if rows.size else rows[0])
    found, which = group(places)
    made = Coordinates.from_places(found, size, len(kept), pattern.device)
    return with_pattern(total(values, which, len(found)), made)


@implements(dense_sum)
def sum_of(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """Tensor.sum: as sparse_sum, but integers are added up as int64."""
    whole = dim is None or dim == ()
    if isinstance(pattern_of(input), Compressed):
        return dense_sum(values_of(input), dtype=dtype) if whole and not keepdim else NotImplemented
    if keepdim:
        return NotImplemented
    if whole:
        return sparse_sum(input, None, dtype)
    exact = input.dtype.is_floating_point or input.dtype.is_complex
    kind = dtype or (input.dtype if exact else dense_sum(values_of(input)).dtype)
    return _sum_over(input, wrap_dims(dim, input.dim()), kind)


def softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """exp(x) / sum exp(x) along a dimension, over the entries. See torch.sparse.softmax."""
    return _softmax(input, dim, dtype, False)


def log_softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The logarithm of softmax. See torch.sparse.log_softmax."""
    return _softmax(input, dim, dtype, True)


def _softmax(input: Any, dim: int, kind: dtype | None, log: bool) -> Tensor:
    if not isinstance(pattern_of(input), Coordinates):
        raise unsupported("_sparse_log_softmax" if log else "_sparse_softmax", (input,))
    entries = coalesce(input)
    pattern, values = pattern_of(entries), values_of(entries)
    values = values if kind is None else values.to(kind)
    count = pattern.sparse_dim
    place = wrap_dim(dim, input.dim())
    if place >= count:
        function = dense_log_softmax if log else dense_softmax
        return with_pattern(function(values, place - count + 1), pattern)
    others = [d for d in range(count) if d != place]
    sizes = tuple(pattern.size[d] for d in others)
    chosen = from_array(np.asarray(others, np.int64), pattern.device)
    segments = POSITIONS(row("index_select")(pattern.indices, 0, chosen), sizes)
    return with_pattern(SOFTMAX(values, segments, math.prod(sizes), log), pattern)


SPARSE = {"sum": sparse_sum, "softmax": softmax, "log_softmax": log_softmax}
