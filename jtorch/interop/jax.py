"""JAX, both ways: `wrap` makes an operation of a JAX function, `as_function` a JAX function of a
Module.

Tensors themselves may be passed to JAX's transformations, and come out of them: they are nodes of
its trees (_core/jax_tree.py). docs/jax.md shows what to use when.
"""

from __future__ import annotations

from .._core.device_random import random_key
from ._module_function import as_function
from ._wrapped import wrap

__all__ = ["as_function", "random_key", "wrap"]
