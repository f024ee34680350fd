"""Copies of views: `t_copy`, `squeeze_copy`, `split_copy` and their siblings.

What the views compute, as rows of their own that share nothing with their base. The views are in
view.py and parts.py.
"""

from __future__ import annotations

import types
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core.dtype import dtype
from .._core.op import ROWS, Array, op
from . import parts, view
from ._shapes import sections, wrap_dim

TORCH = ("torch",)


def _named(function: Callable, name: str) -> Callable:
    """A function under another name."""
    code, scope = function.__code__, function.__globals__
    made = types.FunctionType(code, scope, name, function.__defaults__, function.__closure__)
    made.__kwdefaults__, made.__annotations__ = function.__kwdefaults__, function.__annotations__
    made.__doc__ = f"A copy of what `{name.removesuffix('_copy')}` shows. See torch.{name}."
    return made


def _add_copy(function: Callable) -> None:
    """The row of `<view>_copy`."""
    name = f"{function.__name__}_copy"
    op(public=TORCH)(_named(function, name))
    ROWS[name].lacks = ROWS[function.__name__].lacks


for _view in (view.t, view.transpose, view.permute, view.squeeze, view.unsqueeze, view.expand):
    _add_copy(_view)
for _view in (parts.select, parts.diagonal, parts.unfold, view.view_as_real, view.view_as_complex):
    _add_copy(_view)
op()(_named(parts.narrow, "narrow_copy"))


@op(public=TORCH, aliases=("detach_copy",))
def alias_copy(input: Array) -> Array:
    """A copy. See torch.alias_copy."""
    return input


@op(public=TORCH)
def view_copy(input: Array, size: tuple[int, ...] | dtype) -> Array:
    """A copy of what `view` shows, in another shape or as another dtype. See torch.view_copy."""
    if isinstance(size, dtype):
        return view.view_dtype(input, size)
    return view.view(input, size)


@op(public=TORCH)
def slice_copy(
    input: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    """A copy of input[..., start:end:step, ...] at a dimension. See torch.slice_copy."""
    at = wrap_dim(dim, input.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first, stop, _ = slice(start, end).indices(input.shape[at])
    return lax.slice_in_dim(input, first, max(first, stop), step, at)


def _cut(input: Array, sizes: list[int], at: int) -> tuple[Array, ...]:
    return tuple(jnp.split(input, np.cumsum(sizes)[:-1].tolist(), at))


@op(public=TORCH, out="parts")
def split_copy(input: Array, split_size: int, dim: int = 0) -> tuple[Array, ...]:
    """Copies of consecutive parts of a dimension, of equal size. See torch.split_copy."""
    at = wrap_dim(dim, input.ndim)
    return _cut(input, sections(input.shape, split_size, at), at)


@op(public=TORCH, out="parts")
def split_with_sizes_copy(
    input: Array, split_sizes: tuple[int, ...], dim: int = 0
) -> tuple[Array, ...]:
    """Copies of parts of a dimension, of given sizes. See torch.split_with_sizes_copy."""
    at = wrap_dim(dim, input.ndim)
    return _cut(input, sections(input.shape, tuple(split_sizes), at), at)


@op(public=TORCH, out="parts")
def unbind_copy(input: Array, dim: int = 0) -> tuple[Array, ...]:
    """Copies of the parts at each index of a dimension. See torch.unbind_copy."""
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = wrap_dim(dim, input.ndim)
    return tuple(lax.index_in_dim(input, k, at, keepdims=False) for k in range(input.shape[at]))
