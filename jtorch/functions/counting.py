"""Counting and places: bincount, histogramdd, unravel_index, and what needs values for its shape.

histogram, histc and nonzero_static are rows (ops/histogram.py, ops/index.py).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from .. import _expose
from .._core import dtype as dtypes
from .._core.alias import cell_of
from .._core.events import materialises
from .._core.op import return_type
from .._core.program import host
from .._core.record import record
from .._core.tensor import Tensor
from .creation import zeros
from .splitting import unbind

BINCOUNT, BIN_EDGES, HISTOGRAMDD, UNRAVEL = (
    _expose.ROWS[f"_{n}"] for n in ("bincount", "bin_edges", "histogramdd", "unravel_index")
)
HistogramDD = return_type("histogramdd", ("hist", "bin_edges"))


@materialises("bincount()", "the shape of the result depends on values")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 to the largest occurs in a vector of integers, or the sum of its
    weights. Reads the vector. See torch.bincount."""
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.dim() == 1 and not input.numel():
        return zeros(minlength, dtype=dtypes.int64, device=input.device)
    if input.dtype.category != dtypes.INTEGER:
        kind = dtypes.TITLES[input.dtype]
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{kind}'")
    values = host(cell_of(input))
    if input.dim() != 1 or values.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    return record(BINCOUNT, input, weights, max(int(values.max()) + 1, minlength))


def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many of the points (the last dimension of input) lie in each cell of a grid, and the
    edges of its cells. bins: a number, or for each coordinate a number or the edges.
    See torch.histogramdd."""
    if input.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    count = input.shape[-1]
    bins = [bins] * count if isinstance(bins, int) else list(bins)
    if len(bins) != count:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    if not all(isinstance(b, Tensor) for b in bins):
        limits = None if range is None else tuple(map(float, range))
        bins = record(BIN_EDGES, input, tuple(bins), limits)
    hist = record(HISTOGRAMDD, input, tuple(bins), weight, density)
    return HistogramDD(hist, tuple(bins))


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates of flat indices in a shape, one Tensor for each dimension.
    See torch.unravel_index."""
    if indices.dtype.category != dtypes.INTEGER:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    return unbind(record(UNRAVEL, indices, tuple(map(operator.index, sizes))), -1) if sizes else ()


FUNCTIONS = [bincount, histogramdd, unravel_index]
METHODS = {"bincount": bincount}
