"""Pooling and padding of arrays whose dimensions are longer than what they hold. See rules.py."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from .padded import Padded, Sizes, Unpaddable, dilated, padding_of, resized
from .reductions import NEUTRAL, lowest
from .rules import bind, rule
from .template import Dim, Equation


@rule("reduce_window_sum", "reduce_window_max", "reduce_window_min")
def reduce_window(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    params, shape = equation.params, equation.shapes[0]
    neutral = NEUTRAL[equation.source.primitive.name](operands[0].array.dtype)
    value = operands[0].standard(sizes, equation.in_shapes[0]).filled(sizes, neutral)
    padding = []
    for k, (low, _) in enumerate(params["padding"]):
        length = dilated(value.array.shape[k], params["base_dilation"][k])
        padding.append(_padding(sizes, params, k, low, length, shape[k]))
    result = bind(equation, [value.array], padding=tuple(padding))
    return [Padded(result, sizes.axes(shape))]


def _padding(sizes: Sizes, params: Any, k: int, low: Any, length: int, dim: Dim) -> tuple[int, int]:
    """The padding of a dimension of this length, so that there are as many windows as wanted."""
    window = params["window_dimensions"][k]
    if "window_dilation" in params and isinstance(window, int):
        window = dilated(window, params["window_dilation"][k])
    return padding_of(sizes.pad(dim), low, length, window, params["window_strides"][k])


@rule("select_and_scatter_add")
def select_and_scatter(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """The gradient of a maximum over windows: nothing arrives from windows that hold nothing."""
    params, (above, below) = equation.params, equation.in_shapes
    source = operands[0].standard(sizes, above).filled(sizes, 0)
    value = operands[1].standard(sizes, below)
    if params["select_prim"].name != "ge":
        raise Unpaddable("a minimum over windows")
    value = value.filled(sizes, lowest(value.array.dtype))
    padding, array = [], source.array
    for k, (low, _) in enumerate(params["padding"]):
        low, high = _padding(sizes, params, k, low, value.array.shape[k], above[k])
        missing = max(0, -(high // params["window_strides"][k])) if high < 0 else 0
        array = resized(array, k, array.shape[k] + missing)
        padding.append((low, high + missing * params["window_strides"][k]))
    result = bind(equation, [array, value.array], padding=tuple(padding))
    return [Padded(result, value.axes)]


@rule("pad")
def pad(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    before, after = equation.in_shapes[0], equation.shapes[0]
    config = equation.params["padding_config"]
    moved = [
        k
        for k, numbers in enumerate(config)
        if operands[0].axes[k] != sizes.axis(after[k]) or any(numbers)
    ]
    value = operands[0].standard(sizes, before, moved)
    neutral = operands[1].array
    value = value.filled(sizes, neutral, moved)
    array, axes = value.array, list(value.axes)
    for k in moved:
        array = _pad(sizes, array, neutral, k, config[k], after[k])
        axes[k] = sizes.axis(after[k])
    return [Padded(array, tuple(axes))]


def _pad(sizes: Sizes, array: Any, neutral: Any, k: int, config: tuple, after: Dim) -> Any:
    """The array padded along a dimension that begins with what it holds."""
    low, _, inner = config
    if not isinstance(inner, int):
        raise Unpaddable("an open distance")
    wanted, length = sizes.pad(after), dilated(array.shape[k], inner + 1)
    full = [(0, 0, 0)] * array.ndim
    if isinstance(low, int):
        full[k] = low, wanted - length - low, inner
        return lax.pad(array, neutral, full)
    full[k] = 0, 0, inner
    array = lax.pad(array, neutral, full)
    start = sizes.true(low)
    places = lax.iota(np.int32, wanted) - start
    found = jnp.take(array, places, axis=k, mode="clip")
    shape = [1] * array.ndim
    shape[k] = wanted
    inside = ((places >= 0) & (places < length)).reshape(shape)
    return jnp.where(inside, found, neutral)
