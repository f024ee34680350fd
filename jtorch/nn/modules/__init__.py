"""`torch.nn.modules`: PyTorch's file names for our files, because code imports from them.

`from torch.nn.modules.batchnorm import _BatchNorm` and the like. Nothing is defined here; read
nn/__init__.py.
"""

from __future__ import annotations

import sys

from .. import (
    _arguments,
    activation,
    container,
    conv,
    distance,
    dropout,
    embedding,
    flatten,
    image,
    linear,
    loss,
    module,
    norm,
    padding,
    pool,
    recurrent,
    transformer,
)

_FILES = {
    "activation": activation,
    "batchnorm": norm,
    "container": container,
    "conv": conv,
    "distance": distance,
    "dropout": dropout,
    "flatten": flatten,
    "fold": image,
    "instancenorm": norm,
    "linear": linear,
    "loss": loss,
    "module": module,
    "normalization": norm,
    "padding": padding,
    "pixelshuffle": image,
    "pooling": pool,
    "rnn": recurrent,
    "sparse": embedding,
    "transformer": transformer,
    "upsampling": image,
    "utils": _arguments,
}

for _name, _file in _FILES.items():
    sys.modules[f"{__name__}.{_name}"] = _file
globals().update(_FILES)

Module = module.Module

__all__ = ["Module"]
