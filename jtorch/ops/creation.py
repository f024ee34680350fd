"""Rows of Tensors that a shape and a few numbers tell: full, arange, linspace, eye; and of
conversions.

functions/creation.py and functions/conversion.py give them their public signatures, with dtype,
device and out. `kind` is the dtype and `device` the place of the result; the program runs there.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core.dtype import dtype
from .._core.op import Array, Number, op
from .._core.strides import contiguous as row_major
from .._core.strides import preserved, unchanged
from ._checks import number
from ._promotion import is_number


def _given_strides(avals: tuple, shape: tuple[int, ...], call: Any, k: int) -> tuple[int, ...]:
    """The rule of a row whose last argument is the strides, or None for row-major ones."""
    return call.args[-1] or row_major(shape)


@op("_full", public=(), differentiable=False, strides=_given_strides)
def full(
    size: tuple[int, ...], value: Number, kind: dtype, device: Any, strides: tuple | None
) -> Array:
    """One repeated value. See torch.full."""
    return jnp.full(size, number(value, jnp.empty((), kind.numpy)))


@op("_arange", public=(), differentiable=False)
def arange(start: Any, step: Any, count: int, kind: dtype, device: Any) -> Array:
    """`count` numbers from start on, a step apart. See torch.arange."""
    wide = jnp.float64 if kind.is_floating_point else jnp.int64
    return (start + step * jnp.arange(count, dtype=wide)).astype(kind.numpy)


def line(start: Any, end: Any, steps: int, wide: np.dtype) -> Array:
    """Evenly spaced numbers, computed from the nearer end, as in PyTorch's RangeFactories."""
    first, last = jnp.asarray(start, wide), jnp.asarray(end, wide)
    step = (last - first) / jnp.asarray(max(steps - 1, 1), wide)
    k = jnp.arange(steps)
    near, far = k.astype(wide), (steps - 1 - k).astype(wide)
    line = jnp.where(k < steps // 2, first + step * near, last - step * far)
    return line if steps > 1 else jnp.full((steps,), first)


@op("_linspace", public=(), differentiable=False)
def linspace(start: Any, end: Any, steps: int, kind: dtype, device: Any) -> Array:
    """`steps` evenly spaced values from start to end. See torch.linspace."""
    wide = kind.numpy if kind.itemsize >= 4 else np.dtype(np.float32)
    if not (kind.is_floating_point or kind.is_complex):
        wide = np.dtype(np.float64)
    return line(start, end, steps, wide).astype(kind.numpy)


@op("_logspace", public=(), differentiable=False)
def logspace(start: Any, end: Any, steps: int, base: float, kind: dtype, device: Any) -> Array:
    """base to the power of `linspace`. See torch.logspace."""
    if kind.is_complex:
        return jnp.asarray(base, kind.numpy) ** line(start, end, steps, kind.numpy)
    whole = not kind.is_floating_point
    exponents = line(start, end, steps, np.dtype(np.float64))
    number = jnp.asarray(int(base) if whole else base, jnp.float64)
    return (number**exponents).astype(kind.numpy)


@op("_eye", public=(), differentiable=False)
def eye(n: int, m: int, kind: dtype, device: Any) -> Array:
    """The identity matrix, n by m. See torch.eye."""
    return jnp.eye(n, m, dtype=kind.numpy)


@op("_reshape", public=())
def reshape(input: Array, shape: tuple[int, ...]) -> Array:
    """The same elements in another shape, copied. See torch.reshape."""
    return input.reshape(shape)


@op("_contiguous", public=(), strides=_given_strides)
def contiguous(input: Array, strides: tuple | None) -> Array:
    """A copy in row-major order, or with dense strides. See torch.Tensor.contiguous."""
    return input


@op("_fill", public=(), strides=unchanged)
def fill(input: Array, value: Array | Number) -> Array:
    """One value in the shape and dtype of a Tensor. See torch.fill."""
    if jnp.ndim(value):
        raise RuntimeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{jnp.ndim(value)} dimensions."
        )
    if is_number(value):
        value = number(value, input)
    return jnp.broadcast_to(jnp.asarray(value).astype(input.dtype), input.shape)


@op("_drawn", public=(), saves=())
def drawn(values: Array, input: Array) -> Array:
    """Random values whose chances are those of input: its gradient is 0, as in PyTorch."""
    return values + 0 * jnp.where(jnp.isfinite(input), input, 0)


op("fill", public=("torch",), strides=preserved)(fill)
