"""`torch.cuda.amp`: the deprecated spellings of `torch.amp` for CUDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import amp
from .._core.dtype import dtype as DType
from .._core.dtype import float16
from ..amp import _deprecated


class autocast(amp.autocast):
    """Deprecated: torch.autocast("cuda")."""

    def __init__(
        self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True
    ) -> None:
        _deprecated.warn("cuda", "autocast", "'cuda', args...")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """Deprecated: torch.amp.GradScaler("cuda")."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _deprecated.warn("cuda", "GradScaler", "'cuda', args...")
        super().__init__("cuda", *args, **kwargs)


def custom_fwd(fwd: Callable | None = None, *, cast_inputs: DType | None = None) -> Callable:
    """Deprecated: torch.amp.custom_fwd(device_type="cuda")."""
    _deprecated.warn("cuda", "custom_fwd", "args..., device_type='cuda'")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable) -> Any:
    """Deprecated: torch.amp.custom_bwd(device_type="cuda")."""
    _deprecated.warn("cuda", "custom_bwd", "args..., device_type='cuda'")
    return amp.custom_bwd(bwd, device_type="cuda")


__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]
