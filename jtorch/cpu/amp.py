"""`torch.cpu.amp`: the deprecated spellings of `torch.amp` for the CPU."""

from __future__ import annotations

from typing import Any

from .. import amp
from .._core.dtype import bfloat16
from .._core.dtype import dtype as DType
from ..amp import _deprecated


class autocast(amp.autocast):
    """Deprecated: torch.autocast("cpu")."""

    def __init__(
        self, enabled: bool = True, dtype: DType = bfloat16, cache_enabled: bool = True
    ) -> None:
        _deprecated.warn("cpu", "autocast", "'cpu', args...")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """Deprecated: torch.amp.GradScaler("cpu")."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _deprecated.warn("cpu", "GradScaler", "'cpu', args...")
        super().__init__("cpu", *args, **kwargs)


__all__ = ["GradScaler", "autocast"]
