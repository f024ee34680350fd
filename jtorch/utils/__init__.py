"""PyTorch's torch.utils: data (datasets and loaders), dlpack, hooks.

data and dlpack are loaded when they are first used: hooks.py is a leaf that nn needs, they stand
above nn.
Read data/__init__.py next.
"""

import importlib


def __getattr__(name: str):
    if name in ("data", "dlpack"):
        return importlib.import_module(f"{__name__}.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
