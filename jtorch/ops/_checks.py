"""Argument checks with PyTorch's errors, and precision, for the ops of nn.functional.

Sizes given as one number or a tuple, dtypes a kernel does not exist for, numbers that may vary,
the float32 in which PyTorch computes on half-precision input. Nothing here is an op. Dimensions
and broadcasting are in _shapes.py, promotion in _promotion.py. Read activation.py next.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from .._core.dtype import BOOL, FLOAT, bfloat16, dtype, float16, float32, float64, int64, to_dtype
from .._core.op import Array, Number
from ._promotion import title


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
    """A number, varying or not, as a 0-d array of the dtype of `like`."""
    return jnp.asarray(value, like.dtype)


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
