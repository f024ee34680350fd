"""`torch.nn.modules`: PyTorch's file names for our files, because code imports from them.

`from torch.nn.modules.batchnorm import _BatchNorm` and the like. Nothing is defined here; read
nn/__init__.py.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .. import (
    _arguments,
    _linear_cross_entropy,
    activation,
    adaptive,
    batch_norm,
    container,
    conv,
    distance,
    dropout,
    embedding,
    flatten,
    image,
    lazy,
    lazy_layers,
    linear,
    loss,
    margin_loss,
    max_pool,
    module,
    multihead_attention,
    norm,
    padding,
    parameter_containers,
    pool,
    recurrent,
    recurrent_cell,
    transformer,
)

# PyTorch's file -> ours that have its names
_FILES: dict[str, tuple[ModuleType, ...]] = {
    "activation": (activation, multihead_attention),
    "adaptive": (adaptive,),
    "batchnorm": (batch_norm, lazy_layers),
    "channelshuffle": (image,),
    "container": (container, parameter_containers),
    "conv": (conv, lazy_layers),
    "distance": (distance,),
    "dropout": (dropout,),
    "flatten": (flatten,),
    "fold": (image,),
    "instancenorm": (batch_norm, lazy_layers),
    "lazy": (lazy,),
    "linear": (linear, lazy_layers),
    "linear_cross_entropy_options": (_linear_cross_entropy,),
    "loss": (loss, margin_loss),
    "module": (module,),
    "normalization": (norm,),
    "padding": (padding,),
    "pixelshuffle": (image,),
    "pooling": (pool, max_pool),
    "rnn": (recurrent, recurrent_cell),
    "sparse": (embedding,),
    "transformer": (transformer,),
    "upsampling": (image,),
    "utils": (_arguments,),
}


def _room(name: str, files: tuple[ModuleType, ...]) -> ModuleType:
    """A module with the names of all files: the file itself where it is one."""
    if len(files) == 1:
        return files[0]
    room = ModuleType(f"{__name__}.{name}", files[0].__doc__)
    for file in files:
        vars(room).update({k: v for k, v in vars(file).items() if not k.startswith("__")})
    vars(room)["__all__"] = [name for file in files for name in getattr(file, "__all__", ())]
    return room


_rooms = {name: _room(name, files) for name, files in _FILES.items()}
_layers = {
    name: value
    for room in _rooms.values()
    for name, value in vars(room).items()
    if name in getattr(room, "__all__", ()) and name[0].isupper()
}
globals().update(_rooms | _layers)
sys.modules.update({f"{__name__}.{name}": room for name, room in _rooms.items()})

__all__ = sorted(_layers)  # pyright: ignore[reportUnsupportedDunderAll]
