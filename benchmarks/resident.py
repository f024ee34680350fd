"""Resident memory of this process, as Linux tells it: now, and its peak since it was last reset."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def now() -> int:
    """Bytes in memory now (elsewhere than on Linux: the peak so far)."""
    return _field("VmRSS")


def peak() -> int:
    """The most bytes in memory since `reset_peak`."""
    return _field("VmHWM")


def reset_peak() -> None:
    """Begin to look for the peak anew."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")


def _field(name: str) -> int:
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
