"""The op rows: pure JAX functions with PyTorch's signatures, one family a file. No Tensor here.

To add an op, write a function in its family's file and put `@op(...)` on it (_core/op.py says which
facts there are); its public names, stub, docs and tests follow. A new file needs no registration:
`load` imports them all. The attribute `aten` is the public torch.ops.aten, of _aten.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from . import _autocast

aten: Any


def load() -> None:
    """Import every family, so that all rows are known, and how they take part in autocast."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    _autocast.attach()
