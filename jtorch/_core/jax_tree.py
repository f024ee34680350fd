"""Tensors as nodes of JAX's trees: `jax.jit`, `grad`, `vmap`, `scan` and `jax.tree` take them.

A Tensor is a node with one leaf, its array. A function under `jax.jit` gets Tensors that hold
tracers, and what it returns comes out as Tensors. Only values pass: history, `.grad` and storage
stay behind. Subclasses say by `register` what else belongs to them (nn/parameter.py does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.tree_util import GetAttrKey

from .alias import cell_of
from .device import CPU
from .program import settle
from .stand_in import StandIn, stand_in_cell
from .tensor import Tensor, from_array, from_cell

_KEY = GetAttrKey("array")


def register(
    cls: type[Tensor],
    facts: Callable[[Any], Any] = lambda tensor: None,
    make: Callable[[Tensor, Any], Tensor] = lambda tensor, facts: tensor,
) -> None:
    """Make a class of Tensors a node. facts: what is static of one. make: one of a plain Tensor
    and facts."""

    def flat(tensor: Any) -> tuple:
        cell = cell_of(tensor)
        if isinstance(cell.trace, StandIn):
            return (cell.trace.leaf,), cell.trace.facts
        return (settle(cell),), facts(tensor)

    def with_keys(tensor: Any) -> tuple:
        (leaf,), known = flat(tensor)
        return ((_KEY, leaf),), known

    def rebuild(known: Any, leaves: Iterable[Any]) -> Tensor:
        (leaf,) = leaves
        made = _made_of(leaf)
        if made is None:
            return from_cell(stand_in_cell(leaf, known), cls)
        return make(made, known)

    jax.tree_util.register_pytree_with_keys(cls, with_keys, rebuild, flat)


def _made_of(leaf: Any) -> Tensor | None:
    """The Tensor of an array; None for anything else that JAX may put there."""
    try:
        if isinstance(leaf, jax.Array):
            return from_array(leaf)
        if isinstance(leaf, np.ndarray | np.generic):
            return from_array(leaf, CPU)
    except TypeError:  # a key of random numbers, or the gradient of integers
        pass
    return None


register(Tensor)
