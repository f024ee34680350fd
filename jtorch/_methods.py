"""What is hung on Tensor besides the rows' methods: operators, indexing, conversion, autograd,
random fills."""

from __future__ import annotations

from . import _expose
from ._core import backward
from ._core.events import materialises
from ._core.overrides import overridable
from ._core.record import copy_
from ._core.tensor import Tensor
from ._operators import hang_operators
from .functions import (
    autocast,
    calculus,
    conversion,
    counting,
    creation,
    ctc,
    dropout,
    embedding,
    facts,
    host,
    indexing,
    internal,
    lookups,
    matrix,
    memory,
    normalisation,
    random,
    ranges,
    recurrent,
    selection,
    settings,
    shaping,
    sparse,
    spectrogram,
    splitting,
    windows,
)

# The rooms whose FUNCTIONS are torch's and whose METHODS are Tensor's.
ROOMS = (creation, facts, indexing, lookups, selection, shaping, splitting, conversion, memory)
ROOMS += (ranges, calculus, counting, normalisation, matrix, spectrogram, windows, internal)
ROOMS += (ctc, dropout, embedding, host, random, recurrent, settings, sparse)
ROOMS += (autocast,)
AUTOGRAD = (
    backward.backward,
    backward.register_hook,
    backward.register_post_accumulate_grad_hook,
    backward.retain_grad,
)

# Methods of the class itself that a subclass may override by __torch_function__.
OWN = ("detach", "detach_", "item", "numpy", "requires_grad_", "tolist", "__repr__")
# Methods of the class itself that make programs run, and when: see events.py.
READ = {
    "item": ("item()", "one number is read"),
    "tolist": ("tolist()", "values are read as Python numbers"),
    "numpy": ("numpy()", "values are read as a NumPy array: `np.asarray(x)`, plotting"),
    "jax": ("jax()", "values are taken as a `jax.Array`"),
    "__dlpack__": ("DLPack", "values are handed to another library"),
    "__bool__": ("bool()", "a value decides: `if`, `while`, `and`, `assert`"),
    "__int__": ("int()", "one number is read"),
    "__float__": ("float()", "one number is read"),
    "__complex__": ("complex()", "one number is read"),
    "__index__": ("index", "a Tensor is an index or a size: `range(n)`, `items[n]`"),
    "__format__": ("format()", "an f-string shows a number"),
    "__repr__": ("print()", "a Tensor is shown"),
    "__contains__": ("in", "`value in x`"),
    "__reduce_ex__": ("pickle", "a Tensor is pickled, or sent to a worker"),
}


def hang() -> None:
    """Put them on the class."""
    for name, trigger in READ.items():
        materialises(*trigger)(vars(Tensor)[name])
    hang_operators()
    for module in ROOMS:
        for name, method in getattr(module, "METHODS", {}).items():
            setattr(Tensor, name, overridable(method))
    for name, getter in shaping.PROPERTIES.items():
        setattr(Tensor, name, property(getter, doc=getter.__doc__))
    for method in (*AUTOGRAD, copy_):
        setattr(Tensor, method.__name__, overridable(method))
    for name in OWN:
        setattr(Tensor, name, overridable(getattr(Tensor, name)))
    _expose.say_where(vars(Tensor), "jtorch", "Tensor.")


hang()
