"""Pooling to the maximum of windows of a given size, and of windows at random places.

A tie goes to the first maximum in the order of memory, and NaN counts as larger than all, as in
PyTorch: both hold because the last dim is folded first. The windows are those of pool.py.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.op import Array, Number, op
from ._checks import is_floating, sizes
from ._promotion import title
from ._spatial import op_by_dims
from .pool import Sizes, Windows, windows_of

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
WITH_INDICES = "max_pool{}d_with_indices"

# Values and where they stand in the flattened last dims: -1 in the padding, None if nobody asks.
Placed = tuple[Array, Array | None]


def _lowest(input: Array) -> Number:
    return -np.inf if is_floating(input) else np.iinfo(input.dtype).min


def _larger(first: Placed, second: Placed) -> Placed:
    """The larger of two places in each window; the first of equal ones."""
    (a, a_place), (b, b_place) = first, second
    better = (b > a) | (b != b)
    if a_place is None or b_place is None:
        return jnp.where(better, b, a), None
    better = better | ((a_place < 0) & (b_place >= 0))
    return jnp.where(better, b, a), jnp.where(better, b_place, a_place)


def _places(inputs: tuple[int, ...], outer: int) -> Array:
    """The numbers of the elements of the last dims, to be broadcast over the others."""
    return jnp.arange(math.prod(inputs), dtype=jnp.int32).reshape((1,) * outer + inputs)


def _fold(input: Array, windows: Windows, with_places: bool) -> Placed:
    places = _places(windows.inputs, input.ndim - len(windows.kernel)) if with_places else None
    for k in reversed(range(len(windows.kernel))):
        values = windows.along(k, input, _lowest(input))
        at = [None] * len(values) if places is None else windows.along(k, places, -1)
        input, places = functools.reduce(_larger, zip(values, at, strict=True))
    return input, places


def _check_line(kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes) -> None:
    """The words that max_pool1d has for itself where no indices are asked for."""
    stride = kernel if stride is None or stride == () else stride
    given = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    found = {}
    for name, value in given.items():
        optional = "None, " if name == "stride" else ""
        must = f"max_pool1d() {name} must be {optional}an int, list of ints, or tuple of ints"
        values = (value,) if isinstance(value, int) else value
        (found[name],) = sizes(value, 1, f"{must} of size 1 but got size {len(values)}")
    for name in ("kernel_size", "stride", "dilation"):
        if found[name] <= 0:
            raise RuntimeError(
                f"max_pool1d() {name} must be greater than zero, but got {found[name]}"
            )
    pad, size = found["padding"], found["kernel_size"]
    if pad < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {pad}")
    if pad > size // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={pad} and kernel_size={size}"
        )


def _checked_windows(name: str, input: Array, *options: Any) -> Windows:
    windows = windows_of(name, input, *options)
    if not (is_floating(input) or np.issubdtype(input.dtype, np.integer)):
        raise NotImplementedError(f"\"{name}\" not implemented for '{title(input)}'")
    return windows


def _maxima_and_places(input: Array, windows: Windows) -> tuple[Array, Array]:
    values, places = _fold(input, windows, True)
    return values, jnp.asarray(places, jnp.int64)


def _maxima(input: Array, windows: Windows) -> Array:
    if windows.is_small() or windows.is_dilated():
        return _fold(input, windows, False)[0]
    return windows.reduce(input, _lowest(input), jax.lax.max)


def _max_pool(
    spatial: int,
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The maximum of each window: (N, C, {dims}) -> (N, C, {sizes}).

    See torch.nn.functional.{name}."""
    if spatial == 1 and not return_indices and input.ndim in (2, 3):
        _check_line(kernel_size, stride, padding, dilation)
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    windows = _checked_windows(f"max_pool{spatial}d", input, *options)
    return (_maxima_and_places if return_indices else _maxima)(input, windows)


def _max_pool_with_indices(
    spatial: int,
    input: Array,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Array, Array]:
    """Maxima and where in the flattened last dims they stand. See torch.nn.functional.{name}."""
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _maxima_and_places(input, _checked_windows(f"max_pool{spatial}d", input, *options))


op_by_dims(1, name="max_pool{}d", public=F_AND_TORCH, lacks="integer")(_max_pool)
op_by_dims(2, 3, name="max_pool{}d", public=F_AND_TORCH)(_max_pool)
op_by_dims(1, name=WITH_INDICES, public=F_AND_TORCH)(_max_pool_with_indices)
op_by_dims(2, 3, name=WITH_INDICES, public=F)(_max_pool_with_indices)


# ---------------------------------------------------------------------------- at random places


def _starts(sample: Array, n: int, m: int, k: int) -> Array:
    """Where m windows of k elements begin in n, for each random number: (...) -> (..., m).

    Graham, "Fractional max-pooling" (arXiv 1412.6071), as PyTorch rounds it: differences of
    floor(alpha (i + u)), the last window at the end."""
    i = jnp.arange(m)
    alpha = np.asarray((n - k) / max(m - 1, 1), sample.dtype)
    u = sample[..., None]
    found = jnp.trunc((i.astype(u.dtype) + u) * alpha) - jnp.trunc(u * alpha)
    return jnp.where(i == m - 1, n - k, found.astype(jnp.int32))


@op(name="_fractional_max_pool", public=())
def fractional_max_pool(
    input: Array, samples: Array, kernel: tuple[int, ...], outputs: tuple[int, ...]
) -> tuple[Array, Array]:
    """The maxima of windows at places drawn by `samples` (N, C, dims), and where they stand."""
    spatial = len(kernel)
    inputs = input.shape[input.ndim - spatial :]
    outer = input.shape[: input.ndim - spatial]
    at: Any = 0
    for k, (n, m, size) in enumerate(zip(inputs, outputs, kernel, strict=True)):
        # PyTorch's numbers for two dims are (W, H), for three (D, H, W).
        sample = samples[..., spatial - 1 - k if spatial == 2 else k].reshape(-1)
        places = _starts(sample, n, m, size)[..., None] + jnp.arange(size)
        shape = [len(sample)] + [1] * (2 * spatial)
        shape[1 + k], shape[1 + spatial + k] = m, size
        at = at * n + places.reshape(shape)
    at = at.reshape(*outer, math.prod(outputs), math.prod(kernel))
    flat = input.reshape(*outer, math.prod(inputs))
    wanted = at.reshape(*outer, math.prod(at.shape[-2:]))
    taken = jnp.take_along_axis(flat, wanted, -1).reshape(at.shape)
    best = _last_nan_or_first_max(taken)[..., None]
    shape = (*outer, *outputs)
    values = jnp.take_along_axis(taken, best, -1).reshape(shape)
    return values, jnp.take_along_axis(at, best, -1).reshape(shape).astype(jnp.int64)


def _last_nan_or_first_max(values: Array) -> Array:
    """Which of the last dim PyTorch takes."""
    first = jnp.argmax(values, axis=-1)
    nan = jnp.isnan(values)
    last = values.shape[-1] - 1 - jnp.argmax(jnp.flip(nan, -1), axis=-1)
    return jnp.where(jnp.any(nan, axis=-1), last, first)
