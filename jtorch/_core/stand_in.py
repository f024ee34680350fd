"""What JAX puts in the place of an array: a Tensor may hold it, but it has no value.

JAX rebuilds trees with all sorts of things as leaves: shapes (`jax.eval_shape`), shardings, numbers
that say what is to be mapped. In a tree of Tensors these stand inside of a Tensor. Reading it, or
computing with it, is an error. See jax_tree.py.
"""

from __future__ import annotations

from typing import Any

from .device import TRACING
from .dtype import to_dtype
from .trace import Aval, Cell


class StandIn:
    """In the place of a trace: that of a cell which stands for `leaf`.

    facts: what is static of the Tensor.
    """

    def __init__(self, leaf: Any, facts: Any) -> None:
        self.leaf = leaf
        self.facts = facts

    @property
    def body(self) -> StandIn:
        return self

    def read(self, cell: Cell, use: str) -> Any:
        """RuntimeError."""
        raise RuntimeError(f"this Tensor has no value: JAX has put {self.leaf!r} in its place")


class _Unknown:
    """The aval of what has no shape."""

    requires_grad = False
    device = TRACING

    def __init__(self, leaf: Any) -> None:
        self._leaf = leaf

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this Tensor has no {name}: JAX has put {self._leaf!r} in its place")


def stand_in_cell(leaf: Any, facts: Any) -> Cell:
    """A cell that stands for what is no array; it has a shape and a dtype if that has."""
    try:
        aval: Any = Aval(tuple(leaf.shape), to_dtype(leaf.dtype), TRACING)
    except (AttributeError, TypeError):
        aval = _Unknown(leaf)
    cell = Cell(None, aval)
    cell.trace = StandIn(leaf, facts)
    return cell
