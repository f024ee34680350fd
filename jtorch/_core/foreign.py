"""Arrays of other libraries that live on JAX's side: `jax.Array`, DLPack, memory given away.

NumPy's arrays and Python's data are read by functions/creation.py, which asks here for the rest.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .device import canonical, jax_device
from .tensor import Tensor, from_array


def is_jax(value: Any) -> bool:
    """Whether a value is a `jax.Array` or a tracer."""
    return isinstance(value, jax.Array)


def copy_of(array: jax.Array, device: Any) -> Tensor:
    """A Tensor with a copy of a `jax.Array`."""
    return from_array(jnp.array(array), device)


def from_jax(array: jax.Array) -> Tensor:
    """A Tensor for a `jax.Array` (or a tracer), without a copy."""
    return from_array(array)


def adopt(array: np.ndarray, device: Any, strides: tuple[int, ...] | None = None) -> Tensor:
    """A Tensor for a NumPy array that nobody writes to any more.

    On the CPU it is not copied, if it is contiguous and begins at a multiple of 64 bytes.
    """
    where = canonical(device)
    with jax.enable_x64(True):
        held = jax.device_put(array, jax_device(where), may_alias=True)
    return from_array(held, where, strides=strides)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A Tensor for an object with `__dlpack__`. See torch.from_dlpack."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    with jax.enable_x64(True):
        array = jnp.from_dlpack(ext_tensor)
        return from_array(jnp.array(array, copy=True))


def described(shape: tuple[int, ...], dtype: Any, sharding: Any) -> jax.ShapeDtypeStruct:
    """An array to be made by somebody else."""
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def wide() -> AbstractContextManager[Any]:
    """A context in which JAX's own functions make 64-bit arrays, as ours do."""
    return jax.enable_x64(True)
