"""Rows of Tensors that a shape and a few numbers tell: full, arange, linspace, eye; and of
conversions.

functions/creation.py and functions/shaping.py give them their public signatures, with dtype, device
and out. `kind` is the dtype and `device` the place of the result; the program runs there.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.dtype import dtype, float64
from .._core.op import Array, Number, op
from .._core.strides import unchanged


@op("_full", public=(), differentiable=False)
def full(size: tuple[int, ...], value: Number, kind: dtype, device: Any) -> Array:
    """One repeated value. See torch.full."""
    return jnp.full(size, value, kind.numpy)


@op("_arange", public=(), differentiable=False)
def arange(start: Any, end: Any, step: Any, kind: dtype, device: Any) -> Array:
    """start, start + step, ... below end. See torch.arange."""
    count = max(0, math.ceil((end - start) / step))
    wide = jnp.float64 if kind.is_floating_point else kind.numpy
    return (start + step * jnp.arange(count, dtype=wide)).astype(kind.numpy)


@op("_linspace", public=(), differentiable=False)
def linspace(start: Any, end: Any, steps: int, kind: dtype, device: Any) -> Array:
    """`steps` evenly spaced values from start to end. See torch.linspace."""
    if steps == 0:
        return jnp.zeros((0,), kind.numpy)
    if not kind.is_floating_point:
        return jnp.linspace(start, end, steps, dtype=jnp.float64).astype(kind.numpy)
    wide = kind.numpy if kind.itemsize >= 4 else np.dtype(np.float32)
    first, last = jnp.asarray(start, wide), jnp.asarray(end, wide)
    step = (last - first) / jnp.asarray(max(steps - 1, 1), wide)
    k = jnp.arange(steps, dtype=wide)
    forward = first + step * k
    backward = last - step * (steps - 1 - k)
    return (
        jnp.where(k < steps // 2, forward, backward).astype(kind.numpy)
        if steps > 1
        else (jnp.full((1,), first, kind.numpy))
    )


@op("_logspace", public=(), differentiable=False)
def logspace(start: Any, end: Any, steps: int, base: float, kind: dtype, device: Any) -> Array:
    """base to the power of `linspace`. See torch.logspace."""
    exponents = linspace(start, end, steps, float64, device)
    return (jnp.asarray(base, jnp.float64) ** exponents).astype(kind.numpy)


@op("_eye", public=(), differentiable=False)
def eye(n: int, m: int, kind: dtype, device: Any) -> Array:
    """The identity matrix, n by m. See torch.eye."""
    return jnp.eye(n, m, dtype=kind.numpy)


@op("_complex", public=())
def complex_of(real: Array, imag: Array) -> Array:
    """real + i imag. See torch.complex."""
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@op("_reshape", public=())
def reshape(input: Array, shape: tuple[int, ...]) -> Array:
    """The same elements in another shape, copied. See torch.reshape."""
    return input.reshape(shape)


@op("_contiguous", public=())
def contiguous(input: Array) -> Array:
    """A copy with its elements in row-major order. See torch.Tensor.contiguous."""
    return input


@op("_view_dtype", public=(), differentiable=False)
def view_dtype(input: Array, dtype: dtype) -> Array:
    """The same bytes as another dtype. See torch.Tensor.view."""
    old, new = np.dtype(input.dtype).itemsize, dtype.itemsize
    if old == new:
        return input.view(dtype.numpy)
    if not input.ndim:
        raise RuntimeError("self.dim() cannot be 0 to view a Tensor as one of another element size")
    if old < new and input.shape[-1] % (new // old):
        raise RuntimeError(
            f"self.size(-1) must be divisible by {new // old} to view {input.dtype} as {dtype}"
        )
    return jnp.asarray(input).view(dtype.numpy)


@op("_fill", public=(), strides=unchanged)
def fill(input: Array, value: Number) -> Array:
    """One value in the shape and dtype of a Tensor. See torch.Tensor.fill_."""
    return jnp.broadcast_to(jnp.asarray(value).astype(input.dtype), input.shape)
