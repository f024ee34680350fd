"""Rearranging images: pad, unfold and fold, pixel_shuffle and its siblings, max_unpool.

Changing their resolution is in resample.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .._core.op import Array, Number, op
from ._checks import number, sizes
from ._spatial import op_by_dims

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")

_UNSUPPORTED = (
    "Padding size {} is not supported for {}D input tensor.\n"
    "Supported combinations for non-constant padding:\n"
    "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
    "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
    "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
)


@op(public=F)
def pad(
    input: Array, pad: tuple[int, ...], mode: str = "constant", value: Number | None = None
) -> Array:
    """input with a border, (left, right) for the last dim, then for the one before, and so on;
    negative widths crop. See torch.nn.functional.pad."""
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {input.ndim}"
        )
    # (dim, before, after)
    widths = [(input.ndim - 1 - k // 2, pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    if mode == "constant":
        return _pad_constant(input, widths, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and not (isinstance(value, (int, float)) and value == 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if input.ndim - len(widths) not in (1, 2) or len(widths) > 3:
        raise NotImplementedError(_UNSUPPORTED.format(len(pad), input.ndim))
    for dim, before, after in widths:
        input = _pad_from_input(input, dim, before, after, mode)
    return input


def _pad_constant(input: Array, widths: Sequence[tuple[int, int, int]], value: Number) -> Array:
    config = [(0, 0, 0)] * input.ndim
    for dim, before, after in widths:
        config[dim] = (before, after, 0)
        if input.shape[dim] + before + after < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(value, int):
        value = float(value)  # PyTorch's takes a double, of which an unsigned dtype holds no -1
    return jax.lax.pad(input, number(value, input), config)


def _pad_from_input(input: Array, dim: int, before: int, after: int, mode: str) -> Array:
    """One dim, with what the input has: mirrored, its last element, or from the other end."""
    n = input.shape[dim]
    if mode == "reflect" and max(before, after) >= n:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({before}, {after}) at dimension {dim} of input {list(input.shape)}"
        )
    if mode == "circular" and max(before, after) > n:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if mode == "replicate" and n == 0:
        raise RuntimeError(
            f"Expected {dim + 1}D or {dim + 2}D (batch mode) tensor with possibly 0 batch size and "
            f"other non-zero dimensions for input, but got: {list(input.shape)}"
        )
    kept = jax.lax.slice_in_dim(input, max(-before, 0), n - max(-after, 0), axis=dim)
    parts = [kept]
    source = kept if mode == "circular" else input
    if before > 0:
        parts.insert(0, _border(source, dim, before, mode, first=True))
    if after > 0:
        parts.append(_border(source, dim, after, mode, first=False))
    return jnp.concatenate(parts, axis=dim) if len(parts) > 1 else kept


def _border(input: Array, dim: int, width: int, mode: str, first: bool) -> Array:
    n = input.shape[dim]
    if mode == "replicate":
        edge = jax.lax.slice_in_dim(input, 0 if first else n - 1, 1 if first else n, axis=dim)
        return jnp.repeat(edge, width, axis=dim)
    if mode == "circular":
        start = n - width if first else 0
        return jax.lax.slice_in_dim(input, start, start + width, axis=dim)
    start = 1 if first else n - 1 - width
    return jnp.flip(jax.lax.slice_in_dim(input, start, start + width, axis=dim), dim)


# ------------------------------------------------------------------------------------ unfold, fold


def _block_counts(
    size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> tuple[int, ...]:
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    )


def _pairs(**arguments: int | tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        sizes(value, 2, f"{name} must be one or two ints, but got {value}")
        for name, value in arguments.items()
    ]


@op(name="_unfold", public=(), lacks="integer")  # Tensor.unfold is another function
def unfold(
    input: Array,
    kernel_size: int | tuple[int, ...],
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
) -> Array:
    """Sliding blocks as columns: (N, C, H, W) -> (N, C * K * K, blocks).

    See torch.nn.functional.unfold."""
    if input.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    kernel, dilations, pads, steps = _pairs(
        kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    counts = _block_counts(input.shape[-2:], kernel, dilations, pads, steps)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(input.shape[-2:])}, kernel_size={kernel}, "
            f"dilation={dilations}, padding={pads}, calculated shape of the array of sliding "
            f"blocks as {counts}, but its components must be at least one."
        )
    x = input if input.ndim == 4 else input[None]
    x = jnp.pad(x, [(0, 0), (0, 0), (pads[0], pads[0]), (pads[1], pads[1])])
    columns = [
        x[(slice(None), slice(None), *places)]
        for places in _places(kernel, dilations, steps, counts)
    ]
    stacked = jnp.stack(columns, axis=2)
    result = stacked.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(counts))
    return result if input.ndim == 4 else result[0]


def _places(
    kernel: Sequence[int], dilation: Sequence[int], stride: Sequence[int], counts: Sequence[int]
) -> list[tuple[slice, slice]]:
    """For each element of a block, where it stands in all blocks."""
    found = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            starts = (i * dilation[0], j * dilation[1])
            found.append(
                tuple(
                    slice(start, start + (count - 1) * step + 1, step)
                    for start, count, step in zip(starts, counts, stride, strict=True)
                )
            )
    return found


@op(public=F, lacks="integer")
def fold(
    input: Array,
    output_size: int | tuple[int, ...],
    kernel_size: int | tuple[int, ...],
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
) -> Array:
    """Columns added up as sliding blocks: (N, C * K * K, blocks) -> (N, C, *output_size).

    See torch.nn.functional.fold."""
    if input.ndim not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    size, kernel, dilations, pads, steps = _pairs(
        output_size=output_size,
        kernel_size=kernel_size,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )
    x = input if input.ndim == 3 else input[None]
    area = math.prod(kernel)
    if x.shape[1] % area:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={x.shape[1]} and kernel_size={kernel}."
        )
    counts = _block_counts(size, kernel, dilations, pads, steps)
    if x.shape[2] != math.prod(counts):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilations}, "
            f"padding={pads}, stride={steps}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {counts[0]} * {counts[1]} = {math.prod(counts)}, "
            f"but got input.size(2)={x.shape[2]}."
        )
    blocks = x.reshape(x.shape[0], x.shape[1] // area, area, *counts)
    padded = tuple(n + 2 * p for n, p in zip(size, pads, strict=True))
    total = jnp.zeros((x.shape[0], x.shape[1] // area, *padded), x.dtype)
    for k, places in enumerate(_places(kernel, dilations, steps, counts)):
        total = total.at[(slice(None), slice(None), *places)].add(blocks[:, :, k])
    inner = [slice(p, p + n) for n, p in zip(size, pads, strict=True)]
    result = total[(slice(None), slice(None), *inner)]
    return result if input.ndim == 3 else result[0]


# --------------------------------------------------------------------------------------- shuffling


def _check_shuffle(name: str, argument: str, input: Array, factor: int) -> None:
    if input.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")


@op(public=F_AND_TORCH)
def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """(*, C r^2, H, W) -> (*, C, H r, W r). See torch.nn.functional.pixel_shuffle."""
    r = upscale_factor
    _check_shuffle("pixel_shuffle", "upscale_factor", input, r)
    *outer, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    split = input.reshape(math.prod(outer), channels // (r * r), r, r, height, width)
    turned = split.transpose(0, 1, 4, 2, 5, 3)
    return turned.reshape(*outer, channels // (r * r), height * r, width * r)


@op(public=F_AND_TORCH)
def pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """(*, C, H r, W r) -> (*, C r^2, H, W). See torch.nn.functional.pixel_unshuffle."""
    r = downscale_factor
    _check_shuffle("pixel_unshuffle", "downscale_factor", input, r)
    *outer, channels, height, width = input.shape
    for name, dim, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={size} is not divisible by {r}"
            )
    split = input.reshape(math.prod(outer), channels, height // r, r, width // r, r)
    turned = split.transpose(0, 1, 3, 5, 2, 4)
    return turned.reshape(*outer, channels * r * r, height // r, width // r)


@op(public=F_AND_TORCH)
def channel_shuffle(input: Array, groups: int) -> Array:
    """The channels (dim 1) of `groups` groups, interleaved.

    See torch.nn.functional.channel_shuffle."""
    if input.ndim < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    channels = input.shape[1]
    if groups <= 0 or channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    split = input.reshape(input.shape[0], groups, channels // groups, *input.shape[2:])
    return jnp.swapaxes(split, 1, 2).reshape(input.shape)


# --------------------------------------------------------------------------------------- unpooling


@op_by_dims(1, 2, 3, public=F, lacks="bool integer complex")
def max_unpool(
    spatial: int,
    input: Array,
    indices: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    output_size: tuple[int, ...] | None = None,
) -> Array:
    """Maxima back to their places, zeros elsewhere: (N, C, {sizes}) -> (N, C, {dims}).

    See torch.nn.functional.{name}."""
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    kernel = sizes(kernel_size, spatial, "kernel_size must have one entry per dim")
    steps = kernel if stride is None else sizes(stride, spatial, "stride: one entry per dim")
    pads = sizes(padding, spatial, "padding: one entry per dim")
    outer = input.shape[: input.ndim - spatial]
    inner = input.shape[input.ndim - spatial :]
    if output_size is None:
        target = tuple(
            (n - 1) * s + k - 2 * p for n, k, s, p in zip(inner, kernel, steps, pads, strict=True)
        )
    else:
        target = tuple(output_size)[-spatial:]
    shape = (math.prod(outer), math.prod(inner))
    flat = _put(input.reshape(shape), indices.reshape(shape), math.prod(target))
    return flat.reshape(*outer, *target)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _put(input: Array, indices: Array, size: int) -> Array:
    """Rows of `size` zeros, with input at the indices; the last of several at one."""
    flat = jnp.zeros((input.shape[0], size), input.dtype)
    return flat.at[jnp.arange(input.shape[0])[:, None], indices].set(input)


@_put.defjvp
def _put_jvp(size: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """Each of several at one index gets the gradient of that place, as in PyTorch: the transpose
    of an addition."""
    input, indices = primals
    rows = jnp.arange(input.shape[0])[:, None]
    tangent = jnp.zeros((input.shape[0], size), input.dtype).at[rows, indices].add(tangents[0])
    return _put(input, indices, size), tangent
