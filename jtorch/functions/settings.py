"""Settings of the process that PyTorch's scripts make.

All but the precision of matrix products are XLA's to decide. They are remembered, so that a script
may ask for what it said, and change nothing: XLA's programs are the same from run to run on the CPU
and TPU.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from .._core.modes import PRECISIONS
from .._core.trace import local

_settings: dict[str, Any] = {"deterministic": 0, "warn_always": False}
_MODES = {"default": 0, "warn": 1, "error": 2}


def get_num_interop_threads() -> int:
    """The number of threads between operations; XLA takes all cores.
    See torch.get_num_interop_threads."""
    return os.cpu_count() or 1


def set_num_interop_threads(int: int) -> None:
    """Accepted for PyTorch's sake. See torch.set_num_interop_threads."""


def set_flush_denormal(mode: bool) -> bool:
    """Whether denormal numbers can be flushed to zero: that can't be chosen here, so False.
    See torch.set_flush_denormal."""
    return False


def get_float32_matmul_precision() -> str:
    """The precision of float32 matrix products. See torch.get_float32_matmul_precision."""
    return local.context.modes.precision


def set_float32_matmul_precision(precision: str) -> None:
    """How float32 matrix products are computed on a GPU or TPU, in this thread from now on.

    "highest": in float32; "high": in TensorFloat-32, or as three products of bfloat16; "medium": as
    fast as the device can. Convolutions are "high" always, as PyTorch's are on a GPU. On the CPU
    all are float32. See torch.set_float32_matmul_precision.
    """
    if precision not in PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    local.context.modes = local.context.modes.replace(precision=precision)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembered. See torch.use_deterministic_algorithms."""
    _settings["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether they were asked for. See torch.are_deterministic_algorithms_enabled."""
    return _settings["deterministic"] > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether a warning was asked for. See torch.is_deterministic_algorithms_warn_only_enabled."""
    return _settings["deterministic"] == 1


def get_deterministic_debug_mode() -> int:
    """0, 1 (warn) or 2 (error). See torch.get_deterministic_debug_mode."""
    return _settings["deterministic"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Remembered. See torch.set_deterministic_debug_mode."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    found = _MODES.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if found not in (0, 1, 2):
        raise RuntimeError(
            "invalid value of debug_mode, expected one of `default`, `warn`, `error` or 0, 1, 2, "
            f"but got {debug_mode}"
        )
    _settings["deterministic"] = found


def is_warn_always_enabled() -> bool:
    """Whether warnings are to be repeated. See torch.is_warn_always_enabled."""
    return _settings["warn_always"]


def set_warn_always(b: bool, /) -> None:
    """Remembered. See torch.set_warn_always."""
    _settings["warn_always"] = b


FUNCTIONS = [get_num_interop_threads, set_num_interop_threads, set_flush_denormal]
FUNCTIONS += [get_float32_matmul_precision, set_float32_matmul_precision]
FUNCTIONS += [use_deterministic_algorithms, are_deterministic_algorithms_enabled]
FUNCTIONS += [is_deterministic_algorithms_warn_only_enabled, get_deterministic_debug_mode]
FUNCTIONS += [set_deterministic_debug_mode, is_warn_always_enabled, set_warn_always]
METHODS: dict[str, Any] = {}
