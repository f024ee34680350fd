"""Power-average pooling: the p-norm of each window. The windows are those of pool.py."""

from __future__ import annotations

import math

import jax.numpy as jnp

from .._core.op import Array
from ._checks import require_floating, sizes
from ._spatial import op_by_dims
from .pool import avg_pool

F = ("nn.functional",)


@op_by_dims(1, 2, 3, public=F)
def lp_pool(
    spatial: int,
    input: Array,
    norm_type: float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    ceil_mode: bool = False,
) -> Array:
    """(sum of input^p)^(1/p) over each window: (N, C, {dims}) -> (N, C, {sizes}).

    See torch.nn.functional.{name}."""
    require_floating("lp_pool", input)
    mean = avg_pool(spatial, input**norm_type, kernel_size, stride, 0, ceil_mode)
    count = math.prod(sizes(kernel_size, spatial, "kernel_size"))
    # As PyTorch writes it: sign(mean) * relu(|mean|), of which odd powers make NaN.
    size = jnp.where(mean == 0, jnp.ones_like(mean), mean) * count
    return jnp.where(mean == 0, jnp.zeros_like(mean), size ** (1.0 / norm_type))
