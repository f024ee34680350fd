"""Views of a part of a Tensor: select, narrow, slices, diagonal, unfold.

Each row says how to write back (`put`) and its strides, as in view.py, where the views of all
elements are.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, op
from ._shapes import wrap_dim
from .view import rule


def bounded(index: Any, size: int, dim: int) -> Any:
    """A Python index within a dimension, from the front.

    A varying one was checked when it was given.
    """
    if isinstance(index, int):
        if not -size <= index < size:
            raise IndexError(
                f"select(): index {index} out of range for tensor with size {size} at dimension "
                f"{dim}"
            )
        return index + size if index < 0 else index
    return jnp.where(index < 0, index + size, index)


def _put_select(base: Array, new: Array, dim: int, index: Number) -> Array:
    at = wrap_dim(dim, base.ndim)
    start = bounded(index, base.shape[at], at)
    return lax.dynamic_update_index_in_dim(base, new.astype(base.dtype), start, at)


def _select_strides(shape: tuple, strides: tuple, out: tuple, dim: int, index: Any) -> list[int]:
    at = wrap_dim(dim, len(shape))
    return [s for k, s in enumerate(strides) if k != at]


def _select_offset(shape: tuple, strides: tuple, dim: int, index: int) -> int:
    at = wrap_dim(dim, len(shape))
    return (index % shape[at]) * strides[at]


@op(view=_put_select, strides=rule(_select_strides), offset=_select_offset)
def select(input: Array, dim: int, index: Number) -> Array:
    """The part at one index of a dimension, which disappears. See torch.select."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = wrap_dim(dim, input.ndim)
    start = bounded(index, input.shape[at], at)
    if isinstance(start, int):
        return lax.index_in_dim(input, start, at, keepdims=False)
    return lax.dynamic_index_in_dim(input, start, at, keepdims=False)


def _put_slice(base: Array, new: Array, dim: int, start: int, stop: int, step: int) -> Array:
    index = [slice(None)] * base.ndim
    index[dim] = slice(start, stop, step)
    return base.at[tuple(index)].set(new)


def _slice_strides(
    shape: tuple, strides: tuple, out: tuple, dim: int, start: int, stop: int, step: int
) -> list[int]:
    return [s * step if k == dim else s for k, s in enumerate(strides)]


@op(
    "_slice",
    public=(),
    view=_put_slice,
    strides=rule(_slice_strides),
    offset=lambda shape, strides, dim, start, *_: start * strides[dim],
)
def slice_dim(input: Array, dim: int, start: int, stop: int, step: int) -> Array:
    """input[..., start:stop:step, ...] at a dimension; all non-negative and in range."""
    return lax.slice_in_dim(input, start, stop, step, dim)


def _put_narrow(base: Array, new: Array, dim: int, start: Number, length: int) -> Array:
    at = wrap_dim(dim, base.ndim)
    first = _narrow_start(start, base.shape[at])
    return lax.dynamic_update_slice_in_dim(base, new.astype(base.dtype), first, at)


def check_range(start: int, length: int, size: int) -> int:
    """The start of a part of a dimension, from the front. Errors for what doesn't fit."""
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [-{size}, {size}], but got {start})"
        )
    first = start + size if start < 0 else start
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return first


def _narrow_start(start: Any, size: int) -> Any:
    if isinstance(start, int):
        return start + size if start < 0 else start
    return jnp.where(start < 0, start + size, start)


def _narrow_offset(shape: tuple, strides: tuple, dim: int, start: int, length: int) -> int:
    at = wrap_dim(dim, len(shape))
    return (start + shape[at] if start < 0 else start) * strides[at]


@op(
    view=_put_narrow,
    strides=rule(lambda shape, strides, out, *_, **__: strides),
    offset=_narrow_offset,
)
def narrow(input: Array, dim: int, start: Number, length: int) -> Array:
    """`length` entries of a dimension from `start` on. See torch.narrow."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at = wrap_dim(dim, input.ndim)
    size = input.shape[at]
    if isinstance(start, int):
        first = check_range(start, length, size)
        return lax.slice_in_dim(input, first, first + length, 1, at)
    return lax.dynamic_slice_in_dim(input, _narrow_start(start, size), length, at)


def _diagonal_strides(
    shape: tuple, strides: tuple, out: tuple, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> list[int]:
    a, b = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape))
    return [s for k, s in enumerate(strides) if k not in (a, b)] + [strides[a] + strides[b]]


def _put_diagonal(base: Array, new: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    a, b = wrap_dim(dim1, base.ndim), wrap_dim(dim2, base.ndim)
    moved = jnp.moveaxis(base, (a, b), (-2, -1))
    k = jnp.arange(new.shape[-1])
    rows, columns = k + max(-offset, 0), k + max(offset, 0)
    return jnp.moveaxis(moved.at[..., rows, columns].set(new), (-2, -1), (a, b))


def _diagonal_offset(
    shape: tuple, strides: tuple, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> int:
    a, b = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape))
    return offset * strides[b] if offset > 0 else -offset * strides[a]


@op(view=_put_diagonal, strides=rule(_diagonal_strides), offset=_diagonal_offset)
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The diagonal of two dimensions, as a new last one. See torch.diagonal."""
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return jnp.diagonal(input, offset, a, b)


def _unfold_index(shape: tuple, dimension: int, size: int, step: int) -> tuple[int, Array]:
    at = wrap_dim(dimension, len(shape))
    length = shape[at] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {at} is {length} but size is {size}"
        )
    count = (length - size) // step + 1
    return at, jnp.arange(count)[:, None] * step + jnp.arange(size)[None, :]


def _put_unfold(base: Array, new: Array, dimension: int, size: int, step: int) -> Array:
    at, index = _unfold_index(base.shape, dimension, size, step)
    if not base.ndim:
        return new.reshape(()) if size else base
    moved = jnp.moveaxis(base, at, 0)
    parts = jnp.moveaxis(jnp.moveaxis(new, -1, 0), at + 1, 0)
    return jnp.moveaxis(moved.at[index].set(parts), 0, at)


def _unfold_strides(
    shape: tuple, strides: tuple, out: tuple, dimension: int, size: int, step: int
) -> list[int]:
    at = wrap_dim(dimension, len(shape))
    if not shape:
        return [1]
    found = [s * step if k == at else s for k, s in enumerate(strides)]
    return [*found, strides[at]]


@op(public=("Tensor",), view=_put_unfold, strides=rule(_unfold_strides))
def unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """Windows of `size` along a dimension, every `step`, as a new last dimension.
    See torch.Tensor.unfold."""
    at, index = _unfold_index(input.shape, dimension, size, step)
    if not input.ndim:
        return input.reshape(1)[:size]
    windows = jnp.take(input, index.reshape(-1), axis=at)
    parts = windows.reshape(*input.shape[:at], *index.shape, *input.shape[at + 1 :])
    return jnp.moveaxis(parts, at + 1, -1)
