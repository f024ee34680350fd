"""Resampling images: interpolate, grid_sample, affine_grid.

The coordinates of interpolate are static and computed here in NumPy, in the precision in which
PyTorch computes them; each dim is resampled by itself. Rearranging is in image.py.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.op import Array, op
from ._checks import dtype_of, is_floating, require_floating
from .adaptive_pool import adaptive_avg_pool

F = ("nn.functional",)
_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_NEAREST = ("nearest", "nearest-exact")
_NEEDS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5, "lanczos": 4}
_WARNING = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


@op(public=F)
def interpolate(
    input: Array,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """(N, C, ...) resampled to `size`, or to its own size times scale_factor.

    See torch.nn.functional.interpolate."""
    if mode in (*_NEAREST, "area"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    spatial = input.ndim - 2
    sizes, factors = _target(input, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    _check_mode(input, mode)
    if mode == "area":
        return adaptive_avg_pool(spatial, input, sizes)
    if min(sizes) <= 0 or min(input.shape[2:]) <= 0:
        names = ("D", "H", "W")[3 - spatial :]
        given = [
            " ".join(f"{n}: {v}," for n, v in zip(names, values, strict=True)).rstrip(",")
            for values in (input.shape[2:], sizes)
        ]
        given = [g.replace(", ", ", ") for g in given]
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"({given[0]}) output ({given[1]})"
        )
    if input.dtype != np.uint8 or mode not in (*_NEAREST, "bilinear", "bicubic"):
        require_floating(f"upsample_{mode}{spatial}d", input)
    order = range(spatial)
    for k in order if input.dtype != np.uint8 else reversed(order):
        input = resample(input, 2 + k, sizes[k], factors[k], mode, bool(align_corners), antialias)
    return input


def _target(
    input: Array,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    recompute: bool | None,
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The output sizes, and the scale factors that coordinates are computed with, if any."""
    inputs = input.shape[2:]
    spatial = len(inputs)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        sizes = (size,) * spatial if isinstance(size, int) else tuple(size)
        if len(sizes) != spatial:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(inputs)} and output size of {size}. Please "
                "provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                "(o1, o2, ...,oK) format."
            )
        return sizes, (None,) * spatial
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = scale_factor
    if isinstance(factors, (int, float)):
        factors = (factors,) * spatial
    if len(factors) != spatial:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(inputs)} and scale_factor of shape {scale_factor}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in "
            "(s1, s2, ...,sK) format."
        )
    sizes = tuple(math.floor(n * f) for n, f in zip(inputs, factors, strict=True))
    return sizes, (None,) * spatial if recompute else tuple(float(f) for f in factors)


def _check_mode(input: Array, mode: str) -> None:
    if input.ndim not in (3, 4, 5) or mode not in _MODES.split(" | ") or mode == "lanczos":
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.ndim}D) for the modes: {_MODES} (got {mode})"
        )
    if mode in _NEEDS and input.ndim != _NEEDS[mode]:
        raise NotImplementedError(
            f"Got {input.ndim}D input, but {mode} mode needs {_NEEDS[mode]}D input"
        )


def _step(n: int, m: int, factor: float | None, align_corners: bool, real: type) -> np.floating:
    """The distance between neighbouring outputs, in elements of the input."""
    if align_corners:
        return real(n - 1) / real(m - 1) if m > 1 else real(0)
    if factor is not None and factor > 0:
        return real(1.0 / factor)
    return real(n) / real(m)


def resample(
    input: Array,
    dim: int,
    m: int,
    factor: float | None,
    mode: str,
    align_corners: bool,
    antialias: bool,
) -> Array:
    """One dim, by a weighted sum of neighbours. That of bytes is rounded to bytes again."""
    n = input.shape[dim]
    exact = input.dtype == np.float64 or (input.dtype == np.uint8 and mode not in _NEAREST)
    real = np.float64 if exact else np.float32
    step = _step(n, m, factor, align_corners, real)
    if mode in _NEAREST:
        return _nearest(input, dim, m, step, 0.5 if mode == "nearest-exact" else 0.0)
    if not antialias and n == m and (align_corners or step == 1):
        return input
    if antialias:
        matrix = _antialiased(n, m, step, align_corners, mode)
        if input.dtype == np.uint8:
            return _to_bytes(_by_matrix, input, dim, matrix)
        return _by_matrix(input, dim, matrix)
    places, weights = _taps(n, m, step, align_corners, mode)
    if input.dtype == np.uint8:
        weights = _folded(places, weights)
        return _to_bytes(partial(_by_taps, places=places), input, dim, weights)
    return _by_taps(input, dim, weights, places)


def _taps(
    n: int, m: int, step: np.floating, align_corners: bool, mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """The neighbours of each output, and their weights: (m, taps)."""
    real = step.dtype.type
    at = np.arange(m).astype(real)
    places = at * step if align_corners else (at + real(0.5)) * step - real(0.5)
    if mode != "bicubic":
        places = np.maximum(places, 0)
    low = np.floor(places)
    part = places - low
    offsets = (-1, 0, 1, 2) if mode == "bicubic" else (0, 1)
    weights = _cubic(part) if mode == "bicubic" else [1 - part, part]
    index = np.clip(low[:, None] + np.array(offsets), 0, n - 1).astype(np.int32)
    return index, np.stack(weights, 1)


def _folded(places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weights with those of one and the same neighbour, at a border, added up."""
    weights = weights.copy()
    for k in range(1, weights.shape[1]):
        same = places[:, k] == places[:, k - 1]
        weights[same, k] += weights[same, k - 1]
        weights[same, k - 1] = 0
    return weights


def _by_taps(input: Array, dim: int, weights: np.ndarray, places: np.ndarray) -> Array:
    shape = (len(places),) + (1,) * (input.ndim - dim - 1)
    total: Any = None
    for place, weight in zip(places.T, weights.T, strict=True):
        term = jnp.take(input, place, axis=dim, mode="clip")
        term = term * jnp.asarray(weight.reshape(shape), input.dtype)
        total = term if total is None else total + term
    return total


def _to_bytes(weighted: Callable, input: Array, dim: int, weights: np.ndarray) -> Array:
    """A weighted sum of bytes with PyTorch's fixed point: weights of 16 bits, as many of them
    behind the point as the largest weight leaves. (Weights and sums are integers below 2**24, for
    which float32 is exact.)"""
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    scaled = np.trunc(weights * 2**bits + np.copysign(0.5, weights))
    total = weighted(input.astype(np.float32), dim, scaled)
    return jnp.clip(jnp.floor(total / 2**bits + 0.5), 0, 255).astype(np.uint8)


def _nearest(input: Array, dim: int, m: int, step: np.floating, shift: float) -> Array:
    n = input.shape[dim]
    at = np.arange(m).astype(step.dtype) + step.dtype.type(shift)
    index = np.minimum(np.floor(at * step), n - 1).astype(np.int32)
    if m % n == 0 and (index == np.arange(m) // (m // n)).all():
        # Repetition, whose gradient is a sum instead of a scatter.
        wide = jnp.expand_dims(input, dim + 1)
        shape = (*input.shape[: dim + 1], m // n, *input.shape[dim + 1 :])
        joined = (*input.shape[:dim], m, *input.shape[dim + 1 :])
        return jnp.broadcast_to(wide, shape).reshape(joined)
    return jnp.take(input, index, axis=dim, mode="clip")


def _cubic(part: np.ndarray | Array, a: float = -0.75) -> list:
    """The weights of four neighbours, of Keys' convolution with PyTorch's constant."""

    def inner(x: np.ndarray | Array) -> np.ndarray | Array:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def outer(x: np.ndarray | Array) -> np.ndarray | Array:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [outer(part + 1), inner(part), inner(1 - part), outer(2 - part)]


def _antialiased(n: int, m: int, step: np.floating, align_corners: bool, mode: str) -> np.ndarray:
    """(m, n) weights: the filter stretched to the step, as PIL does it, with a = -0.5."""
    reach = 1.0 if mode == "bilinear" else 2.0
    stretch = max(float(step), 1.0)
    centre = float(step) * (np.arange(m) + 0.5)
    low = np.maximum((centre - reach * stretch + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + reach * stretch + 0.5).astype(np.int64), n)
    at = np.arange(n)
    distance = np.abs((at - centre[:, None] + 0.5) / stretch)
    if mode == "bilinear":
        weights = np.maximum(1 - distance, 0)
    else:
        near, far = _cubic(distance, -0.5)[1], _cubic(distance - 1, -0.5)[0]
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    weights = np.where((at >= low[:, None]) & (at < high[:, None]), weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _by_matrix(input: Array, dim: int, matrix: np.ndarray) -> Array:
    weights = jnp.asarray(matrix, input.dtype)
    product = jnp.tensordot(input, weights, ((dim,), (1,)), precision="highest")
    return jnp.moveaxis(product, -1, dim)


# ------------------------------------------------------------------------------------- grid_sample


@op(public=F, saves=("input", "grid"), lacks="bool integer complex")
def grid_sample(
    input: Array,
    grid: Array,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Array:
    """input at the places of grid, (x, y) in -1..1: (N, C, H, W), (N, H', W', 2) ->
    (N, C, H', W'), and the same with one dim more. See torch.nn.functional.grid_sample."""
    _check_grid(input, grid, mode, padding_mode)
    if align_corners is None:
        warnings.warn(_WARNING, stacklevel=2)
        align_corners = False
    sizes = input.shape[2:]
    # Places in elements, the first dim first: grid has the last one first.
    places = [
        _unnormalise(grid[..., len(sizes) - 1 - k], n, align_corners) for k, n in enumerate(sizes)
    ]
    if mode == "bicubic":
        return _sample_cubic(input, places, padding_mode, align_corners)
    places = [
        _keep_inside(p, n, padding_mode, align_corners) for p, n in zip(places, sizes, strict=True)
    ]
    if mode == "nearest":
        return _look_up(input, [jnp.round(p) for p in places])
    lows = [jnp.floor(jax.lax.stop_gradient(p)) for p in places]
    weights = [(low + 1 - p, p - low) for p, low in zip(places, lows, strict=True)]
    return _sum_of_neighbours(input, lows, weights, lambda at, n: at)


def _sum_of_neighbours(
    input: Array, lows: Sequence[Array], weights: Sequence[Sequence[Array]], keep: Callable
) -> Array:
    """The weighted sum of the elements at low, low + 1, ... in each dim, all looked up at once."""
    total = jnp.ones((), input.dtype)
    places = []
    offsets = np.indices([len(w) for w in weights]).reshape(len(weights), -1)
    for low, weight, offset, n in zip(lows, weights, offsets, input.shape[2:], strict=True):
        far = offset.reshape(-1, *(1,) * (low.ndim - 1)).astype(low.dtype)
        places.append(keep(low[:, None] + far, n))
        total = total * jnp.stack(weight, axis=1)[:, offset]
    return jnp.sum(_look_up(input, places) * total[:, None], axis=2)


def _check_grid(input: Array, grid: Array, mode: str, padding_mode: str) -> None:
    name = "nn.functional.grid_sample()"
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"{name}: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"{name}: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    both = f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, "
            + both
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, {both}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but "
            f"got grid with sizes {list(grid.shape)}"
        )
    if mode == "bicubic" and input.ndim == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise RuntimeError("grid_sampler(): expected input and grid to have same dtype")


def _unnormalise(place: Array, n: int, align_corners: bool) -> Array:
    if align_corners:
        return (place + 1) / 2 * (n - 1)
    return ((place + 1) * n - 1) / 2


def _keep_inside(place: Array, n: int, padding_mode: str, align_corners: bool) -> Array:
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        low, high = (0, 2 * (n - 1)) if align_corners else (-1, 2 * n - 1)
        place = _reflect(place, low / 2, (high - low) / 2)
    # The gradient is zero at the border and beyond, as in PyTorch.
    inside = jnp.where(place <= 0, jnp.zeros_like(place), place)
    return jnp.where(inside >= n - 1, jnp.full_like(place, n - 1), inside)


def _reflect(place: Array, low: float, span: float) -> Array:
    if span == 0:
        return jnp.zeros_like(place)
    away = jnp.abs(place - low)
    flips = jnp.floor(jax.lax.stop_gradient(away) / span)
    extra = away - flips * span
    return jnp.where(flips % 2 == 0, extra + low, span - extra + low)


def _look_up(input: Array, places: Sequence[Array]) -> Array:
    """input[n, :, places] for each sample: zeros where a place is outside."""
    batch, channels, *sizes = input.shape
    flat: Any = 0
    valid: Any = True
    for place, n in zip(places, sizes, strict=True):
        valid = valid & (place >= 0) & (place <= n - 1)
        flat = flat * n + jnp.clip(jnp.nan_to_num(place), 0, n - 1).astype(jnp.int32)
    index = flat.reshape(batch, 1, -1)
    found = jnp.take_along_axis(input.reshape(batch, channels, -1), index, axis=2, mode="clip")
    found = found.reshape(batch, channels, *places[0].shape[1:])
    return jnp.where(valid[:, None], found, jnp.zeros_like(found))


def _sample_cubic(
    input: Array, places: Sequence[Array], padding_mode: str, align_corners: bool
) -> Array:
    lows = [jnp.floor(jax.lax.stop_gradient(p)) for p in places]
    weights = [_cubic(p - low) for p, low in zip(places, lows, strict=True)]

    def keep(at: Array, n: int) -> Array:
        return _keep_inside(at, n, padding_mode, align_corners)

    return _sum_of_neighbours(input, [low - 1 for low in lows], weights, keep)


@op(public=F)
def affine_grid(theta: Array, size: tuple[int, ...], align_corners: bool | None = None) -> Array:
    """Places for grid_sample under affine maps: (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2), and
    the same with one dim more. See torch.nn.functional.affine_grid."""
    if not is_floating(theta):
        raise ValueError(
            f"Expected theta to have floating point type, but got torch.{dtype_of(theta).name}"
        )
    spatial = len(size) - 2
    if spatial not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if theta.ndim != 3 or theta.shape[1:] != (spatial, spatial + 1):
        shape = "Nx2x3" if spatial == 2 else "Nx3x4"
        raise ValueError(
            f"Expected a batch of {spatial}D affine matrices of shape {shape} for size "
            f"{tuple(size)}. Got {tuple(theta.shape)}."
        )
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{size[0]}, {spatial + 1}] but got: [{theta.shape[0]}, {spatial + 1}]."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    if align_corners is None:
        warnings.warn(_WARNING, stacklevel=2)
        align_corners = False
    lines = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        lines.append(line if align_corners else line * (n - 1) / n)
    mesh = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*mesh, np.ones_like(mesh[0])], axis=-1).reshape(-1, spatial + 1)
    grid = jnp.matmul(jnp.asarray(base, theta.dtype), jnp.swapaxes(theta, 1, 2))
    return grid.reshape(size[0], *size[2:], spatial)
