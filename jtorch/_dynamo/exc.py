"""The errors of compiled functions. See torch._dynamo.exc."""

from __future__ import annotations

from .._compile.options import InvalidBackend
from .._core.capture import Unsupported

__all__ = ["InvalidBackend", "Unsupported"]
