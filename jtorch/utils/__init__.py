"""PyTorch's torch.utils: data (datasets and loaders), hooks.

data is loaded when it is first used: hooks.py is a leaf that nn needs, data/ stands above nn.
Read data/__init__.py next.
"""

import importlib


def __getattr__(name: str):
    if name == "data":
        return importlib.import_module(f"{__name__}.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
