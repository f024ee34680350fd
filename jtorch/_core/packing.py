"""Saved-tensor hooks: what a backward will use goes through functions of the user's.

While hooks are active the mode `packing` is on, and `append.advance` shows every new node to
`pack`: each value that the node's VJP uses is given to the pack hook. GradNodes keep what it
returns (`packed`), and in the backward the unpack hook makes the values of it that the VJP gets.
Read autograd.py next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .alias import as_constant, cell_of
from .append import append
from .graph import LEAF, flows
from .tensor import Tensor, from_cell
from .trace import Aval, Cell, Context, State, Trace, local, new_cell
from .vjp import uses

CHANGED = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
    "hook cannot be modified by in-place operations as this can lead to unexpected side-effects. "
    "Please open an issue if you need to perform in-place operations on the input to a pack hook."
)


class _State(threading.local):
    def __init__(self) -> None:
        self.hooks: list[tuple[Callable, Callable]] = []
        self.refusal: str | None = None


state = _State()


class Packed:
    """What a pack hook returned, and how to unpack it."""

    __slots__ = ("aval", "unpack", "value")

    def __init__(self, tensor: Tensor) -> None:
        """RuntimeError where the hook writes to the Tensor."""
        context = local.context
        self.aval = cell_of(tensor).aval
        pack_hook, self.unpack = state.hooks[-1]
        before = context.modes
        context.modes = before.replace(packing=False, grad=False)
        try:
            self.value = pack_hook(tensor)
        finally:
            context.modes = before
        if tensor._version:
            raise RuntimeError(CHANGED)

    def cell(self, edge: Any) -> Cell:
        """The value, with the history that it had. TypeError unless the hook gives a Tensor,
        RuntimeError unless one of the shape that was packed."""
        context = local.context
        before = context.modes
        context.modes = before.replace(packing=False)
        try:
            result = self.unpack(self.value)
            if not isinstance(result, Tensor):
                raise TypeError(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                    f"type {type(result).__name__}"
                )
            cell = as_constant(cell_of(result))
            if cell.aval.shape != self.aval.shape:
                raise RuntimeError(
                    f"Output of saved tensor unpack_hook has shape {list(cell.aval.shape)}, but "
                    f"{list(self.aval.shape)} was packed"
                )
            return with_edge(cell, edge) if before.grad and edge is not None else cell
        finally:
            context.modes = before


def push(pack_hook: Callable, unpack_hook: Callable) -> None:
    """Make hooks the active ones. RuntimeError where they are disabled."""
    if state.refusal is not None:
        raise RuntimeError(state.refusal)
    state.hooks.append((pack_hook, unpack_hook))
    _switch()


def pop() -> None:
    """Make the hooks before the active ones."""
    state.hooks.pop()
    _switch()


def _switch() -> None:
    context = local.context
    context.pack = pack
    context.modes = context.modes.replace(packing=bool(state.hooks))


def pack(trace: Trace, new: State) -> None:
    """Give what the VJP of a new node uses to the pack hook."""
    if not any(aval.requires_grad for aval in new.avals) or new.node.call.op is LEAF:
        return
    op, node = new.node.call.op, new.node
    if getattr(op, "node", None) is not None:  # a custom Function has packed what it saved
        return
    needs = tuple(k for k in range(len(node.avals)) if flows(node.call, node.avals, k))
    slots = sorted(uses(node.call, node.avals, needs))
    cells = {
        k: live(trace, node.inputs[k], node.avals[k]) for k in slots if not node.avals[k].number
    }
    if op.backward is not None:
        cells[-1] = live(trace, new.first, new.avals[0])
    packed = trace.packed[new.first] = {}
    for slot, cell in cells.items():  # a hook may read the value: then the trace has ended
        packed[slot] = Packed(from_cell(cell))


def live(trace: Trace, position: int, aval: Aval) -> Cell:
    """A cell for a position of the trace that gets its value when the trace is materialised."""
    if position < 0:
        return trace.leaves[-1 - position]
    cell = new_cell(trace, position, aval)
    trace.cells.append(cell)
    return cell


def with_edge(cell: Cell, edge: Any) -> Cell:
    """The value of a cell, with a history."""
    (found,) = append(local.context, LEAF, (cell,))
    found.node = edge
    if found.array is None:
        found.trace.targets[found.index] = edge
    return found


def unpacked(context: Context, node: Any) -> tuple[list[Cell | None], Cell | None]:
    """The inputs of a GradNode as its VJP wants them, and its output."""
    output = node.packed[-1].cell((node, 0)) if -1 in node.packed else None
    cells = [cell if aval.number else None for cell, aval in _numbers(node)]
    for slot, packed in node.packed.items():
        if slot >= 0:
            cells[slot] = packed.cell(node.edges[slot])
    return cells, output


def _numbers(node: Any) -> Any:
    return zip(node.input_cells(), node.avals, strict=True)
