"""Views by size and stride: as_strided, and the write through it.

The order of the input's dimensions in memory, which XLA doesn't know, is given by `order` (the
slowest first); offsets count from the input's first element. functions/memory.py finds both.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.op import Array, op
from .._core.strides import unchanged
from .view import rule

Sizes = tuple[int, ...]


def _places(size: Sizes, stride: Sizes, offset: int) -> Array:
    """Where each element of the view lies in memory."""
    places = jnp.full(size, offset, jnp.int64)
    for d, step in enumerate(stride):
        places += step * lax.broadcasted_iota(jnp.int64, size, d)
    return places


def _put(base: Array, new: Array, size: Sizes, stride: Sizes, offset: int, order: Sizes) -> Array:
    laid = jnp.transpose(base, order)
    written = laid.reshape(-1).at[_places(size, stride, offset)].set(new)
    return jnp.transpose(written.reshape(laid.shape), np.argsort(order).tolist())


@op(
    "_as_strided",
    public=(),
    view=_put,
    strides=rule(lambda shape, strides, out, size, stride, *_: stride),
    offset=lambda shape, strides, size, stride, offset, order: offset,
)
def as_strided(input: Array, size: Sizes, stride: Sizes, offset: int, order: Sizes) -> Array:
    """The elements of the memory at offset + sum of index * stride. See torch.as_strided."""
    memory = jnp.transpose(input, order).reshape(-1)
    return jnp.take(memory, _places(size, stride, offset), mode="clip")


@op("_as_strided_scatter", public=(), strides=unchanged)
def as_strided_scatter(
    input: Array, src: Array, size: Sizes, stride: Sizes, offset: int, order: Sizes
) -> Array:
    """input with the part that as_strided shows replaced. Its gradient in input is PyTorch's, which
    is that of the replaced part, not of the rest. See torch.as_strided_scatter."""
    if src.shape != tuple(size):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(size)}"
        )
    return _written(input, src.astype(input.dtype), size, stride, offset, order)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5))
def _written(
    input: Array, src: Array, size: Sizes, stride: Sizes, offset: int, order: Sizes
) -> Array:
    return _put(input, src, size, stride, offset, order)


@_written.defjvp
def _written_jvp(
    size: Sizes, stride: Sizes, offset: int, order: Sizes, primals: tuple, tangents: tuple
) -> tuple:
    where = (size, stride, offset, order)
    input, src = tangents
    shown = src + as_strided(input, *where)
    laid = jnp.transpose(jnp.zeros_like(input), order)
    change = laid.reshape(-1).at[_places(size, stride, offset)].add(shown).reshape(laid.shape)
    return _put(primals[0], primals[1], *where), jnp.transpose(change, np.argsort(order).tolist())
