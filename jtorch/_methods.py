"""What is hung on Tensor besides the rows' methods: operators, indexing, conversion, autograd,
random fills."""

from __future__ import annotations

from ._core import backward
from ._core.record import copy_
from ._core.tensor import Tensor
from ._operators import hang_operators
from .functions import creation, facts, indexing, lookups, random, selection, shaping

AUTOGRAD = (
    backward.backward,
    backward.register_hook,
    backward.register_post_accumulate_grad_hook,
    backward.retain_grad,
)


def hang() -> None:
    """Put them on the class."""
    hang_operators()
    for module in (creation, facts, indexing, lookups, random, selection, shaping):
        for name, method in module.METHODS.items():
            setattr(Tensor, name, method)
    for name, getter in shaping.PROPERTIES.items():
        setattr(Tensor, name, property(getter, doc=getter.__doc__))
    for method in (*AUTOGRAD, copy_):
        setattr(Tensor, method.__name__, method)


hang()
