"""PyTorch's torch.utils: data (datasets and loaders), checkpoint, dlpack, hooks.

All but hooks are loaded when they are first used: hooks.py is a leaf that the engine needs, they
stand above it.
Read data/__init__.py next.
"""

import importlib


def __getattr__(name: str):
    if name in ("checkpoint", "data", "dlpack"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
