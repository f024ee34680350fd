"""Forward mode: dual Tensors, whose tangents travel with what is recorded.

Inside of a *level* every node that is recorded is looked at: where an input has a tangent, one more
node follows, the JVP of the call, as a backward records VJPs. Its outputs are the tangents of the
node's outputs. So tangents are values of the trace as any other: they have a history (reverse over
forward mode), a VJP gets one in its turn (forward over reverse mode), and in-place writes and views
need no rules, for they are made of nodes.

A cell knows its tangent (`Cell.tangent`, with the level that it is of, for a level that has ended
leaves none behind), a trace which position is the tangent of which (`Trace.tangents`): so a program
returns the tangents of the cells that are alive, and of the values that a graph keeps. While a
level is open the mode `dual` is on, and `record` takes its slow path; at other times all this costs
nothing. autograd/forward_ad.py has PyTorch's names. Read control.py next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .append import append
from .dtype import FLOAT
from .loops import going
from .op import Op
from .strides import unchanged
from .trace import Call, Cell, Context, State, Trace, handle

NESTED = "Nested forward mode AD is not supported at the moment"

# The value of a dual Tensor, as a view of its primal; and its tangent, as a value of the trace.
PRIMAL = Op(lambda input: input, "view", strides=unchanged, view=lambda base, new: new)
TANGENT = Op(lambda input: input, "tangent", strides=unchanged)


class Jvp:
    """The tangents of a call: (inputs, tangents) -> tangents of the outputs.

    moving: which inputs have a tangent.  outputs: the outputs that can have one.
    """

    __slots__ = ("call", "moving", "name", "outputs")
    view = strides = backward = result = saves = None
    inplace = chooses = saves_more = False
    differentiable = True
    constants: tuple[int, ...] = ()
    numbers: frozenset[str] = frozenset()
    _made: dict[tuple, Jvp] = {}

    def __new__(cls, call: Call, moving: tuple[int, ...], outputs: tuple[int, ...]) -> Jvp:
        key = (call, moving, outputs)
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            made.call, made.moving, made.outputs = key
            made.name = f"{call.op.name}_jvp"
            made = cls._made.setdefault(key, made)
        return made

    def run(self, args: tuple, kwargs: dict) -> list:
        inputs, tangents = args

        def forward(*given: Any) -> list:
            filled = list(inputs)
            for k, value in zip(self.moving, given, strict=True):
                filled[k] = value
            results = self.call.run(filled)
            return [results[k] for k in self.outputs]

        primals = [inputs[k] for k in self.moving]
        given = [jnp.asarray(t, p.dtype) for t, p in zip(tangents, primals, strict=True)]
        with going(forwards=True):
            return jax.jvp(forward, primals, given)[1]


class Level:
    """What is open between enter_dual_level and exit_dual_level."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def push(self, trace: Trace, state: State, cells: Sequence[Cell]) -> None:
        """Record the tangents of a node just recorded. cells: its outputs."""
        call = state.node.call
        if not call.op.differentiable or hasattr(call.op, "node"):
            return  # nothing flows, or a custom Function has a rule of its own
        found = [(k, t) for k, p in enumerate(state.node.inputs) if (t := self._at(trace, p))]
        outputs = tuple(k for k, aval in enumerate(state.avals) if aval.dtype.category >= FLOAT)
        if not found or not outputs:
            return
        node = state.node
        inputs = tuple([handle(trace, p, a) for p, a in zip(node.inputs, node.avals, strict=True)])
        jvp = Jvp(call, tuple(k for k, _ in found), outputs)
        tangents = self._append(jvp, (inputs, tuple([t for _, t in found])))
        for k, tangent in zip(outputs, tangents, strict=True):
            self.tie(cells[k], tangent, (trace, state.first + k))

    def attach(self, cell: Cell, tangent: Cell) -> None:
        """Give the cell of a node just recorded a tangent from elsewhere."""
        where = (cell.trace, cell.index)
        self.tie(cell, self._append(TANGENT, (tangent,))[0], where)

    def tie(self, cell: Cell, tangent: Cell, where: tuple[Any, Any]) -> None:
        """Note the tangent of a cell. where: its position, should it be pending."""
        cell.tangent = (self, tangent)
        trace, index = where
        if tangent.array is None and tangent.trace is trace:
            trace.tangents[index] = (tangent.index, tangent.aval)

    def of(self, cell: Cell) -> Cell | None:
        """The tangent of a cell."""
        level, tangent = getattr(cell, "tangent", (None, None))
        if level is self:
            return tangent
        trace = cell.trace if cell.array is None else None
        tangent = None if trace is None else self._at(trace, cell.index)
        if tangent is not None and tangent.array is None:
            tangent.trace.cells.append(tangent)  # somebody holds it from now on
        return tangent

    def end(self) -> None:
        """Let go of the tangents that are pending."""
        for trace in self.context.traces.values():
            trace.tangents.clear()
            for cell in trace.cells:
                if hasattr(cell, "tangent"):
                    del cell.tangent

    def _at(self, trace: Trace, position: int) -> Cell | None:
        """The tangent of a position of a trace."""
        if position < 0:
            level, tangent = getattr(trace.leaves[-1 - position], "tangent", (None, None))
            return tangent if level is self else None
        place = trace.tangents.get(position)
        return None if place is None else handle(trace, *place)

    def _append(self, op: Any, args: tuple) -> list[Cell]:
        """Append a node that has no tangent itself, and doesn't end the trace."""
        context = self.context
        before, walking = context.modes, context.walking
        context.modes, context.walking = before.replace(dual=False), True
        try:
            return append(context, op, args)
        finally:
            context.modes, context.walking = before, walking


def enter_level(context: Context) -> None:
    """Open a level. RuntimeError inside of another, or of forward mode as torch.func has it."""
    if context.level is not None or any(body.forward for body in context.bodies):
        raise RuntimeError(NESTED)
    context.level = Level(context)
    context.modes = context.modes.replace(dual=True)


def exit_level(context: Context) -> None:
    """Close the level; what it knew of tangents is gone."""
    level, context.level = context.level, None
    context.modes = context.modes.replace(dual=False)
    level.end()


def check_tangent(shape: tuple[int, ...], tangent: tuple[int, ...]) -> None:
    """RuntimeError for a tangent of another shape."""
    if tuple(tangent) != tuple(shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(shape)} while the given "
            f"forward gradient is of size {list(tangent)}."
        )


def check_no_level(context: Context) -> None:
    """RuntimeError where a level is open."""
    if context.level is not None:
        raise RuntimeError(NESTED)


def with_tangent(context: Context, cell: Cell, tangent: Cell | None) -> Cell:
    """The value of a cell with another tangent, or none."""
    before, context.modes = context.modes, context.modes.replace(dual=False)
    try:
        (found,) = append(context, PRIMAL, (cell,))
    finally:
        context.modes = before
    if tangent is not None and context.level is not None:
        context.level.attach(found, tangent)
    return found


def tangent_of(context: Context, cell: Cell) -> Cell | None:
    """The tangent of a cell, if a level is open, and not set aside, and it has one."""
    level = context.level if context.modes.dual else None
    return None if level is None else level.of(cell)
