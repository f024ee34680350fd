"""Argument checks with PyTorch's errors, and precision, for the ops of nn.functional.

Sizes given as one number or a tuple, dtypes a kernel does not exist for, numbers that may vary,
the float32 in which PyTorch computes on half-precision input. Nothing here is an op. Dimensions
and broadcasting are in _shapes.py, promotion in _promotion.py. Read activation.py next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core.dtype import (
    BOOL,
    COMPLEX,
    FLOAT,
    INTEGER,
    TITLES,
    bfloat16,
    dtype,
    float16,
    float32,
    float64,
    int32,
    int64,
    limits,
    to_dtype,
)
from .._core.op import Array, Number, unwrap
from ._promotion import C_NAMES, is_number, title

NO_DIFFERENCE_OF_BOOLS = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. "
    "Use the `^` or `logical_xor()` operator instead."
)
NO_DIFFERENCE_WITH_BOOL = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
    "trying to invert a mask, use the `~` or `logical_not()` operator instead."
)
NO_CAST = "result type Float can't be cast to the desired output type {}"
NO_INTEGERS = "Expected a floating point or complex tensor as input. Got {}"


def dtype_of(input: Array) -> dtype:
    """The dtype object of an array."""
    return to_dtype(input.dtype)


def is_floating(input: Array) -> bool:
    """Whether the dtype is a real floating one."""
    return dtype_of(input).category == FLOAT


def require_floating(kernel: str, *inputs: Array) -> None:
    """NotImplementedError, in PyTorch's words, for integers, booleans and complex numbers."""
    for input in inputs:
        if not is_floating(input):
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{title(input)}'")


def require_wide(kernel: str, input: Array) -> None:
    """NotImplementedError, in PyTorch's words, for what is neither float32 nor float64."""
    if dtype_of(input) not in (float32, float64):
        raise NotImplementedError(f"\"{kernel}_cpu\" not implemented for '{title(input)}'")


def require_average(kernel: str, input: Array) -> None:
    """NotImplementedError, in PyTorch's words, where averages over windows have no kernel."""
    if not is_floating(input) and dtype_of(input) is not int64:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{title(input)}'")


def require_not_bool(input: Array, message: str) -> None:
    """RuntimeError for booleans."""
    if dtype_of(input).category == BOOL:
        raise RuntimeError(message)


def widen(input: Array) -> Array:
    """float16 and bfloat16 as float32, in which PyTorch's kernels compute; others unchanged."""
    if dtype_of(input) in (float16, bfloat16):
        return input.astype(np.float32)
    return input


def number(value: Number, like: Array) -> Array:
    """A number, varying or not, as a 0-d array of the dtype of `like`. RuntimeError, in PyTorch's
    words, if it does not fit."""
    value = unwrap(value)
    check_fits(value, like)
    if isinstance(value, int) and dtype_of(like).category == INTEGER:
        value = wrap(value, like)
    return jnp.asarray(value).astype(like.dtype)


def check_fits(value: Any, like: Array) -> None:
    """RuntimeError, in PyTorch's words, for a Python number that the dtype of `like` cannot hold.

    The rule is PyTorch's `c10::overflows`: a negative int wraps in an unsigned dtype, infinities
    and NaN are no integers.
    """
    kind = dtype_of(like)
    if not is_number(value) or kind.category == BOOL:
        return
    real, imag = value.real, value.imag
    if kind.category == COMPLEX:
        kind = kind.to_real()
    elif imag:
        raise RuntimeError(f"value cannot be converted to type {kind_name(kind)} without overflow")
    low, high = limits(kind)
    if kind.category == INTEGER and isinstance(value, int):
        low = min(low, -high)
    for part in (real, imag):
        special = kind.category >= FLOAT and not math.isfinite(part)
        if not (special or low <= part <= high):
            raise RuntimeError(
                f"value cannot be converted to type {kind_name(kind)} without overflow"
            )


# What an op accepts of a number that varies.


def not_zero(number: float) -> bool:
    """For divisors, and for factors whose 0 drops a term, NaN and all."""
    return number != 0


def not_negative(number: float) -> bool:
    return number >= 0


def is_portion(number: float) -> bool:
    return 0 <= number <= 1


def kind_name(kind: dtype) -> str:
    """The C++ type of a dtype, as errors about conversion name it."""
    return (
        f"{kind.name}_t"
        if kind.category == INTEGER and kind is not int32
        else C_NAMES[TITLES[kind]]
    )


def wrap(value: float, like: Array) -> int:
    """A Python number in the integer dtype of `like`, modulo its range."""
    bits = 8 * np.dtype(like.dtype).itemsize
    low, high = limits(dtype_of(like))
    return (int(value) - low) % 2**bits + low


def sizes(value: int | Sequence[int], count: int, message: str) -> tuple[int, ...]:
    """One number for all dimensions, or one for each; RuntimeError with `message` otherwise."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * count
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise RuntimeError(message)
    return values


def listed(values: Sequence[int]) -> str:
    """A shape as PyTorch's C++ prints it: [2, 3]."""
    return "[" + ", ".join(str(v) for v in values) + "]"


def torch_size(values: Sequence[int]) -> str:
    """A shape as Python prints it: torch.Size([2, 3])."""
    return f"torch.Size({listed(values)})"
