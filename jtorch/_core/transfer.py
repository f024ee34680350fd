"""Copies from one device to another, and the way their gradients go back.

A trace lives on one device, so a copy is no op: the value is materialised and put on the other
device. Where its history counts, the copy is the output of a `Transfer`, a GradNode by itself.
Read append.py next.
"""

from __future__ import annotations

from typing import Any

import jax

from .device import TRACING, device, jax_device
from .events import materialises
from .graph import GradNode, edge_of_cell
from .program import materialise, settle
from .trace import Aval, Cell, Context, local


@materialises("device copy", "`x.to(device)` to another device")
def copy_to(cell: Cell, where: device) -> Cell:
    """The value on another device, as a new cell; gradients flow back through it.

    Into a JAX transformation it goes as a constant.
    """
    array = settle(cell)
    old = cell.aval
    if where is not TRACING:
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            array = jax.device_put(array, jax_device(where))
    aval = Aval(old.shape, old.dtype, where, old.strides, False, old.number)
    context = local.context
    if old.requires_grad and context.modes.grad and where is not TRACING:
        aval = aval.with_grad(True)
        return Cell(array, aval, (Transfer(context, cell, aval), 0))
    return Cell(array, aval)


class Transfer(GradNode):
    """The GradNode of a copy: the gradient is a copy too, the other way."""

    __slots__ = ("source",)
    pulls = True

    def __init__(self, context: Context, cell: Cell, copy: Aval) -> None:
        self.source = cell.aval.device
        self.edges = (edge_of_cell(cell),)
        self.needs = (0,)
        self.output_avals = (copy,)
        self.trace = None
        self.freed = False
        self.base = None
        self.watched: dict[int, Any] = {}
        self.hung = None
        # A backward goes from late traces to early ones: what uses the copy begins a new trace.
        self.sequence = (_begin_trace(context, copy.device), -1)

    def name(self) -> str:
        return "ToCopyBackward0"

    @property
    def saves_anything(self) -> bool:
        return False

    def is_overwritten(self) -> bool:
        """Never: no value is saved."""
        return False

    def free(self) -> None:
        """There is nothing to give up."""

    def pull(self, context: Context, cotangents: list[Any]) -> list[tuple[int, Cell]]:
        """The gradient of the source."""
        return [(0, copy_to(cotangents[0], self.source))]


def _begin_trace(context: Context, where: device) -> int:
    """Have the next op on a device begin a new trace; its serial number."""
    trace = context.on(where)
    materialise(trace)
    context.renew(context.traces[where])
    return context.traces[where].serial
