"""The switches of PyTorch's attention kernels: remembered, while XLA chooses by itself.

Under their public names in jtorch/backends/cuda.py and jtorch/nn/attention.
"""

from __future__ import annotations


class Switch:
    """Whether a kernel may be used."""

    def __init__(self) -> None:
        self._on = True

    def enabled(self) -> bool:
        """Whether it is switched on."""
        return self._on

    def enable(self, enabled: bool) -> None:
        """Switch it on or off."""
        self._on = enabled


FLASH, MEMORY_EFFICIENT, MATH, CUDNN = Switch(), Switch(), Switch(), Switch()
