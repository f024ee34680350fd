"""Pooling to an output size.

Window i of m over n elements reaches from floor(i n / m) to ceil((i + 1) n / m). Pooling over
windows of a given size is in pool.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from .._core.op import Array
from ._checks import listed, require_floating
from ._reduction import require_mean_dtype
from ._spatial import op_by_dims

F = ("nn.functional",)
F_AND_TORCH = ("torch", "nn.functional")
OutputSize = int | tuple[int | None, ...] | None


def _output_sizes(
    name: str, input: Array, spatial: int, output_size: OutputSize
) -> tuple[int, ...]:
    """One output size per spatial dim; None keeps the input's."""
    inputs = input.shape[input.ndim - spatial :]
    given = output_size
    if given is None or isinstance(given, int):
        given = (given,) * spatial
    if len(given) == 1:
        given = tuple(given) * spatial
    if len(given) != spatial:
        raise RuntimeError(f"{name}: output_size must be {spatial}")
    found = tuple(n if m is None else int(m) for m, n in zip(given, inputs, strict=True))
    if min(found) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0")
    return found


def _check_input(name: str, input: Array, spatial: int) -> None:
    if input.ndim not in (spatial + 1, spatial + 2):
        if spatial == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for "
                f"argument #1 'self' (while checking arguments for {name})"
            )
        raise RuntimeError(
            f"{name}(): Expected {spatial + 1}D or {spatial + 2}D tensor, but got: "
            f"{listed(input.shape)}"
        )
    for dim in range(input.ndim - spatial, input.ndim):
        if input.shape[dim] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {listed(input.shape)} with dimension {dim} being empty"
            )


def _places(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """(m, longest window): the elements of each window, and which of them count."""
    i = np.arange(m)
    start, end = i * n // m, -(-(i + 1) * n // m)
    longest = int((end - start).max(initial=1))
    at = start[:, None] + np.arange(longest)
    return np.minimum(at, n - 1), at < end[:, None]


def _mean_along(input: Array, dim: int, m: int) -> Array:
    """Adaptive averaging of one dim."""
    n = input.shape[dim]
    if m == n:
        return input
    if m and n % m == 0:
        split = (*input.shape[:dim], m, n // m, *input.shape[dim + 1 :])
        return jnp.mean(input.reshape(split), axis=dim + 1)
    at, counts = _places(n, m)
    taken = jnp.take(input, at, axis=dim)
    shape = (1,) * dim + counts.shape + (1,) * (input.ndim - dim - 1)
    taken = jnp.where(counts.reshape(shape), taken, jnp.zeros_like(taken))
    divisor = counts.sum(1).astype(input.dtype).reshape((m,) + (1,) * (input.ndim - dim - 1))
    return jnp.sum(taken, axis=dim + 1) / divisor


@op_by_dims(1, public=F_AND_TORCH)
@op_by_dims(2, 3, public=F)
def adaptive_avg_pool(
    spatial: int, input: Array, output_size: int | tuple[int | None, ...] | None
) -> Array:
    """The mean of each window: (N, C, {dims}) -> (N, C, *output_size).

    See torch.nn.functional.{name}."""
    name = f"adaptive_avg_pool{spatial}d"
    _check_input(name, input, spatial)
    outputs = _output_sizes(name, input, spatial, output_size)
    first = input.ndim - spatial
    if all(m == 1 for m in outputs):
        require_mean_dtype(input, "mean")
        return jnp.mean(input, axis=tuple(range(first, input.ndim)), keepdims=True)
    require_floating(name, input)
    for k, m in enumerate(outputs):
        input = _mean_along(input, first + k, m)
    return input


@op_by_dims(1, 2, 3, name="adaptive_max_pool{}d_with_indices", public=F)
def adaptive_max_pool_with_indices(
    spatial: int,
    input: Array,
    output_size: int | tuple[int | None, ...] | None,
    return_indices: bool = False,
) -> tuple[Array, Array]:
    """Maxima and where in the flattened last dims they stand. See torch.nn.functional.{name}."""
    name = f"adaptive_max_pool{spatial}d"
    _check_input(name, input, spatial)
    require_floating(name, input)
    outputs = _output_sizes(name, input, spatial, output_size)
    at, counted = _joint_places(input.shape[input.ndim - spatial :], outputs)
    outer = input.shape[: input.ndim - spatial]
    taken = jnp.take(input.reshape(*outer, -1), at, axis=-1)
    taken = jnp.where(counted, taken, jnp.asarray(-np.inf, input.dtype))
    first = jnp.argmax(taken, axis=-1, keepdims=True)
    values = jnp.take_along_axis(taken, first, axis=-1)[..., 0]
    places = jnp.broadcast_to(jnp.asarray(at, jnp.int64), taken.shape)
    return values, jnp.take_along_axis(places, first, axis=-1)[..., 0]


@op_by_dims(1, 2, 3, public=F)
def adaptive_max_pool(
    spatial: int,
    input: Array,
    output_size: int | tuple[int | None, ...] | None,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The maximum of each window: (N, C, {dims}) -> (N, C, *output_size).

    See torch.nn.functional.{name}."""
    values, places = adaptive_max_pool_with_indices(spatial, input, output_size)
    return (values, places) if return_indices else values


def _joint_places(inputs: Sequence[int], outputs: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """(*outputs, elements of a window): places in the flattened input, and which of them count."""
    spatial = len(inputs)
    at = np.zeros((1,) * (2 * spatial), np.int64)
    counted = np.ones((1,) * (2 * spatial), bool)
    for k, (n, m) in enumerate(zip(inputs, outputs, strict=True)):
        along, counts = _places(n, m)
        shape = [1] * (2 * spatial)
        shape[k], shape[spatial + k] = along.shape
        at = at * n + along.reshape(shape)
        counted = counted & counts.reshape(shape)
    flat = (*outputs, math.prod(at.shape[spatial:]))
    return at.reshape(flat), counted.reshape(flat)
