"""`torch.utils.dlpack`: Tensors to and from other libraries. See functions/creation.py."""

from __future__ import annotations

from .._core.errors import absent
from ..functions.creation import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
