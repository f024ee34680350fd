"""The names of PyTorch's extension module that programs in Python use."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ._core.overrides import disabled as _disabled_torch_function_impl
from ._core.overrides import standing_back


def DisableTorchFunctionSubclass() -> AbstractContextManager[None]:
    """A context in which Tensor subclasses override nothing."""
    return standing_back()


def DisableTorchFunction() -> AbstractContextManager[None]:
    """A context in which no class overrides anything."""
    return standing_back(everything=True)


__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "_disabled_torch_function_impl",
]
