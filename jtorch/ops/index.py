"""Indexing syntax as ops: `x[...]` and `x[...] = v`.

What an index means is worked out in functions/indexing.py.

A basic index is a tuple of items: an int place holder (INT, its value comes as a number, which may
vary), a slice (start, stop, step) with step > 0, NEW for a new dimension, one for every dimension
of the input. An advanced index has TENSOR place holders too, whose values come as arrays, and
bools, which are indices into a new dimension of size 1 (True selects it, False nothing).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, op
from .._core.strides import unchanged
from ._checks import number
from ._promotion import is_number
from .gather import add_to
from .view import rule

INT, NEW, TENSOR = "int", "new", "tensor"


def _index(spec: tuple, numbers: tuple) -> tuple:
    """The NumPy index of a spec."""
    rest = iter(numbers)
    found: list[Any] = []
    for item in spec:
        if item == INT or item == TENSOR:
            found.append(next(rest))
        elif isinstance(item, bool):
            found.append(item)
        else:
            found.append(None if item == NEW else slice(*item))
    return tuple(found)


def _box(shape: tuple[int, ...], spec: tuple, numbers: tuple) -> tuple[list, list[int], list[int]]:
    """Starts, sizes and steps in every dimension of the input."""
    rest = iter(numbers)
    starts: list[Any] = []
    sizes: list[int] = []
    steps: list[int] = []
    for item in spec:
        if item == NEW:
            continue
        if item == INT:
            starts.append(next(rest))
            sizes.append(1)
            steps.append(1)
        else:
            start, stop, step = item
            starts.append(start)
            sizes.append(max(0, math.ceil((stop - start) / step)))
            steps.append(step)
    return starts, sizes, steps


def _result_shape(spec: tuple, sizes: list[int]) -> tuple[int, ...]:
    rest = iter(sizes)
    shape = []
    for item in spec:
        if item == NEW:
            shape.append(1)
            continue
        size = next(rest)
        if item != INT:
            shape.append(size)
    return tuple(shape)


def _get(input: Array, spec: tuple, numbers: tuple) -> Array:
    starts, sizes, steps = _box(input.shape, spec, numbers)
    if all(isinstance(s, int) for s in starts):
        stops = [
            s + (n - 1) * k + 1 if n else s for s, n, k in zip(starts, sizes, steps, strict=True)
        ]
        box = lax.slice(input, starts, stops, steps)
    elif all(k == 1 for k in steps):
        box = lax.dynamic_slice(input, _starts(starts), sizes)
    else:
        return input[_index(spec, numbers)]
    return box.reshape(_result_shape(spec, sizes))


def _starts(starts: list) -> list:
    return [jnp.asarray(s, jnp.int64) for s in starts]


def _set(input: Array, spec: tuple, numbers: tuple, new: Array) -> Array:
    """`input` with the indexed part replaced by `new`, which has its shape."""
    starts, sizes, steps = _box(input.shape, spec, numbers)
    if any(k != 1 for k in steps):
        return input.at[_index(spec, numbers)].set(new)
    if 0 in sizes:
        return input
    return lax.dynamic_update_slice(input, new.reshape(sizes), _starts(starts))


def _put(base: Array, new: Array, spec: tuple, *at: Number) -> Array:
    return _set(base, spec, at, new.astype(base.dtype))


def _index_strides(shape: tuple, strides: tuple, out: tuple, spec: tuple, *at: Any) -> list[int]:
    dims = iter(range(len(shape)))
    found = []
    for place, item in enumerate(spec):
        if item == NEW:
            found.append(_new_stride(spec[place:], shape, strides))
            continue
        d = next(dims)
        if item != INT:
            found.append(strides[d] * item[2])
    return found


def _index_offset(shape: tuple, strides: tuple, spec: tuple, *at: Any) -> int:
    starts, _, _ = _box(shape, spec, at)
    return sum(start * stride for start, stride in zip(starts, strides, strict=True))


def _new_stride(rest: tuple, shape: tuple, strides: tuple) -> int:
    """The stride that unsqueeze gives a new dimension: that of the next one times its size."""
    d = len(shape) - sum(item != NEW for item in rest)
    for item in rest:
        if item == NEW or item == INT:
            d += item == INT
            continue
        start, stop, step = item
        return strides[d] * step * max(0, math.ceil((stop - start) / step))
    return 1


@op(
    "_getitem",
    public=(),
    view=_put,
    strides=rule(_index_strides),
    offset=_index_offset,
)
def getitem(input: Array, spec: tuple, *at: Number) -> Array:
    """input[basic index]."""
    return _get(input, spec, at)


@op("_setitem", public=(), strides=unchanged, saves_more=True)
def setitem(input: Array, value: Array | Number, spec: tuple, *at: Number) -> Array:
    """`input` after input[basic index] = value, broadcast and cast."""
    _, sizes, _ = _box(input.shape, spec, at)
    shape = _result_shape(spec, sizes)
    array = _array(value, input)
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    _check_expands(array.shape, shape)
    return _set(input, spec, at, _fitted(array, shape, input))


def _check_expands(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    """RuntimeError, in the words of `expand`, where a value doesn't fit what is assigned to."""
    if len(shape) > len(target):
        raise RuntimeError(
            f"The expanded size of the tensor: the number of sizes provided ({len(target)}) must "
            "be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    lead = len(target) - len(shape)
    for dim, size in enumerate(shape):
        if size not in (1, target[lead + dim]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[lead + dim]}) must match the existing "
                f"size ({size}) at non-singleton dimension {lead + dim}.  Target sizes: "
                f"{list(target)}.  Tensor sizes: {list(shape)}"
            )


def _array(value: Any, like: Array) -> Array:
    """A value to assign as an array: a number in the dtype of what it is assigned to."""
    return number(value, like) if is_number(value) else jnp.asarray(value)


def _fitted(value: Any, shape: tuple[int, ...], like: Array) -> Array:
    """A value broadcast to the indexed part. RuntimeError where it doesn't fit."""
    array = _array(value, like)
    if jnp.iscomplexobj(array) and not jnp.iscomplexobj(like):
        array = array.real
    array = array.astype(like.dtype)
    try:
        return jnp.broadcast_to(array, shape)
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(jnp.shape(value))} cannot be broadcast "
            "to "
            f"indexing result of shape {list(shape)}"
        ) from None


@op("_getitem_advanced", public=())
def getitem_advanced(input: Array, spec: tuple, *indices: Array) -> Array:
    """input[advanced index]."""
    _check_indices(spec, indices)
    return input[_index(spec, indices)]


def _check_indices(spec: tuple, indices: tuple[Array, ...]) -> None:
    """IndexError where index Tensors don't broadcast with each other."""
    given = [i.shape for i in indices] + [(int(i),) for i in spec if isinstance(i, bool)]
    try:
        jnp.broadcast_shapes(*given)
    except ValueError:
        shapes = ", ".join(str(list(shape)) for shape in given)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None


@op("_setitem_advanced", public=(), strides=unchanged)
def setitem_advanced(
    input: Array, value: Array | Number, accumulate: bool, spec: tuple, *indices: Array
) -> Array:
    """`input` after input[advanced index] = value, or += where `accumulate`."""
    index = _index(spec, indices)
    _check_indices(spec, indices)
    shape = jax.eval_shape(lambda x: x[index], input).shape
    new = _fitted(value, shape, input)
    return add_to(input.at[index], new) if accumulate else input.at[index].set(new)


@op("_masked_set", public=(), strides=unchanged)
def masked_set(input: Array, mask: Array, value: Array | Number) -> Array:
    """`input` after input[mask] = value, for a single value."""
    wide = mask.reshape(mask.shape + (1,) * (input.ndim - mask.ndim))
    scalar = _array(value, input).reshape(()).astype(input.dtype)
    return jnp.where(wide, scalar, input)
