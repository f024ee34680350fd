"""Sorting, the k largest, and binary search.

NaN counts as the largest number. Not here: max and min (reduction.py), medians (statistics.py),
unique, whose size depends on the values. Next: gather.py.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from .._core.dtype import int32, int64
from .._core.op import Array, Number, Varying, op
from ._order import order_of
from ._promotion import is_complex, is_number, promoted
from ._shapes import wrap_dim
from .reduction import take_along


def _order(input: Array, dim: int, descending: bool) -> Array:
    """The indices that sort, equals in their original order."""
    if is_complex(input):
        raise RuntimeError("Sort currently does not support complex dtypes on CPU")
    if input.ndim == 0:
        return jnp.zeros((), jnp.int64)
    return order_of(input, dim, descending)


@op(result=("values", "indices"), saves=())
def sort(
    input: Array, dim: int = -1, descending: bool = False, stable: bool = False
) -> tuple[Array, Array]:
    """The elements in order along dim, and where they were. Always stable. See torch.sort."""
    dim = wrap_dim(dim, input.ndim)
    order = _order(input, dim, descending)
    return (take_along(input, order, dim) if input.ndim else input), order


@op(differentiable=False)
def argsort(input: Array, dim: int = -1, descending: bool = False, stable: bool = False) -> Array:
    """The indices that sort input along dim. Always stable. See torch.argsort."""
    return _order(input, wrap_dim(dim, input.ndim), descending)


@op(saves=())
def msort(input: Array) -> Array:
    """The elements in order along the first dimension. See torch.msort."""
    return sort(input, 0)[0]


@op(
    result=("values", "indices"),
    saves=(),
    lacks={"bool": "topk does not support bool dtypes on CPU"},
)
def topk(
    input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Array, Array]:
    """The k largest (or smallest) elements along dim in order, and their indices.
    See torch.topk."""
    dim = wrap_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[dim] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    if largest and not is_complex(input) and input.dtype != jnp.bool_:
        _, indices = lax.top_k(jnp.moveaxis(lax.stop_gradient(input), dim, -1), k)
        indices = jnp.moveaxis(indices, -1, dim).astype(jnp.int64)
    else:
        order = _order(input, dim, largest)
        indices = lax.slice_in_dim(order, 0, k, axis=dim)
    return take_along(input, indices, dim), indices


def _search(
    boundaries: Array, values: Array, right: bool, sorter: Array | None, out_int32: bool
) -> Array:
    """How many elements of the last dimension of boundaries lie before each value."""
    if sorter is not None:
        boundaries = jnp.take_along_axis(boundaries, sorter, -1)
    boundaries, values = promoted(boundaries, values)
    side = "right" if right else "left"
    kind = (int32 if out_int32 else int64).numpy
    if boundaries.ndim <= 1:
        return jnp.searchsorted(boundaries, values, side=side).astype(kind)
    count = math.prod(boundaries.shape[:-1])
    rows = boundaries.reshape(count, boundaries.shape[-1])
    wanted = values.reshape(count, values.shape[-1])
    before = (
        rows[:, None, :] <= wanted[:, :, None] if right else rows[:, None, :] < wanted[:, :, None]
    )
    return jnp.sum(before, -1).astype(kind).reshape(values.shape)


@op(differentiable=False, promote="own", public=("torch",), lacks="bool complex")
def searchsorted(
    sorted_sequence: Array,
    input: Array | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Array | None = None,
) -> Array:
    """Where each element of input would be inserted to keep the last dimension of the sequence
    sorted. See torch.searchsorted."""
    if side not in (None, "left", "right"):
        raise RuntimeError(
            "torch.searchsorted(): side can only be 'left' or 'right' but got " + side
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    if is_number(input) or isinstance(input, Varying):
        (input,) = promoted(input)
    elif sorted_sequence.ndim > 1 and sorted_sequence.shape[:-1] != input.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(sorted_sequence.shape)} and input value tensor "
            f"{list(input.shape)}"
        )
    return _search(sorted_sequence, input, right or side == "right", sorter, out_int32)


@op(differentiable=False, promote="own", public=("torch",), lacks="bool complex")
def bucketize(
    input: Array | Number, boundaries: Array, *, out_int32: bool = False, right: bool = False
) -> Array:
    """The number of the interval between boundaries that each element lies in.
    See torch.bucketize."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    if is_number(input) or isinstance(input, Varying):
        (input,) = promoted(input)
    return _search(boundaries, input, right, None, out_int32)
