"""Modules without initial values. See torch.nn.utils.skip_init."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...functions.random import fork_rng
from ..module import Module


def skip_init(module_cls: Callable[..., Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters have no particular values, and took no random numbers.

    RuntimeError if the class takes no `device`. See torch.nn.utils.skip_init.
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    with fork_rng():
        module = module_cls(*args, device=device, **kwargs)
    return module.to_empty(device=device)


__all__ = ["skip_init"]
