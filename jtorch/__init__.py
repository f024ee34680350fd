"""jtorch: PyTorch's way of working on JAX's engine. See README.md.

    import jtorch as torch

The names here are PyTorch's. Functions come from the op rows (`jtorch/ops`) and from
`jtorch/functions`; the engine is in `jtorch/_core`, whose `__init__` says in which order to read
it.
"""

import difflib as _difflib
import importlib as _importlib
import math as _math

from . import _aten, _expose, _hints, _logging, _methods
from ._core import dtype as _dtype
from ._core import jax_tree as _jax_tree  # makes Tensors nodes of JAX's trees
from ._core.anomaly import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
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
from ._core.overrides import overridable as _overridable
from ._core.size import (
    Size,
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from ._core.tensor import Tensor
from .functions import creation as _creation
from .functions import ranges as _ranges
from .functions.facts import finfo, iinfo
from .functions.memory import UntypedStorage
from .functions.random import Generator, default_generator
from .functions.typed import CONSTRUCTORS as _CONSTRUCTORS

__version__ = "0.1.0"

for _kind in _dtype.ALL:
    globals()[_kind.name] = _kind
globals().update(_dtype.ALIASES)
globals().update(_expose.functions("torch"))
globals().update(_CONSTRUCTORS)
globals().update({f.__name__: _overridable(f) for m in _methods.ROOMS for f in m.FUNCTIONS})
complex, range = _overridable(_creation.complex_), _overridable(_ranges.range_)
inf, nan, pi, e, newaxis = _math.inf, _math.nan, _math.pi, _math.e, None

_expose.say_where({k: f for k, f in globals().items() if not k.startswith("_")}, __name__)

del _kind

# Rooms that are loaded when they are first used: `import jtorch` stays quick.
_ROOMS = (
    "_C",
    "_dynamo",
    "_higher_order_ops",
    "amp",
    "autograd",
    "backends",
    "compiler",
    "cpu",
    "cuda",
    "debug",
    "distributions",
    "fft",
    "func",
    "interop",
    "linalg",
    "masked",
    "nn",
    "optim",
    "overrides",
    "profiler",
    "random",
    "serialization",
    "signal",
    "sparse",
    "special",
    "testing",
    "utils",
)


# Functions of such rooms that have a name here, too.
_LATE = {
    "GradScaler": "amp",
    "autocast": "amp",
    "compile": "compiler",
    "cond": "_higher_order_ops",
    "load": "serialization",
    "save": "serialization",
    "vmap": "func",
    "while_loop": "_higher_order_ops",
}


def __getattr__(name: str):
    if name in _ROOMS:
        return _importlib.import_module(f"{__name__}.{name}")
    if name in _LATE:
        return getattr(__getattr__(_LATE[name]), name)
    raise AttributeError(_absent(name))


def _absent(name: str) -> str:
    """What to say of a name that is not there: the nearest one that is."""
    near = _difflib.get_close_matches(name, [*globals(), *_ROOMS], 1, 0.75)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"jtorch has no {name!r} (PyTorch's name, or a misspelling).{hint}"


def __dir__() -> list[str]:
    return sorted(
        [n for n in globals() if not n.startswith("_")]
        + [r for r in _ROOMS if not r.startswith("_")]
        + list(_LATE)
    )
