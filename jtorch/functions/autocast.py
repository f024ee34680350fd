"""The state of autocast in this thread, by type of device. The context manager is in jtorch/amp."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._core.autocast import DEFAULTS, apply_settings, settings
from .._core.device import device
from .._core.dtype import dtype as DType


def _known(function: str, device_type: Any) -> str:
    """The type of a device that can autocast; TypeError for no string, RuntimeError for others."""
    if not isinstance(device_type, str):
        raise TypeError(
            f"{function}(): argument 'device_type' (position 1) must be str, "
            f"not {type(device_type).__name__}"
        )
    found = device(device_type).type
    if found not in DEFAULTS:
        raise RuntimeError(f"unknown device type for autocast: {found}")
    return found


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a type of device. See torch.is_autocast_enabled."""
    return _known("is_autocast_enabled", device_type) in settings.enabled


def set_autocast_enabled(*arguments: Any) -> None:
    """set_autocast_enabled(device_type, enabled): switch autocast for a type of device, "cuda" if
    none is given. See torch.set_autocast_enabled."""
    device_type, enabled = arguments if len(arguments) == 2 else ("cuda", *arguments)
    found = _known("set_autocast_enabled", device_type)
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position {len(arguments)}) must be bool, "
            f"not {type(enabled).__name__}"
        )
    (settings.enabled.add if enabled else settings.enabled.discard)(found)
    apply_settings()


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype of lower precision for a type of device: bfloat16, on CUDA float16, unless it was
    set. See torch.get_autocast_dtype."""
    return settings.dtypes[_known("get_autocast_dtype", device_type)]


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Set the dtype of lower precision. See torch.set_autocast_dtype."""
    found = _known("set_autocast_dtype", device_type)
    if not isinstance(dtype, DType):
        raise TypeError(
            "set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, "
            f"not {type(dtype).__name__}"
        )
    settings.dtypes[found] = dtype
    apply_settings()


def is_autocast_cache_enabled() -> bool:
    """What was set. See torch.is_autocast_cache_enabled."""
    return settings.cache


def set_autocast_cache_enabled(enabled: bool, /) -> None:
    """Accepted: within a program XLA casts a weight once. See torch.set_autocast_cache_enabled."""
    settings.cache = enabled


def clear_autocast_cache() -> None:
    """Nothing to do: casts are part of the program. See torch.clear_autocast_cache."""


def _deprecated(name: str, function: Callable, device_type: str, argument: str = "") -> Callable:
    """An old name of a function, for one type of device, that warns."""
    instead = f"{function.__name__}({', '.join(filter(None, (repr(device_type), argument)))})"

    def deprecated(*args: Any) -> Any:
        warnings.warn(
            f"torch.{name}({argument}) is deprecated. Please use torch.{instead} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return function(device_type, *args)

    deprecated.__name__ = deprecated.__qualname__ = name
    deprecated.__doc__ = f"Deprecated: {instead}."
    return deprecated


is_autocast_cpu_enabled = _deprecated("is_autocast_cpu_enabled", is_autocast_enabled, "cpu")
set_autocast_cpu_enabled = _deprecated(
    "set_autocast_cpu_enabled", set_autocast_enabled, "cpu", "enabled"
)
get_autocast_cpu_dtype = _deprecated("get_autocast_cpu_dtype", get_autocast_dtype, "cpu")
set_autocast_cpu_dtype = _deprecated("set_autocast_cpu_dtype", set_autocast_dtype, "cpu", "dtype")
get_autocast_gpu_dtype = _deprecated("get_autocast_gpu_dtype", get_autocast_dtype, "cuda")
set_autocast_gpu_dtype = _deprecated("set_autocast_gpu_dtype", set_autocast_dtype, "cuda", "dtype")

FUNCTIONS = [is_autocast_enabled, set_autocast_enabled, get_autocast_dtype, set_autocast_dtype]
FUNCTIONS += [is_autocast_cache_enabled, set_autocast_cache_enabled, clear_autocast_cache]
FUNCTIONS += [is_autocast_cpu_enabled, set_autocast_cpu_enabled, get_autocast_cpu_dtype]
FUNCTIONS += [set_autocast_cpu_dtype, get_autocast_gpu_dtype, set_autocast_gpu_dtype]
METHODS: dict[str, Any] = {}
