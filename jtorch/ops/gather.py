"""Reading and writing at given indices: gather, scatter, index_select, index_add, masked_scatter.

Indices that are out of range cannot be noticed before the program runs: reading there gives NaN (or
the smallest integer), writing there does nothing. Not here: indexing syntax, which belongs to the
Tensor; joining and rearranging (joining.py). Next: joining.py.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.op import Array, Number, op, unwrap
from ._checks import number
from ._layout import CONTIGUOUS
from ._promotion import check_broadcast, is_bool, is_integral, is_number, title
from ._shapes import wrap_dim
from .comparison import cast_value


def _check_index(name: str, index: Array) -> None:
    if index.dtype not in (jnp.int64, jnp.int32):
        # raised by PyTorch in the same words for every function of the family
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def _check_fits(name: str, index: Array, into: Array, dim: int, what: str) -> None:
    """The index must have as many dimensions, and be no larger apart from `dim`."""
    if index.size == 0:
        return
    if max(index.ndim, 1) != max(into.ndim, 1):
        kind = "input" if what == "self" else what
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {kind} tensor")
    for d, (size, limit) in enumerate(zip(index.shape, into.shape, strict=False)):
        if size > limit and (d != dim or what == "src"):
            if name == "gather":
                raise RuntimeError(
                    f"Size does not match at dimension {d} expected index {list(index.shape)} to "
                    f"be no larger than self {list(into.shape)} apart from dimension {dim}"
                )
            apart = f" apart from dimension {dim}" if what == "self" else ""
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than {what} "
                f"{list(into.shape)}{apart}"
            )


def _at_least_1d(*arrays: Any) -> list[Any]:
    return [a.reshape(1) if isinstance(a, Array) and a.ndim == 0 else a for a in arrays]


@op(saves=("input",), out="exact")
def gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """result[i][j] = input[index[i][j]][j] for dim 0, and so on. See torch.gather."""
    dim = wrap_dim(dim, input.ndim)
    shape = index.shape
    if index.size == 0:
        return jnp.zeros(shape, input.dtype)
    _check_index("gather", index)
    _check_fits("gather", index, input, dim, "self")
    input, index = _at_least_1d(input, index)
    window = tuple(
        slice(None) if d == dim else slice(0, size) for d, size in enumerate(index.shape)
    )
    result = jnp.take_along_axis(input[window], index, axis=dim, mode="fill")
    return result.reshape(shape)


@op(saves=("input",))
def take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Array:
    """input at indices along dim, both broadcast in the other dimensions.
    See torch.take_along_dim."""
    if not is_integral(indices) or is_bool(indices):
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got " + title(indices)
        )
    if dim is None:
        return jnp.take_along_axis(input.reshape(-1), indices.reshape(-1), 0, mode="fill")
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of "
            f"dimensions, but got {input.ndim} dimensions for input, and {indices.ndim} "
            "dimensions for indices"
        )
    return jnp.take_along_axis(input, indices, axis=wrap_dim(dim, input.ndim), mode="fill")


@op(saves=("input",), out="exact")
def take(input: Array, index: Array) -> Array:
    """The elements of the flattened input at index. See torch.take."""
    if index.dtype != jnp.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {title(index)}")
    return jnp.take(input.reshape(-1), index, mode="fill")


@op(inplace=True, strides=CONTIGUOUS, saves=("source",))
def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """The flattened input with source written (or added) at index. See torch.put."""
    flat = input.reshape(-1).at[index.reshape(-1)]
    values = source.reshape(-1)
    written = add_to(flat, values) if accumulate else flat.set(values, unique_indices=True)
    return written.reshape(input.shape)


def add_to(places: Any, values: Array) -> Array:
    """`places.add(values)` for some `array.at[...]`; bools, which JAX doesn't add, are or-ed."""
    return places.max(values) if is_bool(values) else places.add(values)


def _places(index: Array, dim: int) -> tuple[Array, ...]:
    """For each element of index, where in the other tensor it stands for."""
    return tuple(
        index if d == dim else lax.broadcasted_iota(index.dtype, index.shape, d)
        for d in range(index.ndim)
    )


REDUCTIONS = {"add": "sum", "multiply": "prod"}


@op(inplace=True, strides=CONTIGUOUS)
def scatter(
    input: Array,
    dim: int,
    index: Array,
    src: Array | Number | None = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
) -> Array:
    """input with src (or a number) written at index: result[index[i][j]][j] = src[i][j] for dim 0.
    Where an index repeats, one of the elements is written. See torch.scatter."""
    src = value if src is None else src
    if reduce is not None:
        if reduce not in REDUCTIONS:
            raise RuntimeError("reduce argument must be either add or multiply.")
        if not isinstance(src, Array):
            src = jnp.full(index.shape, cast_value(src, input))
        return scatter_reduce(input, dim, index, src, REDUCTIONS[reduce])
    dim = wrap_dim(dim, input.ndim)
    src = _scatter_source("scatter", input, dim, index, src)
    shape = input.shape
    if index.size == 0:
        return input
    input, index, src = _at_least_1d(input, index, src)
    return input.at[_places(index, dim)].set(src, unique_indices=True).reshape(shape)


def _scatter_source(name: str, input: Array, dim: int, index: Array, src: Any) -> Any:
    """The part of src that the index covers; errors for what does not fit."""
    _check_index(name, index)
    _check_fits(name, index, input, dim, "self")
    if is_number(src) or not isinstance(src, Array):
        return cast_value(unwrap(src), input)
    if src.ndim == 0 and index.ndim > 0:
        return src.astype(input.dtype)
    if src.dtype != input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    _check_fits(name, index, src, dim, "src")
    return src[tuple(slice(0, size) for size in index.shape)]


@op(inplace=True, strides=CONTIGUOUS)
def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """input with src added at index; repeated indices accumulate. See torch.scatter_add."""
    return scatter_reduce(input, dim, index, src, "sum")


@op(inplace=True, strides=CONTIGUOUS, saves=("input", "src", "output"))
def scatter_reduce(
    input: Array,
    dim: int,
    index: Array,
    src: Array,
    reduce: str,
    *,
    include_self: bool = True,
) -> Array:
    """input with src reduced into it at index by sum, prod, mean, amax or amin; without input's own
    elements there if include_self is False. See torch.scatter_reduce."""
    dim = wrap_dim(dim, input.ndim)
    src = _scatter_source("scatter", input, dim, index, src)
    shape = input.shape
    if index.size == 0:
        return input
    input, index, src = _at_least_1d(input, index, src)
    return _reduced_into(input, _places(index, dim), src, reduce, include_self).reshape(shape)


def _reduced_into(
    input: Array, places: tuple, src: Array, reduce: str, include_self: bool
) -> Array:
    """input[places] reduced with src. The gradient of amax and amin is shared by equals."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    if reduce in ("amax", "amin"):
        return _extreme_into(input, places, src, reduce, include_self)
    if not include_self:
        neutral = 1 if reduce == "prod" else 0
        input = input.at[places].set(neutral)
    if reduce == "sum":
        return add_to(input.at[places], src)
    if reduce == "prod":
        return _product_into(input, places, src)
    count = jnp.full(input.shape, 1 if include_self else 0, jnp.int64).at[places].add(1)
    total = input.at[places].add(src)
    count = jnp.maximum(count, 1)
    if is_integral(input):
        return jnp.floor_divide(total, count.astype(total.dtype))
    return total / count.astype(total.dtype)


def _product_into(input: Array, places: tuple, src: Array) -> Array:
    if is_bool(input):
        return input.at[places].min(src)
    lead = len(places) - sum(isinstance(p, Array) for p in places)
    return _product(lead, input, places[lead:], src)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _product(lead: int, input: Array, places: tuple, src: Array) -> Array:
    """input[places], after `lead` whole dimensions, multiplied with src: XLA has no gradient of a
    scattered product."""
    return input.at[(slice(None),) * lead + places].multiply(src)


@_product.defjvp
def _product_jvp(lead: int, primals: tuple, tangents: tuple) -> tuple:
    """The product of the others is the result over the factor, or for a factor of zero, the product
    with 1 in its place; as in PyTorch, at two zeros of src that is zero."""
    input, places, src = primals
    index = (slice(None),) * lead + places
    result = _product(lead, input, places, src)
    own = jnp.where(input == 0, 1, input)
    change = _product(lead, own, places, src) / own * tangents[0]
    zero = src == 0
    zeros = jnp.zeros(input.shape, jnp.int32).at[index].add(zero.astype(jnp.int32))
    single = zero & (zeros[index] == 1)
    others = _product(lead, input, places, jnp.where(single, 1, src))
    weight = jnp.where(single, others[index], result[index] / jnp.where(zero, 1, src))
    return result, change.at[index].add(weight * tangents[2])


def _extreme_into(
    input: Array, places: tuple, src: Array, reduce: str, include_self: bool
) -> Array:
    held_input, held_src = lax.stop_gradient(input), lax.stop_gradient(src)
    if not include_self:
        lowest = _limit(input, reduce == "amax")
        held_input = held_input.at[places].set(lowest)
    into = held_input.at[places]
    result = into.max(held_src) if reduce == "amax" else into.min(held_src)
    if is_integral(input):
        return result
    chosen = (held_src == result[places]).astype(input.dtype)
    own = (held_input == result).astype(input.dtype)
    count = own.at[places].add(chosen)
    moved = own * (input - lax.stop_gradient(input))
    moved = moved.at[places].add(chosen * (src - held_src))
    return result + moved / jnp.maximum(count, 1)


def _limit(input: Array, lowest: bool) -> Any:
    if not is_integral(input):
        return -np.inf if lowest else np.inf
    if is_bool(input):
        return not lowest
    limits = np.iinfo(input.dtype)
    return limits.min if lowest else limits.max


def _rows(input: Array, dim: int, index: Array) -> tuple[Array, tuple]:
    """input with at least one dimension, and the index tuple of its slices along dim."""
    dim = wrap_dim(dim, input.ndim)
    (input,) = _at_least_1d(input)
    return input, (slice(None),) * dim + (index.reshape(-1),)


@op(out="exact")
def index_select(input: Array, dim: int, index: Array) -> Array:
    """The slices of input along dim at index. See torch.index_select."""
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (jnp.int64, jnp.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if input.ndim == 0:
        return input
    return jnp.take(input, index.reshape(-1), axis=dim, mode="fill")


def _check_source(name: str, input: Array, dim: int, index: Array, source: Array) -> None:
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index should have dimension 1 or 0 (got {index.ndim})")
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"{name}_(): self ({title(input)}) and source ({title(source)}) must have the same "
            "scalar type"
        )
    others = [t.shape[:dim] + t.shape[dim + 1 :] for t in (input, source)]
    if max(source.ndim, 1) != max(input.ndim, 1) or others[0] != others[1]:
        raise RuntimeError(
            f"{name}(): Source/destination tensor must have same slice shapes. Destination slice "
            f"shape: {list(others[0])} at dimension {dim} and source slice shape: "
            f"{list(others[1])} at dimension 0."
        )
    if source.ndim and index.size != source.shape[dim]:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): "
            f"({source.shape[dim]}), for dim: {dim}"
        )


@op(inplace=True, strides=CONTIGUOUS, saves=("source",))
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: Number = 1) -> Array:
    """input with alpha * source added to its slices along dim at index; repeated indices
    accumulate. See torch.index_add."""
    _check_source("index_add", input, dim, index, source)
    shape = input.shape
    input, places = _rows(input, dim, index)
    (source,) = _at_least_1d(source)
    if not (is_number(alpha) and alpha == 1):
        source = source * number(alpha, source)
    return add_to(input.at[places], source).reshape(shape)


@op(inplace=True, strides=CONTIGUOUS, saves=("source",))
def index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """input with its slices along dim at index replaced by source's. See torch.index_copy."""
    _check_source("index_copy", input, dim, index, source)
    shape = input.shape
    input, places = _rows(input, dim, index)
    (source,) = _at_least_1d(source)
    return input.at[places].set(source, unique_indices=True).reshape(shape)


@op(inplace=True, strides=CONTIGUOUS)
def index_fill(input: Array, dim: int, index: Array, value: Array | Number) -> Array:
    """input with its slices along dim at index filled with a number. See torch.index_fill."""
    if index.dtype not in (jnp.int64, jnp.int32):
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    shape = input.shape
    value = cast_value(value, input)
    if value.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    input, places = _rows(input, dim, index)
    # repeated indices write the same value: the gradient must not count them twice
    hit = jnp.zeros(input.shape, jnp.bool_).at[places].set(True)
    return jnp.where(hit, value, input).reshape(shape)


@op(inplace=True, strides=CONTIGUOUS, saves=("input", "source", "output"), lacks="bool complex")
def index_reduce(
    input: Array,
    dim: int,
    index: Array,
    source: Array,
    reduce: str,
    *,
    include_self: bool = True,
) -> Array:
    """input with the slices of source reduced into its slices at index. See torch.index_reduce."""
    _check_source("index_reduce", input, dim, index, source)
    shape = input.shape
    input, places = _rows(input, dim, index)
    (source,) = _at_least_1d(source)
    return _reduced_into(input, places, source, reduce, include_self).reshape(shape)


@op(inplace=True, strides=CONTIGUOUS)
def masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """input with the elements where mask holds replaced by those of source, in order.
    See torch.masked_scatter."""
    if not is_bool(mask):
        raise RuntimeError("masked_scatter_ only supports boolean masks")
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got "
            f"{title(input)} and {title(source)}"
        )
    check_broadcast(input, mask)
    shape = jnp.broadcast_shapes(input.shape, mask.shape)
    chosen = jnp.broadcast_to(mask, shape).reshape(-1)
    if source.size == 0:
        return jnp.broadcast_to(input, shape)
    place = jnp.maximum(jnp.cumsum(chosen) - 1, 0)
    taken = jnp.take(source.reshape(-1), place, mode="clip")
    result = jnp.where(chosen, taken, jnp.broadcast_to(input, shape).reshape(-1))
    return result.reshape(shape)
