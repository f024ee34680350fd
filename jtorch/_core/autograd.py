"""backward: a walk over the graph that records VJP nodes, and its memory.

The walk takes GradNodes from the latest to the earliest, records the VJP of each, and adds up what
arrives at an edge. It knows no op. While the graph lies wholly in the present trace, all that it
records is a function of the trie's state: `gradients` remembers it there, and the next time costs
only the leaves. What to do with the gradients of leaves is said in backward.py. Read alias.py next.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from .append import append
from .graph import GradNode, Vjp, edge_of_cell
from .op import Op
from .trace import Aval, Cell, Context, State, Trace, new_cell
from .transfer import Transfer

ADD = Op(lambda a, b: a + b, "accumulate", inplace=True)
ONES = Op(jnp.ones_like, "ones_like", differentiable=False)
ZEROS = Op(jnp.zeros_like, "zeros_like", differentiable=False)

SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they "
    "have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class Gradients:
    """Where gradients arrive during a walk: cotangents per GradNode output, gradients per leaf."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.nodes: dict[GradNode, list[Cell | None]] = {}
        self.leaves: dict[int, tuple[weakref.ref, Cell]] = {}
        self.queue: list[tuple] = []
        self.order = itertools.count()
        self.wanted: set | None = None
        self.captured: dict[tuple, Cell] = {}

    def restrict(self, roots: list, wanted: list) -> None:
        """Go only where a wanted edge lies ahead: other parts of the graph are neither run nor
        freed."""
        self.wanted = {e if type(e) is tuple else id(e) for e in wanted}
        stack = [edge[0] for edge in roots if type(edge) is tuple]
        seen: set = set()
        while stack:
            node = stack[-1]
            ahead = [e[0] for e in node.edges if type(e) is tuple and e[0] not in seen]
            if node not in seen and ahead:
                seen.add(node)
                stack.extend(ahead)
                continue
            seen.add(node)
            stack.pop()
            if any(self._leads(e) for e in node.edges):
                self.wanted.add(node)

    def _leads(self, edge: Any) -> bool:
        if self.wanted is None:
            return True
        if type(edge) is tuple:
            return edge in self.wanted or edge[0] in self.wanted
        return id(edge) in self.wanted

    def add(self, edge: Any, cell: Cell) -> None:
        """Add a gradient to what an edge has."""
        if not self._leads(edge):
            return
        if type(edge) is tuple:
            node, k = edge
            slots = self.nodes.get(node)
            if slots is None:
                slots = self.nodes[node] = [None] * len(getattr(node, "output_avals", (None,)))
                serial, first = node.sequence
                heapq.heappush(self.queue, (-serial, -first, next(self.order), node))
            slots[k] = self._sum(slots[k], cell)
        elif edge is not None:
            _, before = self.leaves.get(id(edge), (None, None))
            self.leaves[id(edge)] = (edge, self._sum(before, cell))

    def _sum(self, before: Cell | None, cell: Cell) -> Cell:
        return cell if before is None else append(self.context, ADD, (before, cell))[0]


def walk(
    context: Context,
    roots: Iterable[tuple[Any, Cell]],
    retain: bool,
    create: bool,
    wanted: list | None = None,
) -> Gradients:
    """Record the backward of the graph above `roots`, pairs of an edge and its cotangent.

    wanted: the only edges whose gradients are asked for; those that are no leaves are then in
    `captured`. RuntimeError where the graph was freed, or something that it needs was written in
    place.
    """
    gradients = Gradients(context)
    roots = list(roots)
    if wanted is not None:
        gradients.restrict([edge for edge, _ in roots], wanted)
    before = context.modes
    context.modes = before.replace(grad=create)
    context.walking = True
    done = []
    try:
        for edge, cotangent in roots:
            gradients.add(edge, cotangent)
        while gradients.queue:
            node = heapq.heappop(gradients.queue)[-1]
            cotangents = gradients.nodes.pop(node)
            _visit_hooks(node, cotangents, gradients)
            if wanted is not None and node not in gradients.wanted:
                continue
            _check(node)
            for edge, gradient in _pull(context, node, cotangents):
                gradients.add(edge, gradient)
            done.append(node)
    finally:
        context.modes = before
        context.walking = False
    if not retain:
        for node in done:
            node.free()
    return gradients


def _visit_hooks(node: GradNode, cotangents: list, gradients: Gradients) -> None:
    """Hooks of Tensors that this node made, and edges somebody waits for."""
    for k, watcher in node.watched.items():
        if cotangents[k] is not None:
            cotangents[k] = watcher(cotangents[k])
    for k, cell in enumerate(cotangents):
        if cell is not None and gradients.wanted is not None and (node, k) in gradients.wanted:
            gradients.captured[node, k] = cell


def _check(node: GradNode) -> None:
    if node.freed and node.saves_anything:
        raise RuntimeError(SECOND_TIME)
    if node.is_overwritten():
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: an input or the output of {node.name}, recorded at {node.line}. Hint: "
            "clone() "
            "what you keep, or move the write behind backward()."
        )


def _pull(context: Context, node: GradNode, cotangents: list) -> list[tuple[Any, Cell]]:
    """Record the VJP of a node: (edge, gradient) pairs."""
    if not node.needs:
        return []
    if isinstance(node, Transfer):
        return [(node.edges[0], node.pull(cotangents[0]))]
    outputs = tuple(k for k, cell in enumerate(cotangents) if cell is not None)
    given = tuple(cotangents[k] for k in outputs)
    if node.call.op.backward is not None:
        vjp = Vjp(node.call, node.needs, outputs)
        args = ((), (node.output_cell(),), given)
    else:
        cells = node.input_cells()
        if context.modes.grad:  # the gradient has a history itself: of what it depends on, no more
            used = node.saves()
            cells = [cell if k in used else None for k, cell in enumerate(cells)]
        absent = tuple(
            (k, node.avals[k].with_grad(False)) for k, cell in enumerate(cells) if cell is None
        )
        vjp = Vjp(node.call, node.needs, outputs, absent)
        args = (tuple(cells), (), given)
    found = append(context, vjp, args)
    return [(node.edges[k], cell) for k, cell in zip(node.needs, found, strict=True)]


# --------------------------------------------------------------------------------------- the memory


class Memory:
    """What a backward recorded from a state: where it ended, and the gradient of each leaf.

    leaves: (position of the leaf, position of its gradient, its aval).
    """

    __slots__ = ("end", "leaves")

    def __init__(self, end: State, leaves: tuple[tuple[int, int, Aval], ...]) -> None:
        self.end = end
        self.leaves = leaves


def gradients(context: Context, root: Cell, retain: bool) -> list[tuple[weakref.ref, Cell]]:
    """Record the backward of a scalar: (leaf, gradient) pairs.

    Remembered where the trace allows it.
    """
    trace = context.trace
    if root.trace is trace and root.array is None and not (trace.overwritten or trace.watched):
        memory = trace.state.memo.get((root.index, retain, context.modes))
        if memory is not None:
            leaves = [_leaf_at(trace, position) for position, _, _ in memory.leaves]
            if all(type(leaf) is weakref.ref for leaf in leaves):
                return _recall(trace, memory, leaves)
        return _remembered(context, trace, root, retain)
    return list(_walk_from(context, root, retain).leaves.values())


def _walk_from(context: Context, root: Cell, retain: bool) -> Gradients:
    edge = edge_of_cell(root)
    (one,) = append(context, ONES, (root,))
    return walk(context, [(edge, one)], retain, False)


def _leaf_at(trace: Trace, position: int) -> Any:
    return trace.leaves[-1 - position].node if position < 0 else trace.targets.get(position)


def _recall(trace: Trace, memory: Memory, leaves: list) -> list[tuple[weakref.ref, Cell]]:
    trace.state = memory.end
    found = []
    for leaf, (_, index, aval) in zip(leaves, memory.leaves, strict=True):
        cell = new_cell(trace, index, aval)
        trace.cells.append(cell)
        found.append((leaf, cell))
    return found


def _remembered(context: Context, trace: Trace, root: Cell, retain: bool) -> list:
    """The walk, with what it recorded put into the state's memory if it stayed inside the trace."""
    start = trace.state
    found = _walk_from(context, root, retain)
    pairs = list(found.leaves.values())
    if context.trace is not trace or start.node is None:
        return pairs
    leaves = _leaf_positions(trace)
    visited = frozenset(n.first for n in trace.nodes.values() if n.freed)
    inside = all(id(ref) in leaves for ref, _ in pairs) and all(
        not isinstance(e, tuple) or e[0].trace is trace
        for n in trace.nodes.values()
        for e in n.edges
    )
    # Another thread may have made a leaf its own meanwhile: then it entered this trace once more.
    inside = inside and trace.state.leaves == start.leaves
    key = ("backward", visited)
    end = trace.state.next.get(key)
    if end is None:
        end = trace.state.next[key] = State(trace.state, None, ())
        end.freed = trace.state.freed | visited
        if trace.state.replaces is not None:
            end.replaces = trace.state.replaces.next.get(key)
    trace.state = end
    if inside:
        known = tuple((leaves[id(ref)], cell.index, cell.aval) for ref, cell in pairs)
        start.memo[root.index, retain, context.modes] = Memory(end, known)
    return pairs


def _leaf_positions(trace: Trace) -> dict[int, int]:
    """id of a leaf's weak reference -> its position."""
    found = {id(ref): position for position, ref in trace.targets.items()}
    for k, cell in enumerate(trace.leaves):
        if type(cell.node) is weakref.ref:
            found[id(cell.node)] = -1 - k
    return found
