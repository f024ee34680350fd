"""Putting tensors together, repeating them, rearranging elements: cat, stack, tile, roll, diag.

All results are copies; what PyTorch gives as views (reshape, transpose, split…) is not here.
Next: gather.py, for reading at given indices.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from .._core.op import Array, Number, op
from ._checks import number
from ._layout import CONTIGUOUS, PRESERVED
from ._promotion import promoted
from ._shapes import wrap_dim


def _flat(values: tuple) -> tuple:
    """Arguments given one by one or as one sequence."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], (list, tuple)) else values


@op(public=("torch",), aliases=("concat", "concatenate"), out="apart")
def cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """The tensors one after the other along dim. See torch.cat."""
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    tensors = promoted(*tensors)
    for position, tensor in enumerate(tensors):
        if tensor.ndim == 0:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {position}) cannot be concatenated"
            )
    # PyTorch skips empty vectors, whatever the number of dimensions of the others.
    full = [(i, t) for i, t in enumerate(tensors) if t.shape != (0,)]
    if not full:
        return tensors[0]
    ndim = full[0][1].ndim
    dim = wrap_dim(dim, ndim)
    _check_parts(full, dim)
    return jnp.concatenate([t for _, t in full], axis=dim)


def _check_parts(parts: list[tuple[int, Array]], dim: int) -> None:
    first = parts[0][1]
    for position, tensor in parts[1:]:
        if tensor.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {tensor.ndim}"
            )
        for d, (expected, got) in enumerate(zip(first.shape, tensor.shape, strict=True)):
            if d != dim and expected != got:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{expected} but got size {got} for tensor number {position} in the list."
                )


@op(public=("torch",), out="apart")
def stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors of one shape along a new dimension. See torch.stack."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    tensors = promoted(*tensors)
    first = tensors[0]
    for position, tensor in enumerate(tensors):
        if tensor.shape != first.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at "
                f"entry 0 and {list(tensor.shape)} at entry {position}"
            )
    return jnp.stack(tensors, axis=wrap_dim(dim, first.ndim + 1))


def _with_dims(tensor: Array, ndim: int) -> Array:
    """numpy.atleast_1d to 3d: a vector becomes a row, a matrix gets a last dimension."""
    shape = tensor.shape
    if len(shape) >= ndim:
        return tensor
    if ndim == 1:
        return tensor.reshape(1)
    if len(shape) == 2:
        return tensor.reshape(*shape, 1)
    size = shape[0] if shape else 1
    return tensor.reshape((1, size) if ndim == 2 else (1, size, 1))


@op(public=("torch",))
def hstack(tensors: Sequence[Array]) -> Array:
    """Side by side: along dim 1, vectors along dim 0. See torch.hstack."""
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = [_with_dims(t, 1) for t in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@op(public=("torch",), aliases=("row_stack",))
def vstack(tensors: Sequence[Array]) -> Array:
    """On top of each other: along dim 0, vectors as rows. See torch.vstack."""
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat([_with_dims(t, 2) for t in tensors], 0)


@op(public=("torch",))
def dstack(tensors: Sequence[Array]) -> Array:
    """In depth: along dim 2. See torch.dstack."""
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat([_with_dims(t, 3) for t in tensors], 2)


@op(public=("torch",))
def column_stack(tensors: Sequence[Array]) -> Array:
    """Side by side, vectors as columns. See torch.column_stack."""
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return hstack([t.reshape(t.size, 1) if t.ndim <= 1 else t for t in tensors])


@op(public=("torch",))
def block_diag(*tensors: Array) -> Array:
    """The matrices along the diagonal of a matrix of zeros. See torch.block_diag."""
    parts = []
    for position, tensor in enumerate(promoted(*_flat(tensors))):
        if tensor.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{position} has {tensor.ndim} dimensions"
            )
        parts.append(_with_dims(tensor, 2))
    width = sum(part.shape[1] for part in parts)
    rows, left = [], 0
    for part in parts:
        size = part.shape[1]
        rows.append(jnp.pad(part, ((0, 0), (left, width - left - size))))
        left += size
    return jnp.concatenate(rows, 0)


def _repeats(name: str, input: Array, counts: tuple) -> tuple:
    counts = tuple(int(c) for c in counts)
    if name == "repeat" and len(counts) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if counts and min(counts) < 0:
        raise RuntimeError("Trying to create tensor with negative dimension")
    return counts


@op(public=("Tensor",))
def repeat(input: Array, repeats: tuple[int, ...]) -> Array:
    """Copies side by side, so many along each dimension. See torch.Tensor.repeat."""
    return jnp.tile(input, _repeats("repeat", input, repeats))


@op()
def tile(input: Array, dims: tuple[int, ...]) -> Array:
    """Copies side by side; missing counts are 1. See torch.tile."""
    return jnp.tile(input, _repeats("tile", input, dims))


@op()
def repeat_interleave(
    input: Array,
    repeats: Array | int,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Array:
    """Each element (or slice along dim) repeated. With a tensor of repeats the size of the result
    must be given as output_size. See torch.repeat_interleave."""
    if dim is None:
        input, dim = input.reshape(-1), 0
    dim = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        input = input.reshape(1)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        return jnp.repeat(input, repeats, axis=dim)
    if output_size is None:
        raise RuntimeError("repeat_interleave with a tensor of repeats needs output_size here")
    size = input.shape[dim]
    if repeats.ndim == 1 and repeats.shape[0] not in (1, size):
        raise RuntimeError("repeats must have the same size as input along dim")
    counts = jnp.broadcast_to(repeats.reshape(-1), (size,))
    return jnp.repeat(input, counts, axis=dim, total_repeat_length=output_size)


def _triangle(name: str, input: Array, diagonal: int) -> Array:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    rows = lax.broadcasted_iota(jnp.int32, input.shape, input.ndim - 2)
    columns = lax.broadcasted_iota(jnp.int32, input.shape, input.ndim - 1)
    keep = columns - rows <= diagonal if name == "tril" else columns - rows >= diagonal
    return jnp.where(keep, input, jnp.zeros((), input.dtype))


@op(inplace=True, strides=CONTIGUOUS)
def tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangles of matrices, zeros above. See torch.tril."""
    return _triangle("tril", input, diagonal)


@op(inplace=True, strides=CONTIGUOUS)
def triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangles of matrices, zeros below. See torch.triu."""
    return _triangle("triu", input, diagonal)


@op()
def roll(
    input: Array, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None
) -> Array:
    """The elements shifted round along dims; of the flattened tensor without dims.
    See torch.roll."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return jnp.roll(input, shifts[0])
    if len(dims) != len(shifts):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    if input.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    for shift, dim in zip(shifts, dims, strict=True):
        input = jnp.roll(input, shift, wrap_dim(dim, input.ndim))
    return input


@op(strides=PRESERVED)
def flip(input: Array, dims: tuple[int, ...]) -> Array:
    """The elements in reverse order along dims. See torch.flip."""
    wrapped = [wrap_dim(d, input.ndim) for d in dims]
    for position, dim in enumerate(wrapped):
        if dim in wrapped[:position]:
            raise RuntimeError(f"dim {dim} appears multiple times in the list of dims")
    return lax.rev(input, wrapped) if input.ndim else input


@op(strides=PRESERVED)
def fliplr(input: Array) -> Array:
    """The columns in reverse order. See torch.fliplr."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@op(strides=PRESERVED)
def flipud(input: Array) -> Array:
    """The rows in reverse order. See torch.flipud."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


@op()
def rot90(input: Array, k: int = 1, dims: tuple[int, ...] = (0, 1)) -> Array:
    """Turned by 90 degrees k times, from the first of dims towards the second.
    See torch.rot90."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    first, second = (wrap_dim(d, input.ndim) for d in dims)
    if first == second:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    return jnp.rot90(input, k, (first, second))


@op()
def diag(input: Array, diagonal: int = 0) -> Array:
    """The matrix with that diagonal, or the diagonal of a matrix. See torch.diag."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return jnp.diag(input, diagonal)


@op()
def diagflat(input: Array, offset: int = 0) -> Array:
    """The matrix whose diagonal is the flattened input. See torch.diagflat."""
    return jnp.diag(input.reshape(-1), offset)


@op()
def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Matrices in dims dim1 and dim2 whose diagonals are the last dimension of input.
    See torch.diag_embed."""
    ndim = input.ndim + 1
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {first}, {second}")
    size = input.shape[-1]
    extent = size + abs(offset)
    places = jnp.arange(size)
    rows, columns = places + max(-offset, 0), places + max(offset, 0)
    result = jnp.zeros((*input.shape[:-1], extent, extent), input.dtype)
    result = result.at[..., rows, columns].set(input, unique_indices=True)
    return jnp.moveaxis(result, (-2, -1), (first, second))


@op(public=(), inplace=True)
def fill_diagonal(input: Array, fill_value: Number, wrap: bool = False) -> Array:
    """input with a number along its main diagonal. See torch.Tensor.fill_diagonal_."""
    if input.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if input.ndim > 2 and len(set(input.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = 1 + sum(_product(input.shape[d + 1 :]) for d in range(input.ndim - 1))
    end = input.size
    if input.ndim == 2 and not wrap:
        end = min(end, input.shape[1] * input.shape[1])
    flat = input.reshape(-1)
    hit = (jnp.arange(flat.size) % step == 0) & (jnp.arange(flat.size) < end)
    return jnp.where(hit, number(fill_value, input), flat).reshape(input.shape)


def _product(sizes: tuple) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


@op(public=("torch",))
def vander(x: Array, N: int | None = None, increasing: bool = False) -> Array:
    """The powers N - 1 to 0 of each element, as rows. See torch.vander."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    powers = jnp.arange(x.shape[0] if N is None else N)
    base = x.astype(jnp.int64) if jnp.issubdtype(x.dtype, jnp.integer) else x
    return base[:, None] ** (powers if increasing else powers[::-1]).astype(jnp.int64)


@op(lacks="bool")
def trace(input: Array) -> Array:
    """The sum of the diagonal of a matrix. See torch.trace."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix, but got a tensor with dim " + str(input.ndim))
    total = jnp.sum(jnp.diagonal(input))
    return total.astype(jnp.int64) if jnp.issubdtype(input.dtype, jnp.integer) else total


@op(public=("torch",))
def meshgrid(*tensors: Array, indexing: str | None = None) -> tuple[Array, ...]:
    """The coordinates of a grid spanned by vectors, the first along dim 0 ("ij") or along dim 1
    ("xy"). See torch.meshgrid."""
    tensors = _flat(tensors)
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + indexing
        )
    for tensor in tensors:
        if tensor.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"{list(tensor.shape)}"
            )
        if tensor.dtype != tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    vectors = [tensor.reshape(-1) for tensor in tensors]
    return tuple(jnp.meshgrid(*vectors, indexing=indexing or "ij"))


@op(public=("torch",))
def cartesian_prod(*tensors: Array) -> Array:
    """All combinations of one element of each vector, as rows. See torch.cartesian_prod."""
    tensors = _flat(tensors)
    if len(tensors) == 1:
        return tensors[0]
    return jnp.stack([g.reshape(-1) for g in jnp.meshgrid(*tensors, indexing="ij")], 1)


@op()
def combinations(input: Array, r: int = 2, with_replacement: bool = False) -> Array:
    """All combinations of r elements of a vector, as rows. See torch.combinations."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    return input[jnp.asarray(rows, jnp.int64).reshape(len(rows), r)]


def _put_slice(input: Array, src: Any, index: tuple, what: str) -> Array:
    if input[index].shape != src.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the {what} of self. src size = "
            f"{list(src.shape)}, {what} size = {list(input[index].shape)}"
        )
    return input.at[index].set(promoted(src)[0].astype(input.dtype), unique_indices=True)


@op()
def diagonal_scatter(
    input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """input with a diagonal replaced. See torch.diagonal_scatter."""
    first, second = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    moved = jnp.moveaxis(input, (first, second), (-2, -1))
    rows, columns = moved.shape[-2:]
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    places = jnp.arange(length)
    index = (..., places + max(-offset, 0), places + max(offset, 0))
    return jnp.moveaxis(_put_slice(moved, src, index, "slice"), (-2, -1), (first, second))


@op()
def select_scatter(input: Array, src: Array, dim: int, index: int) -> Array:
    """input with one slice along dim replaced. See torch.select_scatter."""
    dim = wrap_dim(dim, input.ndim)
    return _put_slice(input, src, (slice(None),) * dim + (index,), "slice")


@op()
def slice_scatter(
    input: Array,
    src: Array,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Array:
    """input with a range of slices along dim replaced. See torch.slice_scatter."""
    dim = wrap_dim(dim, input.ndim)
    return _put_slice(input, src, (slice(None),) * dim + (slice(start, end, step),), "slice")
