"""`torch.backends.cudnn`: convolutions on an NVIDIA GPU. XLA calls cuDNN where it is fastest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from .. import cuda
from .._core.trace import local

enabled = True  # these three are remembered
benchmark = False
deterministic = False


def is_available() -> bool:
    """Whether there is a GPU on which XLA uses cuDNN."""
    return cuda.is_available()


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """The switches, set inside a `with` block. See torch.backends.cudnn.flags."""
    module = sys.modules[__name__]
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")
    before = [getattr(module, name) for name in names]
    given = (enabled, benchmark, deterministic, allow_tf32)
    for name, value in zip(names, given, strict=True):
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(module, name, value)


class _Module(ModuleType):
    @property
    def allow_tf32(self) -> bool:
        """Whether float32 convolutions may be computed in TensorFloat-32 (True at first).
        See torch.backends.cudnn.allow_tf32."""
        return local.context.modes.convolutions != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        precision = "high" if allowed else "highest"
        local.context.modes = local.context.modes.replace(convolutions=precision)


sys.modules[__name__].__class__ = _Module
