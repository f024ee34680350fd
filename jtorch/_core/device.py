"""Devices under PyTorch's names: `cpu`, `cuda`, `tpu` are names of JAX's backends.

The default device is JAX's default device, found when the first Tensor is made: importing the
library starts no backend. `TRACING` stands for "inside a JAX transformation".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

# The public functions that tell of backends start them.
from jax._src import xla_bridge
from jax.core import Tracer

from .errors import DeviceError

_BACKENDS = {"cpu": "cpu", "cuda": "cuda", "tpu": "tpu", "xla": None, "tracing": None}
_KNOWN = "cpu, cuda, tpu, xla"


class device:
    """A device, `torch.device("cuda", 0)`. Equal objects are identical where the index is given."""

    __slots__ = ("index", "type")
    _made: dict[tuple[str, int | None], device] = {}

    def __new__(cls, type: str | int | device = "cpu", index: int | None = None) -> device:
        if isinstance(type, device):
            return type
        if isinstance(type, int):
            type, index = accelerator_type(), type
        if not isinstance(type, str):
            name = type.__class__.__name__
            raise TypeError(f"device(): argument 'type' must be str, not {name}")
        if ":" in type:
            type, text = type.split(":", 1)
            if index is not None or not text.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{text}'")
            index = int(text)
        if type not in _BACKENDS:
            raise RuntimeError(
                f"Expected one of {_KNOWN} device type at start of device string: {type}"
            )
        key = (type, index)
        made = cls._made.get(key)
        if made is None:
            made = cls._made[key] = object.__new__(cls)
            made.type, made.index = key
        return made

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)


CPU = device("cpu")
TRACING = device("tracing")
_default: device | None = None
# Called once, before the library starts a backend: the last moment at which nothing runs besides.
before_start: list[Callable[[], None]] = []


def _tell() -> None:
    while before_start:
        before_start.pop()()


def accelerator_type() -> str:
    """The type of JAX's default backend: "cuda", "tpu" or "cpu"."""
    if before_start:
        _tell()
    return {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())


def default_device() -> device:
    """Where Tensors are made when nothing is said."""
    global _default
    if _default is None:
        _default = canonical(accelerator_type())
    return _default


def set_default_device(where: str | device | None) -> None:
    """Set where Tensors are made when nothing is said. See `torch.set_default_device`."""
    global _default
    _default = None if where is None else canonical(where)


def canonical(where: str | int | device | None) -> device:
    """The device meant by an argument, with its index where the type has several devices.

    DeviceError if this machine has no such device.
    """
    if where is None:
        return default_device()
    found = device(where)
    if found is CPU or found is TRACING:
        return found
    if found.type == "cpu":
        return CPU
    if found.type == "xla":
        return default_device()
    count = device_count(found.type)
    if not count:
        raise DeviceError(
            f"jtorch finds no {found.type} device: Torch not compiled with {found.type.upper()} "
            "enabled, or rather: JAX has no such backend here (see the README on GPU and TPU)"
        )
    if found.index is None:
        return device(found.type, 0)
    if found.index >= count:
        raise DeviceError(f"CUDA error: invalid device ordinal: {found}, of {count}")
    return found


def backend_started() -> bool:
    """Whether JAX has started a backend, or joined others, and with it threads: such a process must
    not fork."""
    return xla_bridge.backends_are_initialized() or jax.distributed.is_initialized()


def use_cpu_only() -> None:
    """Keep this process off the accelerators, if it hasn't started a backend yet."""
    jax.config.update("jax_platforms", "cpu")


def device_count(type: str) -> int:
    """How many devices of a type JAX sees; 0 where it has no such backend."""
    if before_start:
        _tell()
    try:
        return len(jax.local_devices(backend=_BACKENDS[type]))
    except RuntimeError:
        return 0


def jax_device(where: device) -> Any:
    """The JAX device of a canonical device."""
    if before_start:
        _tell()
    return jax.local_devices(backend=_BACKENDS[where.type])[where.index or 0]


def device_of(array: jax.Array) -> device:
    """The device that holds a JAX array (the first one, if it is sharded)."""
    if isinstance(array, Tracer):
        return TRACING
    held_by = next(iter(array.devices()))
    if held_by.platform == "cpu":
        return CPU
    type = "cuda" if held_by.platform == "gpu" else held_by.platform
    return device(type, jax.local_devices(backend=held_by.platform).index(held_by))


def wait() -> None:
    """Wait until JAX has computed every array of the process."""
    for array in jax.live_arrays():
        if not array.is_deleted():
            array.block_until_ready()
