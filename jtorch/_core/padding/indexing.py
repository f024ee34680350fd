"""Slices, gathers and scatters of arrays whose dimensions are longer than what they hold.

An index counts from the beginning, where what is held lies: only what is clamped to the end has to
know where that is. See rules.py.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.lax import GatherScatterMode

from .padded import Padded, Sizes, Unpaddable, is_open, meeting, resized
from .rules import bind, rule
from .template import Dim, Equation, Shape


def window(sizes: Sizes, array: Any, k: int, start: Any, dim: Dim, stride: int = 1) -> Any:
    """A part of a dimension as a standard one. start: an int, or a scalar of the program."""
    reach = max((sizes.pad(dim) - 1) * stride + 1, 0)
    if isinstance(start, int):
        array = resized(array, k, max(array.shape[k], start + reach))
        return lax.slice_in_dim(array, start, start + reach, stride, axis=k)
    array = resized(array, k, array.shape[k] + reach)
    found = lax.dynamic_slice_in_dim(array, start, reach, axis=k)
    return lax.slice_in_dim(found, 0, reach, stride, axis=k)


@rule("slice")
def slice_(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (before,), (after,), params = equation.in_shapes, equation.shapes, equation.params
    strides = params["strides"] or (1,) * len(before)
    cut = [k for k in range(len(before)) if not _whole(before[k], after[k], params, strides, k)]
    value = operands[0].standard(sizes, before, cut)
    array, axes = value.array, list(value.axes)
    for k in cut:
        if not isinstance(strides[k], int):
            raise Unpaddable("an open stride")
        start = sizes.true(params["start_indices"][k])
        array = window(sizes, array, k, start, after[k], strides[k])
        axes[k] = sizes.axis(after[k])
    return [Padded(array, tuple(axes))]


def _whole(before: Dim, after: Dim, params: Any, strides: Any, k: int) -> bool:
    """Whether a slice takes all of a dimension."""
    return params["start_indices"][k] == 0 and before == after and strides[k] == 1


@rule("split")
def split(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    k, start, found = equation.params["axis"], 0, []
    value = operands[0].standard(sizes, equation.in_shapes[0], (k,))
    for shape in equation.shapes:
        axes = list(value.axes)
        axes[k] = sizes.axis(shape[k])
        array = window(sizes, value.array, k, start, shape[k])
        found.append(Padded(array, tuple(axes)))
        start = start + sizes.true(shape[k])
    return found


def _clamped(sizes: Sizes, starts: list[Padded], before: Shape, taken: Shape) -> list[Any]:
    """Where a dynamic slice begins, as JAX clamps it."""
    return [
        jnp.clip(start.array, 0, sizes.true(dim) - sizes.true(part)).astype(np.int32)
        for start, dim, part in zip(starts, before, taken, strict=True)
    ]


@rule("dynamic_slice")
def dynamic_slice(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    before, (after,) = equation.in_shapes[0], equation.shapes
    value = operands[0].standard(sizes, before)
    array = value.array
    starts = _clamped(sizes, operands[1:], before, after)
    lengths = sizes.lengths_of(after)
    for k, dim in enumerate(before):
        if not (isinstance(dim, int) and isinstance(after[k], int)):
            array = resized(array, k, array.shape[k] + lengths[k])
    return [Padded(lax.dynamic_slice(array, starts, lengths), sizes.axes(after))]


@rule("dynamic_update_slice")
def dynamic_update_slice(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    before, part = equation.in_shapes[:2]
    value, update = operands[0].standard(sizes, before), operands[1].standard(sizes, part)
    starts = _clamped(sizes, operands[2:], before, part)
    array, lengths = value.array, update.array.shape
    for k in update.open:
        array = resized(array, k, array.shape[k] + lengths[k])
    if update.open:  # what lies behind the end of the update stays
        update = update.filled(sizes, lax.dynamic_slice(array, starts, lengths))
    array = lax.dynamic_update_slice(array, update.array, starts)
    for k in update.open:
        array = resized(array, k, value.array.shape[k])
    return [Padded(array, value.axes)]


# ----------------------------------------------------------------------------------- many at a time

UNSORTED = {"indices_are_sorted": False}  # what stands where no index is, is in no order


@rule("gather")
def gather(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (before, of_indices), (after,), params = equation.in_shapes, equation.shapes, equation.params
    numbers, mode = params["dimension_numbers"], params["mode"]
    indices = operands[1].standard(sizes, of_indices, (len(of_indices) - 1,))
    taken = params["slice_sizes"]
    batch = tuple(numbers.operand_batching_dims)
    whole = [k for k in range(len(before)) if taken[k] == before[k] and k not in batch]
    indexed = [k for k in range(len(before)) if k not in (*whole, *batch)]
    value = operands[0].standard(sizes, before, indexed)
    value, indices = meeting(sizes, (value, indices), (batch, numbers.start_indices_batching_dims))
    places = indices.filled(sizes, 0).array  # any index that there is, where there is none
    limited = [k for k in numbers.start_index_map if is_open(value.axes[k])]
    if limited:
        if mode == GatherScatterMode.FILL_OR_DROP:
            value = value.filled(sizes, _fill(params, value.array.dtype), limited)
        elif mode == GatherScatterMode.CLIP:
            places = _clip(sizes, places, before, taken, numbers.start_index_map)
    lengths = tuple([value.array.shape[k] if k in whole else taken[k] for k in range(len(before))])
    _check_parts(before, taken, mode)
    result = bind(equation, [value.array, places], slice_sizes=lengths, **UNSORTED)
    removed = (*numbers.collapsed_slice_dims, *batch)
    kept = [k for k in range(len(before)) if k not in removed]
    inner = iter([value.axes[k] if k in whole else sizes.axis(taken[k]) for k in kept])
    outer = iter(indices.axes[:-1])
    offsets = numbers.offset_dims
    axes = tuple([next(inner if k in offsets else outer) for k in range(len(after))])
    return [Padded(result, axes)]


def _clip(sizes: Sizes, places: Any, before: Shape, parts: Any, dims: Any) -> Any:
    """Indices of parts, as JAX clamps them: so that the parts lie within the dimensions."""
    tops = [sizes.true(before[k]) - sizes.true(parts[k]) for k in dims]
    return jnp.clip(places, 0, jnp.stack([jnp.asarray(t, places.dtype) for t in tops]))


def _check_parts(before: Shape, parts: Shape, mode: Any) -> None:
    """`Unpaddable` for slices of an open size, unless they are whole; and for those of which a part
    may lie behind the end, where nothing of them counts then."""
    for dim, part in zip(before, parts, strict=True):
        if part is dim or (isinstance(dim, int) and isinstance(part, int)):
            continue
        if not isinstance(part, int) or (part > 1 and mode == GatherScatterMode.FILL_OR_DROP):
            raise Unpaddable("slices of an open size, many at a time")


def _fill(params: Any, dtype: Any) -> Any:
    """What a gather gives for an index that there is not."""
    if params["fill_value"] is not None:
        return params["fill_value"]
    if dtype == np.bool_:
        return True
    if jnp.issubdtype(dtype, np.inexact):
        return np.nan
    info = jnp.iinfo(dtype)
    return info.max if jnp.issubdtype(dtype, np.unsignedinteger) else info.min


@rule("scatter", "scatter-add", "scatter-mul", "scatter-min", "scatter-max", "scatter-sub")
def scatter(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    before, of_indices, of_updates = equation.in_shapes
    params = equation.params
    numbers = params["dimension_numbers"]
    batch = tuple(numbers.operand_batching_dims)
    inside = [k for k in range(len(before)) if k not in (*numbers.inserted_window_dims, *batch)]
    windows = numbers.update_window_dims
    outer_updates = [k for k in range(len(of_updates)) if k not in windows]
    last = len(of_indices) - 1
    value = operands[0].standard(sizes, before, [k for k in range(len(before)) if k not in batch])
    indices = operands[1].standard(sizes, of_indices, (last,))
    updates = operands[2].standard(sizes, of_updates, windows)
    of_batch = numbers.scatter_indices_batching_dims
    for i, u in zip(range(last), outer_updates, strict=True):
        if i in of_batch:
            dims = (i,), (u,), (batch[of_batch.index(i)],)
            indices, updates, value = meeting(sizes, (indices, updates, value), dims)
        else:
            indices, updates = meeting(sizes, (indices, updates), ((i,), (u,)))
    places, mode = indices.array, params["mode"]
    parts: list[Dim] = [1] * len(before)
    for k, d in zip(inside, windows, strict=True):
        parts[k] = of_updates[d]
    _check_parts(before, tuple(parts), mode)
    if mode == GatherScatterMode.CLIP:
        places = _clip(sizes, places, before, parts, numbers.scatter_dims_to_operand_dims)
    outer = indices.open
    if outer:  # an index that there is not, where there is none
        nowhere = jnp.iinfo(places.dtype).max
        places = Padded(places, indices.axes).filled(sizes, nowhere, outer).array
        mode = GatherScatterMode.FILL_OR_DROP
    result = bind(equation, [value.array, places, updates.array], mode=mode, **UNSORTED)
    return [Padded(result, value.axes)]
