"""Reductions and sorting: what lies behind the end is neutral, or comes last. See rules.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from .padded import Padded, Sizes, Unpaddable, aligned, is_open
from .rules import axes_of, bind, rule
from .template import Equation


def lowest(dtype: Any) -> Any:
    """What is neutral for a maximum."""
    return _extreme(dtype, -np.inf, lambda info: info.min, False)


def highest(dtype: Any) -> Any:
    """What is neutral for a minimum."""
    return _extreme(dtype, np.inf, lambda info: info.max, True)


def _extreme(dtype: Any, infinite: float, of: Callable[[Any], Any], logical: bool) -> Any:
    if dtype == np.bool_:
        return logical
    return infinite if jnp.issubdtype(dtype, np.inexact) else of(jnp.iinfo(dtype))


# What is neutral for a reduction.
NEUTRAL: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("argmax", "cummax", "reduce_max", "reduce_window_max"), lowest),
    **dict.fromkeys(("argmin", "cummin", "reduce_min", "reduce_window_min"), highest),
    **dict.fromkeys(("cumsum", "reduce_sum", "reduce_window_sum"), lambda dtype: 0),
    **dict.fromkeys(("reduce_or", "reduce_xor"), lambda dtype: 0),
    **dict.fromkeys(("cumprod", "reduce_prod"), lambda dtype: 1),
    "cumlogsumexp": lambda dtype: -np.inf,
    "reduce_and": lambda dtype: True if dtype == np.bool_ else -1,
}


@rule(*[name for name in NEUTRAL if name.startswith("reduce_") and "window" not in name])
def reduce(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    dims = equation.params["axes"]
    neutral = NEUTRAL[equation.source.primitive.name](operands[0].array.dtype)
    value = operands[0].filled(sizes, neutral, dims)
    kept = [k for k in range(value.array.ndim) if k not in dims]
    return [Padded(bind(equation, [value.array]), axes_of(value, kept))]


@rule("argmax", "argmin")
def argmax(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    standard = operands[0].standard(sizes, equation.in_shapes[0], equation.params["axes"])
    return reduce(sizes, equation, [standard])


@rule("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
def cumulative(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    k = equation.params["axis"]
    neutral = NEUTRAL[equation.source.primitive.name](operands[0].array.dtype)
    value = operands[0].standard(sizes, equation.shapes[0], (k,))
    if equation.params["reverse"]:
        value = value.filled(sizes, neutral, (k,))
    return [Padded(bind(equation, [value.array]), value.axes)]


@rule("sort")
def sort(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    """What holds nothing comes last: whether a place does is the first key."""
    shape, params = equation.shapes[0], equation.params
    k = params["dimension"]
    values, axes = aligned(sizes, [v.standard(sizes, shape, (k,)) for v in operands])
    arrays, keys = [v.array for v in values], params["num_keys"]
    if is_open(axes[k]):
        empty = ~sizes.mask(axes[k])
        arrays.insert(0, lax.broadcast_in_dim(empty, arrays[0].shape, (k,)))
        keys += 1
    results = lax.sort(arrays, dimension=k, is_stable=params["is_stable"], num_keys=keys)
    return [Padded(r, axes) for r in results[-len(values) :]]


@rule("top_k")
def top_k(sizes: Sizes, equation: Equation, operands: list[Padded]) -> list[Padded]:
    (value,), k = operands, equation.params["k"]
    last = equation.params.get("axis", value.array.ndim - 1) % value.array.ndim
    if not isinstance(k, int):
        raise Unpaddable("top_k of an open number")
    value = value.standard(sizes, equation.in_shapes[0], (last,))
    value = value.filled(sizes, lowest(value.array.dtype), (last,))
    axes = (*value.axes[:last], *sizes.axes((k,)), *value.axes[last + 1 :])
    return [Padded(r, axes) for r in bind(equation, [value.array])]
