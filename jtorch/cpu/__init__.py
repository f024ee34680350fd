"""`torch.cpu`: what PyTorch has there of which there is something to say here."""

from __future__ import annotations

from typing import Any

from ..functions.facts import synchronize as _synchronize
from . import amp


def is_available() -> bool:
    """There is always a CPU."""
    return True


def device_count() -> int:
    """The CPU counts as one device."""
    return 1


def current_device() -> str:
    """The name of the only device. See torch.cpu.current_device."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Run everything recorded and wait for it."""
    _synchronize()


__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]
