"""Anomaly detection: a backward that computes a NaN raises an error which names the op.

See torch.autograd.anomaly_mode; _core/anomaly.py has the machinery.
"""

from __future__ import annotations

import warnings
from typing import Any

from .._core.anomaly import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)


class set_detect_anomaly:
    """Turn anomaly detection on or off, from the call on and as a context manager.

    check_nan: whether a NaN is an error. See torch.autograd.set_detect_anomaly.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        set_anomaly_enabled(*self._before)


class detect_anomaly:
    """While active, a backward that computes a NaN raises RuntimeError. The error names the op and
    the line that recorded it. See torch.autograd.detect_anomaly."""

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._mode: set_detect_anomaly | None = None
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._mode = set_detect_anomaly(True, self._check_nan)

    def __exit__(self, *exception: Any) -> None:
        assert self._mode is not None
        self._mode.__exit__(*exception)


__all__ = ["detect_anomaly", "set_detect_anomaly"]
