"""PyTorch's internal operators that its own tests and tools call: backward halves, segments,
indexing without checks, float8 products. Public under torch with an underscore, or torch.ops.aten.

Not here: what is more than one op or writes to its arguments (functions/internal.py). The namespace
torch.ops.aten is _aten.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core.dtype import dtype as DType
from .._core.dtype import to_dtype
from .._core.op import Array, Number, cast, op
from ._checks import number, require_floating, widen
from ._promotion import title
from ._shapes import Shape, wrap_dim
from .activation import softmax
from .gather import add_to
from .reduction import extreme_elements
from .resample import resample

ATEN = ("aten",)
TORCH = ("torch",)


@op(public=ATEN)
def _softmax_backward_data(
    grad_output: Array, output: Array, dim: int, input_dtype: DType
) -> Array:
    """The gradient of softmax, given its output."""
    if grad_output.dtype != output.dtype:
        raise RuntimeError(f"expected scalar type {title(grad_output)} but found {title(output)}")
    if output.ndim == 0:
        return jnp.zeros_like(grad_output)
    g, y = widen(grad_output), widen(output)
    along = jnp.sum(g * y, axis=wrap_dim(dim, y.ndim), keepdims=True)
    return (y * (g - along)).astype(input_dtype.numpy)


@op(public=ATEN, saves=("output",))
def _safe_softmax(input: Array, dim: int, dtype: DType | None = None) -> Array:
    """softmax, but 0 where all of a row is -inf."""
    if dtype is not None:
        input = cast(input, dtype)
    require_floating("softmax_lastdim_kernel_impl", input)
    empty = jnp.all(input == -jnp.inf, axis=dim if input.ndim else None, keepdims=True)
    return jnp.where(empty, 0, softmax(jnp.where(empty, 0, input), dim))


@op(public=ATEN)
def _upsample_bilinear2d_aa(
    input: Array,
    output_size: tuple[int, ...] | None,
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
    *,
    scale_factors: tuple[float, ...] | None = None,
) -> Array:
    """interpolate(mode="bilinear", antialias=True): (N, C, H, W) -> (N, C, H', W')."""
    require_floating("upsample_bilinear2d_aa", input)
    scales: tuple[Any, ...] = scale_factors or (scales_h, scales_w)
    sizes = output_size or [int(n * s) for n, s in zip(input.shape[2:], scales, strict=True)]
    for dim, (size, scale) in enumerate(zip(sizes, scales, strict=True), 2):
        input = resample(input, dim, size, scale, "bilinear", align_corners, True)
    return input


@op(public=ATEN)
def max_pool2d_with_indices_backward(
    grad_output: Array,
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...],
    dilation: int | tuple[int, ...],
    ceil_mode: bool,
    indices: Array,
) -> Array:
    """The gradient of max_pool2d, given where each maximum was."""
    lead = input.shape[:-2]
    count = int(np.prod(lead))
    rows = jnp.arange(count)[:, None]
    flat = jnp.zeros((count, input.shape[-2] * input.shape[-1]), grad_output.dtype)
    places, values = (a.reshape(count, -1) for a in (indices, grad_output))
    return flat.at[rows, places].add(values).reshape(input.shape)


def _chunked(tensor: Array, dim: int, num_chunks: int) -> Array:
    """[..., n, rest] -> [..., num_chunks, n / num_chunks * rest], with zeros at the end."""
    size = tensor.shape[dim]
    missing = -size % num_chunks
    padded = jnp.pad(tensor, [(0, missing * (d == dim)) for d in range(tensor.ndim)])
    return padded.reshape(*tensor.shape[:dim], num_chunks, -1)


@op(public=TORCH, differentiable=False)
def _chunk_cat(tensors: Sequence[Array], dim: int, num_chunks: int) -> Array:
    """Each tensor cut along dim into chunks, the i-th chunks of all of them side by side."""
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if any(t.size == 0 for t in tensors):
        raise RuntimeError("_chunk_cat expects non-empty tensor")
    if any(t.dtype != tensors[0].dtype for t in tensors):
        raise RuntimeError("_chunk_cat expects all input tensors with the same dtype")
    if dim < 0:
        if len({t.ndim for t in tensors}) > 1:
            raise RuntimeError(
                "_chunk_cat expects non-negative dim when input tensors have different ndims"
            )
        dim = wrap_dim(dim, tensors[0].ndim)
    if any(dim >= t.ndim for t in tensors):
        raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
    if len({t.shape[:dim] for t in tensors}) > 1:
        raise RuntimeError(
            "_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors"
        )
    return jnp.concatenate([_chunked(t, dim, num_chunks) for t in tensors], axis=-1)


# name -> (the reduction, its identity)
_SEGMENTS: dict[str, tuple[str, float]] = {
    "sum": ("sum", 0.0),
    "mean": ("sum", 0.0),
    "prod": ("prod", 1.0),
    "max": ("max", -np.inf),
    "amax": ("max", -np.inf),
    "min": ("min", np.inf),
    "amin": ("min", np.inf),
}


def _reduced(name: str, values: Array, axis: int, start: Array) -> Array:
    """All of an axis, and the number to start with."""
    if name == "sum":
        return jnp.sum(values, axis) + start
    if name == "prod":
        return jnp.prod(values, axis) * start
    if not values.shape[axis]:
        return jnp.broadcast_to(start, np.delete(values.shape, axis))
    found = extreme_elements(values, name, (axis,), False, True)
    wins = found >= start if name == "max" else found <= start
    return jnp.where(wins | jnp.isnan(found), found, start)


@op(public=TORCH, saves=("data", "output"))
def _segment_reduce(
    data: Array,
    reduce: str,
    *,
    lengths: Array | None = None,
    indices: Array | None = None,
    offsets: Array | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Array:
    """One number for each segment of an axis, of which the lengths or the bounds are given:
    [*batch, n, ...], [*batch, s] -> [*batch, s, ...]. It masks s times n elements."""
    require_floating("_segment_reduce_cpu", data)
    if reduce not in _SEGMENTS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if offsets is not None:
        first, last = offsets[..., :-1], offsets[..., 1:]
    elif lengths is not None:
        last = jnp.cumsum(lengths, -1)
        first = last - lengths
    else:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    axis = wrap_dim(axis, data.ndim)
    place = jnp.arange(data.shape[axis])
    inside = (place >= first[..., None]) & (place < last[..., None])
    inside = inside.reshape(inside.shape + (1,) * (data.ndim - axis - 1))
    name, identity = _SEGMENTS[reduce]
    start = jnp.asarray(identity if initial is None else initial, data.dtype)
    values = jnp.where(inside, jnp.expand_dims(data, axis), jnp.asarray(identity, data.dtype))
    result = _reduced(name, values, axis + 1, start)
    if reduce != "mean":
        return result
    count = jnp.sum(inside, axis + 1)
    empty = start if initial is not None else jnp.asarray(jnp.nan, data.dtype)
    return jnp.where(count == 0, empty, result / jnp.maximum(count, 1).astype(data.dtype))


def _bounded(shape: Shape, indices: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(jnp.clip(i, -n, n - 1) for i, n in zip(indices, shape, strict=False))


@op(public=TORCH)
def _unsafe_masked_index(
    input: Array, mask: Array, indices: Sequence[Array], fill: Number
) -> Array:
    """input[indices] where mask is True, with indices clamped into the bounds; fill elsewhere."""
    fill = number(fill, input)
    if input.size == 0:
        return jnp.broadcast_to(fill, mask.shape)
    return jnp.where(mask, input[_bounded(input.shape, indices)], fill)


@op(public=TORCH)
def _unsafe_masked_index_put_accumulate(
    input: Array, mask: Array, indices: Sequence[Array], values: Array
) -> Array:
    """input with values added at indices, clamped into the bounds, where mask is True."""
    if input.size == 0:
        return input
    chosen = jnp.where(mask, values, jnp.zeros_like(values))
    return add_to(input.at[_bounded(input.shape, indices)], chosen)


def _check_scaled(a: Array, b: Array, scales: tuple[Array, Array]) -> None:
    for name, matrix in (("mat1", a), ("mat2", b)):
        if matrix.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat_a and mat_b shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
            f"{b.shape[0]}x{b.shape[1]})"
        )
    single = all(s.size == 1 for s in scales)
    by_row = tuple(s.shape for s in scales) == ((a.shape[0], 1), (1, b.shape[1]))
    narrow = all(to_dtype(m.dtype).name.startswith("float8") for m in (a, b))
    if not narrow or not (single or by_row) or any(s.dtype != np.float32 for s in scales):
        raise ValueError(
            "Invalid scaling configuration.\n- For TensorWise scaling, a and b should be float8, "
            "scales should be float and singletons.\n- For RowWise scaling, a and b should be "
            f"float8, scales should be float, scale_a should be ({a.shape[0]}, 1) and scale_b "
            f"should be (1, {b.shape[1]})"
        )


@op(public=TORCH, differentiable=False)
def _scaled_mm(
    input: Array,
    mat2: Array,
    scale_a: Array,
    scale_b: Array,
    bias: Array | None = None,
    scale_result: Array | None = None,
    out_dtype: DType | None = None,
    use_fast_accum: bool = False,
) -> Array:
    """(input * scale_a) @ (mat2 * scale_b) + bias for float8 matrices, summed in float32. A float8
    result saturates; scale_result is not used, as on PyTorch's CPU."""
    _check_scaled(input, mat2, (scale_a, scale_b))
    scales = [s.reshape(()) if s.size == 1 else s for s in (scale_a, scale_b)]
    a, b = (m.astype(np.float32) * s for m, s in zip((input, mat2), scales, strict=True))
    result = jnp.matmul(a, b, precision="highest")
    if bias is not None:
        result = result + bias.astype(np.float32)
    kind: Any = input.dtype if out_dtype is None else out_dtype.numpy
    if kind.itemsize == 1:
        largest = float(jnp.finfo(kind).max)
        result = jnp.clip(result, -largest, largest)
    return result.astype(kind)
