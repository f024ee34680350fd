"""Pooling: maximum and average over windows, of a given size or adapted to an output size.

Windows of up to 32 elements are computed as so many strided slices, folded together: XLA makes one
loop of it and of its gradient, and a tie goes to the first maximum, as in PyTorch. Measured forward
and backward on two CPU cores against reduce_window: 2x2 at 16x64x32x32 1.5 ms instead of 6.7, 3x3
stride 2 at 16x64x112x112 125 ms instead of 232 (there the forward is faster by reduce_window, and
is taken so). Pooling to an output size is in adaptive_pool.py.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.op import Array, Number, op
from ._checks import is_floating, listed, sizes
from ._promotion import title

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
Sizes = int | tuple[int, ...]

# The largest window that is unrolled into slices.
UNROLLED = 32


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows over the last dims of an input, one entry per dim."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def widths(self) -> list[tuple[int, int]]:
        """What is padded before and after: padding, and what ceil_mode reaches beyond it."""
        found = []
        for k, s, p, d, n, m in zip(
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.inputs,
            self.outputs,
            strict=True,
        ):
            found.append((p, max((m - 1) * s + d * (k - 1) + 1 - n - p, 0)))
        return found

    def pad(self, input: Array, value: Number) -> Array:
        """The input with padding around it."""
        outer = [(0, 0)] * (input.ndim - len(self.kernel))
        if not any(low or high for low, high in self.widths):
            return input
        return jnp.pad(input, outer + self.widths, constant_values=value)

    def slices(self, padded: Array) -> Iterator[Array]:
        """For each place in the window, what stands there in all windows."""
        outer = [slice(None)] * (padded.ndim - len(self.kernel))
        for place in itertools.product(*map(range, self.kernel)):
            starts = [i * d for i, d in zip(place, self.dilation, strict=True)]
            inner = [
                slice(start, start + (m - 1) * s + 1, s)
                for start, m, s in zip(starts, self.outputs, self.stride, strict=True)
            ]
            yield padded[tuple(outer + inner)]

    def is_overlapping(self) -> bool:
        return any(s < k for s, k in zip(self.stride, self.kernel, strict=True))

    def is_dilated(self) -> bool:
        return any(d != 1 for d in self.dilation)


def _output_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    room = n + 2 * p - d * (k - 1) - 1
    size = (-(-room // s) if ceil_mode else room // s) + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    return size


def _windows(
    name: str,
    input: Array,
    spatial: int,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> Windows:
    """The windows, after PyTorch's checks."""
    _check_ndim(name, input, spatial)
    count = ("one int", "two ints", "three ints")[spatial - 1]
    must = f"must either be a single int, or a tuple of {count}"
    kernel = sizes(kernel_size, spatial, f"{name}: kernel_size {must}")
    if stride is None or stride == ():
        steps = kernel
    else:
        steps = sizes(stride, spatial, f"{name}: stride must either be omitted, {must[5:]}")
    pads = sizes(padding, spatial, f"{name}: padding {must}")
    dilations = sizes(dilation, spatial, f"{name}: dilation {must}")
    _check_windows(kernel, steps, pads, dilations)
    inputs = input.shape[input.ndim - spatial :]
    outputs = tuple(
        _output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(inputs, kernel, steps, pads, dilations, strict=True)
    )
    if min(outputs) < 1:
        planes = input.shape[-spatial - 1]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, (planes, *inputs)))}). Calculated output "
            f"size: ({'x'.join(map(str, (planes, *(max(m, 0) for m in outputs))))}). "
            "Output size is too small. Invalid computed output size"
        )
    return Windows(kernel, steps, pads, dilations, inputs, outputs)


def _check_ndim(name: str, input: Array, spatial: int) -> None:
    if input.ndim in (spatial + 1, spatial + 2):
        return
    if spatial == 1:
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{listed(input.shape)}. Expected 2 to 3 dimensions, but got "
            f"{input.ndim}-dimensional tensor for argument #1 'self'"
        )
    raise RuntimeError(
        f"non-empty {spatial + 1}D or {spatial + 2}D (batch mode) tensor expected for input"
    )


def _check_windows(
    kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> None:
    if min(kernel) <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got {listed(kernel)}")
    if min(stride) == 0:
        raise RuntimeError("stride should not be zero")
    if min(stride) < 0:
        raise RuntimeError(f"stride should be greater than zero, but got {listed(stride)}")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {listed(dilation)}")
    if min(padding) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(padding)}")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


# ------------------------------------------------------------------------------------- maximum


def _lowest(input: Array) -> Number:
    if is_floating(input):
        return -np.inf
    return np.iinfo(input.dtype).min


def _max_by_slices(input: Array, windows: Windows) -> Array:
    result: Any = None
    for values in windows.slices(windows.pad(input, _lowest(input))):
        if result is None:
            result = values
        else:
            result = jnp.where((values > result) | (values != values), values, result)
    return result


def _max_by_window(input: Array, windows: Windows) -> Array:
    outer = input.ndim - len(windows.kernel)
    return jax.lax.reduce_window(
        input,
        np.asarray(_lowest(input), input.dtype),
        jax.lax.max,
        (1,) * outer + windows.kernel,
        (1,) * outer + windows.stride,
        [(0, 0)] * outer + windows.widths,
        window_dilation=(1,) * outer + windows.dilation,
    )


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _max_overlapping(input: Array, windows: Windows) -> Array:
    return _max_by_window(input, windows)


@_max_overlapping.defjvp
def _max_overlapping_jvp(windows: Windows, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    _, tangent = jax.jvp(lambda x: _max_by_slices(x, windows), primals, tangents)
    return _max_overlapping(*primals, windows), tangent


def _max_with_indices(input: Array, windows: Windows) -> tuple[Array, Array]:
    """The maxima, and where they stand in the flattened last dims."""
    count = len(windows.kernel)
    places = jnp.arange(math.prod(windows.inputs), dtype=jnp.int32).reshape(windows.inputs)
    result: Any = None
    indices: Any = None
    for values, at in zip(
        windows.slices(windows.pad(input, _lowest(input))),
        windows.slices(windows.pad(places, -1)),
        strict=True,
    ):
        at = at.reshape((1,) * (input.ndim - count) + at.shape)
        if result is None:
            result, indices = values, jnp.broadcast_to(at, values.shape)
            continue
        # A place in the padding gives way to any other.
        better = (values > result) | (values != values) | ((indices < 0) & (at >= 0))
        result = jnp.where(better, values, result)
        indices = jnp.where(better, at, indices)
    return result, indices.astype(jnp.int64)


def _max_pool(
    spatial: int,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Array | tuple[Array, Array]:
    name = f"max_pool{spatial}d"
    windows = _windows(name, input, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    if not (is_floating(input) or np.issubdtype(input.dtype, np.integer)):
        raise NotImplementedError(f"\"{name}\" not implemented for '{title(input)}'")
    if return_indices:
        return _max_with_indices(input, windows)
    if math.prod(windows.kernel) > UNROLLED and not windows.is_dilated():
        return _max_by_window(input, windows)
    if windows.is_overlapping():
        return _max_overlapping(input, windows)
    return _max_by_slices(input, windows)


@op(public=F_AND_TORCH)
def max_pool1d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The maximum of each window: (N, C, L) -> (N, C, L'). See torch.nn.functional.max_pool1d."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@op(public=F_AND_TORCH)
def max_pool2d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The maximum of each window: (N, C, H, W) -> (N, C, H', W').

    See torch.nn.functional.max_pool2d."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@op(public=F_AND_TORCH)
def max_pool3d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The maximum of each window: (N, C, D, H, W) -> (N, C, D', H', W').

    See torch.nn.functional.max_pool3d."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# ------------------------------------------------------------------------------------- average


def _sum_pool(input: Array, windows: Windows) -> Array:
    if math.prod(windows.kernel) <= UNROLLED and not windows.is_overlapping():
        return functools.reduce(jnp.add, windows.slices(windows.pad(input, 0)))
    outer = input.ndim - len(windows.kernel)
    return jax.lax.reduce_window(
        input,
        np.zeros((), input.dtype),
        jax.lax.add,
        (1,) * outer + windows.kernel,
        (1,) * outer + windows.stride,
        [(0, 0)] * outer + windows.widths,
    )


def _counts(windows: Windows, count_include_pad: bool) -> np.ndarray:
    """How many elements each window averages over."""
    total = np.ones((), np.int64)
    for k, s, p, n, m in zip(
        windows.kernel,
        windows.stride,
        windows.padding,
        windows.inputs,
        windows.outputs,
        strict=True,
    ):
        start = np.arange(m) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        total = total[..., None] * (end - start)
    return total


def average_pool(
    spatial: int,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    name = f"avg_pool{spatial}d"
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    windows = _windows(name, input, spatial, kernel_size, stride, padding, 1, ceil_mode)
    total = _sum_pool(input, windows)
    counts = _counts(windows, count_include_pad)
    if divisor_override is not None:
        counts = np.full_like(counts, divisor_override)
    if (counts == counts.flat[0]).all():
        counts = counts.flat[0]
    divisor = np.asarray(counts, input.dtype)
    if is_floating(input):
        return total / divisor
    return jax.lax.div(total, jnp.broadcast_to(divisor, total.shape))


@op(public=F_AND_TORCH)
def avg_pool1d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window: (N, C, L) -> (N, C, L'). See torch.nn.functional.avg_pool1d."""
    return average_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@op(public=F)
def avg_pool2d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window: (N, C, H, W) -> (N, C, H', W').

    See torch.nn.functional.avg_pool2d."""
    return average_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(public=F)
def avg_pool3d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window: (N, C, D, H, W) -> (N, C, D', H', W').

    See torch.nn.functional.avg_pool3d."""
    return average_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
