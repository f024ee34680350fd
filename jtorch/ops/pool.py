"""Pooling over windows of a given size: the windows, their checks, and averages over them.

A window is folded one dim after another, each as so many strided slices: XLA makes a loop of it
and of its gradient. Measured forward and backward on two CPU cores against all places of a window
at once and against reduce_window (ms): maximum 3x3 stride 2 at 16x64x56x56 50, 210, 456; 3x3x3
stride 2 at 2x8x16x24x24 1.0, 32, 15 (and 2.6 s, 6.2 s, 3.4 s to compile); average 3x3 stride 2 at
16x64x28x28 3.0, 23, 27. Maxima are in max_pool.py, pooling to an output size in adaptive_pool.py.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from .._core.op import Array, Number, op
from ._checks import is_floating, listed, require_average, sizes
from ._spatial import op_by_dims

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
Sizes = int | tuple[int, ...]

# The most slices, over all dims, that a window is unrolled into.
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

    def along(self, k: int, input: Array, fill: Number) -> list[Array]:
        """For each place in the window along its dim k, what stands there in all windows."""
        dim = input.ndim - len(self.kernel) + k
        if any(self.widths[k]):
            outer = [(0, 0)] * input.ndim
            outer[dim] = self.widths[k]
            input = jnp.pad(input, outer, constant_values=fill)
        reach = (self.outputs[k] - 1) * self.stride[k] + 1
        starts = range(0, self.kernel[k] * self.dilation[k], self.dilation[k])
        return [jax.lax.slice_in_dim(input, i, i + reach, self.stride[k], dim) for i in starts]

    def is_small(self) -> bool:
        return sum(self.kernel) <= UNROLLED

    def reduce(self, input: Array, start: Number, function: Callable) -> Array:
        """All windows reduced by XLA's own loop, which is slow but compiles at any size."""
        outer = input.ndim - len(self.kernel)
        return jax.lax.reduce_window(
            input,
            np.asarray(start, input.dtype),
            function,
            (1,) * outer + self.kernel,
            (1,) * outer + self.stride,
            [(0, 0)] * outer + self.widths,
        )

    def is_dilated(self) -> bool:
        return any(d != 1 for d in self.dilation)


def _output_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    room = n + 2 * p - d * (k - 1) - 1
    size = (-(-room // s) if ceil_mode else room // s) + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    return size


def windows_of(
    name: str,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> Windows:
    """The windows of a pooling function, the name of which ends in "2d" or so, after PyTorch's
    checks."""
    spatial = int(name[-2])
    _check_input(name, input, spatial)
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
            f"Output size is too small. Invalid computed output size: {min(outputs)}"
        )
    return Windows(kernel, steps, pads, dilations, inputs, outputs)


def _check_input(name: str, input: Array, spatial: int) -> None:
    fits = input.ndim in (spatial + 1, spatial + 2)
    if spatial == 1 and not fits:
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{listed(input.shape)}. Expected 2 to 3 dimensions, but got "
            f"{input.ndim}-dimensional tensor for argument #1 'self'"
        )
    if not fits:
        raise RuntimeError(
            f"non-empty {spatial + 1}D or {spatial + 2}D (batch mode) tensor expected for input"
        )
    if 0 not in input.shape[-spatial - 1 :]:
        return
    if spatial == 3:
        raise RuntimeError(
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input "
            f"has a shape of {listed(input.shape)} and non-batch dimension 0 has length zero!"
        )
    dims = "2D or 3D" if name == "max_pool1d" else "3D or 4D"
    raise RuntimeError(
        f"{name}: Expected {dims} (batch mode) tensor with optional 0 dim batch size for input, "
        f"but got:{listed(input.shape)}"
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


# ------------------------------------------------------------------------------------- average


def _sum_pool(input: Array, windows: Windows) -> Array:
    if not windows.is_small():
        return windows.reduce(input, 0, jax.lax.add)
    for k in reversed(range(len(windows.kernel))):
        input = functools.reduce(jnp.add, windows.along(k, input, 0))
    return input


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


@op_by_dims(2, 3, public=F, saves=("input",))
def avg_pool(
    spatial: int,
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window: (N, C, {dims}) -> (N, C, {sizes}).

    See torch.nn.functional.{name}."""
    name = f"avg_pool{spatial}d"
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    windows = windows_of(name, input, kernel_size, stride, padding, 1, ceil_mode)
    require_average("avg_pool3d_out_frame" if spatial == 3 else "avg_pool2d", input)
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


@op(public=F_AND_TORCH, saves=("input",))
def avg_pool1d(
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window: (N, C, L) -> (N, C, L'). See torch.nn.functional.avg_pool1d."""
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)
