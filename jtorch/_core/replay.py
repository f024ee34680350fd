"""Recording a region once more, for its backward: the values that were not kept.

The values that enter pass a barrier together with the gradient that arrives: XLA then neither
merges the second computation with the first, nor begins it before the backward has come so far.
(`jax.checkpoint` does the same.) Random numbers are values that enter, so they are the same again.
Read alias.py next.
"""

from __future__ import annotations

from typing import Any

import jax

from .append import advance, append, step
from .graph import LEAF
from .op import Op
from .region import Region
from .trace import Cell, Context, State, fill, handle

BARRIER = Op(
    lambda *values: jax.lax.optimization_barrier(values),
    "barrier",
    strides=lambda avals, shape, call, k: avals[k].strides,
)


class Replay:
    """The values of a region during one backward, recorded as they are asked for.

    cotangents: the gradients that arrived first, held back by the barrier.
    """

    def __init__(self, context: Context, region: Region, cotangents: list[Cell | None]) -> None:
        self.context = context
        self.modes = context.modes
        self.region = region
        self.producers = {s.first + k: s for s in region.states for k in range(len(s.avals))}
        places = [p for p in region.inputs if not region.avals[p].number]
        entering = [_entering(region, p) for p in region.inputs]
        self.cells = dict(zip(region.inputs, entering, strict=True))
        given = [cell for cell in cotangents if cell is not None]
        held = iter(append(context, BARRIER, (*[self.cells[p] for p in places], *given)))
        self.cells.update(zip(places, held, strict=False))
        self.cotangents = [None if cell is None else next(held) for cell in cotangents]

    def cell(self, position: int) -> Cell:
        """The value that the region has at a position, or uses from outside."""
        stack = [position]
        while stack:
            top = stack[-1]
            if top in self.cells:
                stack.pop()
                continue
            state = self.producers[top]
            waiting = [p for p in state.node.inputs if p not in self.cells]
            if waiting:
                stack.extend(waiting)
            else:
                self._record(state)
        return self.cells[position]

    def _record(self, state: State) -> None:
        """Record a node again: in its own mode, so that the program knows its VJP's forward."""
        call = state.node.call
        inputs = [self.cells[p] for p in state.node.inputs]
        if call.op is LEAF:
            self.cells[state.first] = inputs[0]
            return
        now = self.modes
        modes = call.modes.replace(eager=now.eager, packing=False, dual=now.dual)
        if self.modes.grad:  # what this computes has a history, and is no region itself
            modes = modes.replace(region=0)
        self.context.modes = modes
        try:
            kwargs = {name: fill(value, inputs) for name, value in call.kwargs.items()}
            trace, new = step(self.context, call.op, fill(call.args, inputs), kwargs)
            if state.first in self.region.functions:
                trace.functions[new.first] = self.region.functions[state.first]
            found = advance(trace, new)
        finally:
            self.context.modes = self.modes
        self.cells.update((state.first + k, cell) for k, cell in enumerate(found))


def _entering(region: Region, position: int) -> Any:
    """The cell of a value that enters the region."""
    if region.trace is None:
        return region.cells[position]
    return handle(region.trace, position, region.avals[position])
