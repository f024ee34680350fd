"""Arrays of other libraries that live on JAX's side: `jax.Array`, DLPack, memory given away.

NumPy's arrays and Python's data are read by functions/creation.py, which asks here for the rest.
"""

from __future__ import annotations

import contextlib
import ctypes
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .capture import FOREIGN, stop
from .device import canonical, jax_device
from .tensor import Tensor, from_array

_DLPACK_CPU = 1


def is_jax(value: Any) -> bool:
    """Whether a value is a `jax.Array` or a tracer."""
    return isinstance(value, jax.Array)


def copy_of(array: jax.Array, device: Any) -> Tensor:
    """A Tensor with a copy of a `jax.Array`."""
    stop(FOREIGN)
    return from_array(jnp.array(array), device)


def from_jax(array: jax.Array) -> Tensor:
    """A Tensor for a `jax.Array` (or a tracer), without a copy."""
    stop(FOREIGN)
    return from_array(array)


def adopt(array: np.ndarray, device: Any, strides: tuple[int, ...] | None = None) -> Tensor:
    """A Tensor for a NumPy array that nobody writes to any more.

    On the CPU it is not copied, if it is contiguous and begins at a multiple of 64 bytes.
    """
    where = canonical(device)
    with jax.enable_x64(True):
        held = jax.device_put(array, jax_device(where), may_alias=True)
    return from_array(held, where, strides=strides)


def read_dlpack(source: Any) -> np.ndarray | jax.Array:
    """The values of an object with `__dlpack__`, or of a capsule: an array that shares its memory
    if it is NumPy's, a copy if it is JAX's. RuntimeError for anything else."""
    stop(FOREIGN)
    if type(source).__name__ == "PyCapsule":
        source = _Capsule(source)
    elif not hasattr(source, "__dlpack__"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once."
        )
    if not isinstance(source, _Capsule) and source.__dlpack_device__()[0] == _DLPACK_CPU:
        # NumPy reads what is read-only, too. It has no bfloat16.
        with contextlib.suppress(BufferError, RuntimeError):
            return np.from_dlpack(source)
    with jax.enable_x64(True):
        return jnp.array(jnp.from_dlpack(source), copy=True)


class _Capsule:
    """What a DLPack capsule was made of: it says where that lies, but only in C."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        read = ctypes.pythonapi.PyCapsule_GetPointer
        read.restype, read.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        # A DLTensor begins with the address of its data, then has the device's type and number.
        address = read(self._capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)
        kind, index = (ctypes.c_int32 * 2).from_address(address)
        return kind, index


def described(shape: tuple[int, ...], dtype: Any, sharding: Any) -> jax.ShapeDtypeStruct:
    """An array to be made by somebody else."""
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def wide() -> AbstractContextManager[Any]:
    """A context in which JAX's own functions make 64-bit arrays, as ours do."""
    return jax.enable_x64(True)
