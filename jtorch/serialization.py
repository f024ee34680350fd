"""`torch.serialization`: save and load, and what `load` may call. See io/pt.py."""

from __future__ import annotations

from ._core.errors import absent
from .io.names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .io.pt import get_unsafe_globals_in_checkpoint, load, save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
