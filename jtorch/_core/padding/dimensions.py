"""Dimensions that are moved, merged, split, repeated and joined. See rules.py."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from .padded import ONE, Padded, Sizes, Unpaddable, is_open, length_of, meeting, reshaped, resized
from .rules import axes_of, rule
from .template import Equation, Shape


@rule("broadcast_in_dim")
def broadcast(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (shape,), (value, *_) = equation.shapes, operands
    axes = list(sizes.axes(shape))
    dims = equation.params["broadcast_dimensions"]
    for k, axis, before in zip(dims, value.axes, equation.in_shapes[0], strict=True):
        if before == shape[k]:
            axes[k] = axis
    found = tuple(axes)
    lengths = tuple(map(length_of, found))
    scalar = value.scalar if value.axes else value.array
    return [Padded(lax.broadcast_in_dim(value.array, lengths, dims), found, scalar)]


@rule("reshape")
def reshape(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    return [reshaped(sizes, operands[0], equation.in_shapes[0], equation.shapes[0])]


@rule("squeeze")
def squeeze(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (value,), dims = operands, equation.params["dimensions"]
    kept = [k for k in range(value.array.ndim) if k not in dims]
    return [Padded(lax.squeeze(value.array, dims), axes_of(value, kept))]


@rule("transpose")
def transpose(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (value,), order = operands, equation.params["permutation"]
    return [Padded(lax.transpose(value.array, order), axes_of(value, order))]


@rule("rev")
def rev(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    shape = equation.shapes[0]
    value = operands[0].standard(sizes, shape, equation.params["dimensions"])
    array = value.array
    for k in equation.params["dimensions"]:
        if is_open(value.axes[k]):
            places = sizes.true(shape[k]) - 1 - lax.iota(np.int32, array.shape[k])
            array = jnp.take(array, places, axis=k, mode="clip")
        else:
            array = lax.rev(array, (k,))
    return [Padded(array, value.axes)]


@rule("concatenate")
def concatenate(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    k = equation.params["dimension"]
    return [_joined(sizes, operands, equation.in_shapes, equation.shapes[0], k)]


@rule("stack")
def stack(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (shape,), k = equation.shapes, equation.params["axis"]
    parts = [
        Padded(lax.expand_dims(v.array, (k,)), (*v.axes[:k], ONE, *v.axes[k:])) for v in operands
    ]
    return [_joined(sizes, parts, [(*shape[:k], 1, *shape[k + 1 :])] * len(parts), shape, k)]


@rule("tile")
def tile(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    shape, after = list(equation.in_shapes[0]), equation.shapes[0]
    value = operands[0]
    for k, times in enumerate(equation.params["reps"]):
        if not isinstance(times, int):
            raise Unpaddable("an open number of repetitions")
        if times != 1:
            before, shape[k] = tuple(shape), after[k]
            value = _joined(sizes, [value] * times, [before] * times, tuple(shape), k)
    return [value]


def _joined(
    sizes: Sizes, parts: Sequence[Padded], befores: Sequence[Shape], shape: Shape, k: int
) -> Padded:
    """Arrays one after the other along a dimension."""
    values = [v.standard(sizes, before, (k,)) for v, before in zip(parts, befores, strict=True)]
    others = [d for d in range(len(shape)) if d != k]
    values = meeting(sizes, values, [others] * len(values))
    array = lax.concatenate([v.array for v in values], k)
    if any(is_open(v.axes[k]) for v in values[:-1]):  # each begins where the one before it ends
        array, start = jnp.zeros_like(array), 0
        for value, before in zip(values, befores, strict=True):
            array = lax.dynamic_update_slice_in_dim(array, value.array, start, k)
            start = start + sizes.true(before[k])
    axes = list(values[0].axes)
    axes[k] = sizes.axis(shape[k])
    return Padded(resized(array, k, sizes.pad(shape[k])), tuple(axes))
