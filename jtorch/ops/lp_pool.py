"""Power-average pooling: the p-norm of each window. The windows are those of pool.py."""

from __future__ import annotations

import math

import jax.numpy as jnp

from .._core.op import Array, op
from ._checks import require_floating, sizes
from .pool import average_pool

F = ("nn.functional",)


def _lp_pool(
    spatial: int,
    input: Array,
    norm_type: float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None,
    ceil_mode: bool,
) -> Array:
    require_floating("lp_pool", input)
    mean = average_pool(spatial, input**norm_type, kernel_size, stride, 0, ceil_mode, True, None)
    count = math.prod(sizes(kernel_size, spatial, "kernel_size"))
    # As PyTorch writes it: sign(mean) * relu(|mean|), of which odd powers make NaN.
    size = jnp.where(mean == 0, jnp.ones_like(mean), mean) * count
    return jnp.where(mean == 0, jnp.zeros_like(mean), size ** (1.0 / norm_type))


@op(public=F)
def lp_pool1d(
    input: Array,
    norm_type: float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    ceil_mode: bool = False,
) -> Array:
    """(sum of input^p)^(1/p) over each window. See torch.nn.functional.lp_pool1d."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@op(public=F)
def lp_pool2d(
    input: Array,
    norm_type: float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    ceil_mode: bool = False,
) -> Array:
    """(sum of input^p)^(1/p) over each window. See torch.nn.functional.lp_pool2d."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@op(public=F)
def lp_pool3d(
    input: Array,
    norm_type: float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    ceil_mode: bool = False,
) -> Array:
    """(sum of input^p)^(1/p) over each window. See torch.nn.functional.lp_pool3d."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
