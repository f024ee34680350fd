"""jtorch: PyTorch's way of working on JAX's engine. See README.md.

    import jtorch as torch

The names here are PyTorch's. Functions come from the op rows (`jtorch/ops`) and from
`jtorch/functions`; the engine is in `jtorch/_core`, whose `__init__` says in which order to read
it.
"""

import difflib as _difflib
import importlib as _importlib
import math as _math

from . import _expose, _methods
from ._core import dtype as _dtype
from ._core.device import device
from ._core.dtype import dtype
from ._core.errors import OutOfMemoryError, ProgramError
from ._core.foreign import from_jax
from ._core.format import set_printoptions
from ._core.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ._core.size import Size, strided
from ._core.tensor import Tensor
from .functions import creation, facts, indexing, lookups, selection, shaping
from .functions import random as _random_functions
from .functions.facts import finfo, iinfo
from .functions.random import Generator, default_generator
from .functions.shaping import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    memory_format,
    preserve_format,
)
from .functions.typed import CONSTRUCTORS as _CONSTRUCTORS

__version__ = "0.1.0"

for _kind in _dtype.ALL:
    globals()[_kind.name] = _kind
globals().update(_dtype.ALIASES)
globals().update(_expose.functions("torch"))
globals().update(_CONSTRUCTORS)
for _module in (creation, facts, indexing, lookups, selection, shaping, _random_functions):
    for _function in _module.FUNCTIONS:
        globals()[
            _function.__name__.rstrip("_")
            if _function.__name__ == "complex_"
            else _function.__name__
        ] = _function
complex = creation.complex_
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
layout = type(strided)

del _kind, _module, _function

# Rooms that are loaded when they are first used: `import jtorch` stays quick.
_ROOMS = ("autograd", "cuda", "debug", "fft", "linalg", "nn", "optim", "random", "special", "utils")


def __getattr__(name: str):
    if name in _ROOMS:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(_absent(name))


def _absent(name: str) -> str:
    """What to say of a name that is not there: the nearest one that is."""
    near = _difflib.get_close_matches(name, [*globals(), *_ROOMS], 1, 0.75)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"jtorch has no {name!r} (PyTorch's name, or a misspelling).{hint}"


def __dir__() -> list[str]:
    return sorted([n for n in globals() if not n.startswith("_")] + list(_ROOMS))
