"""`torch.cuda` as far as it makes sense over JAX: the truth about CUDA devices, and what has
nothing to do here."""

from __future__ import annotations

from typing import Any

from .._core.device import canonical, jax_device
from .._core.device import device_count as _device_count
from ..functions.facts import synchronize as _synchronize
from . import amp


def is_available() -> bool:
    """Whether JAX sees a CUDA device."""
    return _device_count("cuda") > 0


def device_count() -> int:
    """How many CUDA devices JAX sees."""
    return _device_count("cuda")


def current_device() -> int:
    """The index of the default CUDA device."""
    return canonical("cuda").index or 0


def get_device_name(device: Any = None) -> str:
    """What the device calls itself."""
    return jax_device(canonical("cuda" if device is None else device)).device_kind


def synchronize(device: Any = None) -> None:
    """Run everything recorded and wait for it."""
    _synchronize()


def empty_cache() -> None:
    """Nothing to do: XLA manages its memory."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the device."""
    return _memory(device, "bytes_in_use")


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that were in use on the device."""
    return _memory(device, "peak_bytes_in_use")


def _memory(device: Any, name: str) -> int:
    if not is_available():
        return 0
    facts = jax_device(canonical("cuda" if device is None else device)).memory_stats() or {}
    return int(facts.get(name, 0))


def is_bf16_supported() -> bool:
    """Whether bfloat16 works: XLA supports it everywhere."""
    return is_available()


def manual_seed(seed: int) -> None:
    """Accepted: `torch.manual_seed` seeds every device."""


manual_seed_all = manual_seed

__all__ = ["amp", "current_device", "device_count", "empty_cache", "is_available", "synchronize"]
