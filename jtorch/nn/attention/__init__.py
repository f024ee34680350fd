"""torch.nn.attention: which kernel scaled_dot_product_attention may use, and biases (bias.py).

XLA chooses how attention is computed; the switches are remembered and change
nothing. The functions themselves are in jtorch/nn/_attention.py.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...functions.kernels import CUDNN, FLASH, MATH, MEMORY_EFFICIENT
from . import bias


class SDPBackend(enum.Enum):
    """The kernels that PyTorch chooses between. See torch.nn.attention.SDPBackend."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_SWITCHES = {
    SDPBackend.FLASH_ATTENTION: FLASH,
    SDPBackend.EFFICIENT_ATTENTION: MEMORY_EFFICIENT,
    SDPBackend.MATH: MATH,
    SDPBackend.CUDNN_ATTENTION: CUDNN,
}


@contextmanager
def sdpa_kernel(
    backends: Sequence[SDPBackend] | SDPBackend, set_priority: bool = False
) -> Iterator[None]:
    """Inside, only these kernels are switched on; XLA chooses by itself all the same.

    AssertionError for what is no SDPBackend. See torch.nn.attention.sdpa_kernel."""
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    wanted = [backends] if isinstance(backends, SDPBackend) else backends
    before = [switch.enabled() for switch in _SWITCHES.values()]
    for backend, switch in _SWITCHES.items():
        switch.enable(backend in wanted)
    try:
        yield
    finally:
        for switch, state in zip(_SWITCHES.values(), before, strict=True):
            switch.enable(state)


__all__ = ["SDPBackend", "bias", "sdpa_kernel"]
