"""The autograd graph, read off the trace.

While values are pending nothing is stored for autograd: the trace says which op made what of what.
A `GradNode` is made of a node of the trace when somebody needs it: a backward that was not seen
before, `grad_fn`, or a program that runs while the graph is still alive; then it keeps the cells
that its VJP uses, and nothing else. An *edge* says where a gradient goes: (GradNode, output
number), or a weak reference to a leaf Tensor, or None. Read survivors.py next.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import jax

from .history import Node
from .op import Op
from .region import region_of
from .strides import unchanged
from .trace import OVERWRITTEN, Aval, Call, Cell, State, Trace, handle
from .vjp import Vjp, uses

Edge: TypeAlias = Any  # (GradNode, int) | weakref.ref[Tensor] | None


# The identity that makes a pending value a leaf of autograd: nothing flows further back.
LEAF = Op(lambda input: input, "leaf", strides=unchanged, view=lambda base, new: new)


@jax.custom_jvp
def _rewritten(old: Any, new: Any) -> Any:
    return new


_rewritten.defjvp(lambda primals, tangents: (primals[1], tangents[0]))
# The value of a write that no_grad hides from the graph: its edge is that of what was there before.
REWRITTEN = Op(_rewritten, "rewritten", strides=unchanged)


class GradNode(Node):
    """A node of the autograd graph. `read` gives each its own class, with PyTorch's name.

    edges: where the gradient of each input goes.  needs: the inputs that have an edge.  trace,
    first: its position while pending.  inputs, outputs: the cells kept for the VJP once a program
    has run.  watch: cells that must not have been written in place since.  sequence: the order of
    recording; a backward goes from high to low.  packed: what hooks made of the values that the VJP
    uses, by slot (see packing.py).  region: where those are computed anew (see region.py).  base:
    what an eager view is a view of; in other modes view and use are in one trace.
    """

    pulls = False  # whether it has a `pull` of its own: no VJP is recorded for it

    __slots__ = (
        "avals",
        "base",
        "call",
        "edges",
        "first",
        "freed",
        "inputs",
        "line",
        "needs",
        "output_avals",
        "outputs",
        "packed",
        "positions",
        "region",
        "sequence",
        "trace",
        "watch",
        "watched",
    )

    def __init__(self, trace: Trace, state: State, edges: tuple[Edge, ...]) -> None:
        node = state.node
        self.call = node.call
        self.avals = node.avals
        self.positions = node.inputs
        self.output_avals = state.avals
        self.edges = edges
        self.needs = tuple(k for k, edge in enumerate(edges) if edge is not None)
        self.trace: Any = trace  # None once a program has run
        self.first = state.first
        self.line = node.line
        self.sequence = (trace.serial, state.first)
        self.inputs: list[Any] | None = None
        self.outputs: list[Any] | None = None
        self.watch: list[tuple[int, Cell]] = []
        self.base: Cell | None = None
        self.freed = state.first in trace.state.freed
        self.watched: dict[int, Any] = {}
        self.hung = None
        self.packed: dict[int, Any] | None = trace.packed.get(state.first)
        self.region = region_of(trace, state) if self.packed is None else None

    def saves(self) -> frozenset[int]:
        """The inputs that the VJP uses."""
        return uses(self.call, self.avals, self.needs)

    @property
    def saves_anything(self) -> bool:
        op = self.call.op
        return (
            op.backward is not None
            or op.saves_more
            or any(not self.avals[k].number for k in self.saves())
        )

    def saved_positions(self) -> list[int]:
        """The positions of the trace that the VJP uses."""
        if self.packed is not None:
            return []
        found = self._used_positions()
        return list(self.region.inputs) if found and self.region is not None else found

    def _used_positions(self) -> list[int]:
        if self.call.op.backward is not None:
            return [self.first]
        return [p for k, p in enumerate(self.positions) if k in self.saves()]

    def note_hooks(self) -> None:
        if self.trace is not None:  # a remembered backward would not call them
            self.trace.watched[self.first] = self

    def visible_slots(self) -> range:
        """The inputs that hooks of the node see."""
        return range(len(self.edges))

    def _watched_positions(self) -> list[tuple[int, int]]:
        """(slot, position) of what must not be written in place before the backward: what PyTorch
        saves.

        The output has slot -1. Views count with their bases. An in-place op's own first input is
        not among them: PyTorch keeps a copy, and here old values stay as they are anyway.
        """
        watched, output = self._watched_slots()
        slots = [(k, self.positions[k]) for k in sorted(watched)]
        if output:
            slots.append((-1, self.first))
        written = self.trace.overwritten
        return [
            (slot, p)
            for slot, position in slots
            for p in view_chain(self.trace, position)
            if slot != 0 or not 0 <= written.get(p, -1) <= self.first
        ]

    def _watched_slots(self) -> tuple[frozenset[int], bool]:
        """The inputs that PyTorch saves, and whether it saves the output."""
        op = self.call.op
        if op.saves is None:
            return self.saves(), op.backward is not None
        return self.call.slots_of(op.saves), "output" in op.saves

    def input_cells(self) -> list[Any]:
        """The inputs, as cells of the present trace or kept ones."""
        if self.inputs is not None:
            return self.inputs
        return [handle(self.trace, p, a) for p, a in zip(self.positions, self.avals, strict=True)]

    def output_cell(self) -> Cell:
        """The output, for a gradient that is a function of it."""
        if self.outputs is not None:
            return self.outputs[0]
        return handle(self.trace, self.first, self.output_avals[0])

    def is_overwritten(self) -> bool:
        """Whether something that the VJP uses has been written in place since."""
        if self.packed is not None:
            return False
        if self.inputs is not None:
            return any(_is_written(cell) for _, cell in self.watch)
        written = self.trace.overwritten
        return bool(written) and any(p in written for _, p in self._watched_positions())

    def keep(self, cells: dict[int, Cell]) -> None:
        """The trace is about to end: keep cells instead of positions."""
        if self.freed or self.packed is not None:
            self.inputs = self._numbers([cells.get(p) for p in self.positions])
            self.outputs = [None]
        else:
            used = self.saves()
            if self.region is not None:
                self.region.keep(cells)
            self.inputs = [
                cells.get(p) if k in used else None for k, p in enumerate(self.positions)
            ]
            self.outputs = [cells.get(self.first)] if self.call.op.backward is not None else [None]
            self.watch = [(k, cells[p]) for k, p in self._watched_positions() if p in cells]
        if self.call.op.view is not None and self.call.modes.eager:
            self.base = cells.get(self.positions[0])
        self.trace = None

    def pull(self, context: Any, cotangents: list[Any]) -> list[tuple[int, Cell]]:
        """The gradients of a node of another kind, (slot, cell) each: see `pulls`."""
        raise AssertionError(f"{self.name()} has a VJP")

    def free(self) -> None:
        """Give up what was kept; a second backward is an error."""
        self.freed = True
        self.region = None
        if self.packed is not None:
            self.packed.clear()
        if self.inputs is not None:
            self.inputs, self.outputs = self._numbers(self.inputs), [None]
            self.watch = []

    def _numbers(self, cells: list[Any]) -> list[Any]:
        """What is left of the inputs when they are freed: numbers, which PyTorch does not save."""
        return [cell if a.number else None for cell, a in zip(cells, self.avals, strict=True)]


def _is_written(cell: Cell | None) -> bool:
    """Whether a value, or one that it is a view of, has been written in place since."""
    while cell is not None and cell.trace is not OVERWRITTEN:
        edge: Any = cell.node
        cell = edge[0].base if type(edge) is tuple and isinstance(edge[0], GradNode) else None
    return cell is not None


def view_chain(trace: Trace, position: int) -> list[int]:
    """A position and those that it is a view of."""
    chain = [position]
    while position >= 0:
        node = trace.producer(position).node
        if node.call.op.view is None:
            break
        position = node.inputs[0]
        chain.append(position)
    return chain


def edge_of(trace: Trace, position: int, aval: Aval) -> Edge:
    """Where the gradient of a position of a trace goes."""
    if not aval.requires_grad:
        return None
    while position >= 0:
        state = trace.producer(position)
        if state.node.call.op is LEAF or position in trace.targets:
            return trace.targets.get(position)
        if state.node.call.op is not REWRITTEN:
            return read(trace, state), position - state.first
        position = state.node.inputs[0]
    leaf = trace.leaves[-1 - position]
    return leaf.node if trace.body is None else trace.body.edge_of(leaf)


def read(trace: Trace, state: State) -> GradNode:
    """The GradNode of a node of the trace; its ancestors too."""
    stack = [state]
    while stack:
        top = stack[-1]
        if top.first in trace.nodes:
            stack.pop()
            continue
        waiting = [s for s in _ancestors(trace, top) if s.first not in trace.nodes]
        if waiting:
            stack.extend(waiting)
            continue
        node = top.node
        edges = tuple(edge_of(trace, p, a) for p, a in zip(node.inputs, node.avals, strict=True))
        edges = tuple(e if flows(node.call, node.avals, k) else None for k, e in enumerate(edges))
        trace.nodes[top.first] = _class_of(node.call.op)(trace, top, edges)
        stack.pop()
    return trace.nodes[state.first]


_classes: dict[tuple, type[GradNode]] = {}


def _class_of(op: Any) -> type[GradNode]:
    """The class of the GradNodes of an op: PyTorch's programs look at its name."""
    base = getattr(op, "node", GradNode)
    key = (base, op.name)
    made = _classes.get(key)
    if made is None:
        title = op.name
        if base is GradNode:
            title = "".join(part.title() for part in op.name.strip("_").split("_")) + "Backward0"
        made = _classes[key] = type(title, (base,), {"__slots__": (), "__module__": "jtorch"})
    return made


def flows(call: Call, avals: tuple[Aval, ...], slot: int) -> bool:
    """Whether gradients flow back from a call to one of its inputs that requires grad."""
    if not (call.op.differentiable and call.modes.grad and avals[slot].requires_grad):
        return False
    if isinstance(call.op, Vjp) and call.op.call.op.chooses:
        return slot in call.op.smooth(avals)
    return True


def _ancestors(trace: Trace, state: State) -> list[State]:
    node = state.node
    found = []
    for position, aval in zip(node.inputs, node.avals, strict=True):
        if aval.requires_grad and position >= 0:
            producer = trace.producer(position)
            if producer.node.call.op is not LEAF and position not in trace.targets:
                found.append(producer)
    return found


def edge_of_cell(cell: Cell) -> Edge:
    """Where the gradient of a cell goes."""
    if not cell.aval.requires_grad:
        return None
    if cell.node is not None or cell.array is not None:
        return cell.node
    return edge_of(cell.trace, cell.index, cell.aval)
