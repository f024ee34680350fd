"""backward: a walk over the graph that records VJP nodes, and its memory.

The walk takes GradNodes from the latest to the earliest, records the VJP of each, and adds up what
arrives at an edge. It knows no op. While the graph lies wholly in the present trace, all that it
records is a function of the trie's state: `gradients` remembers it there, and the next time costs
only the leaves. What to do with the gradients of leaves is said in backward.py, which is next.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp

from . import anomaly
from .alias import cell_of
from .append import append
from .graph import GradNode, edge_of_cell
from .history import Hung
from .op import Op
from .packing import unpacked
from .region import Region
from .replay import Replay
from .tensor import Tensor, from_cell
from .trace import Aval, Cell, Context, State, Trace, new_cell
from .vjp import Vjp

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
    """Where gradients arrive during a walk: cotangents per GradNode output, gradients per leaf.

    deliver: takes a leaf and its gradient as soon as that is complete, if the hooks of a node may
    want to see it; without them all wait for the end.  awaited: id of a leaf's weak reference ->
    how many edges may still bring a part of it.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.nodes: dict[GradNode, list[Cell | None]] = {}
        self.leaves: dict[int, tuple[weakref.ref, Cell]] = {}
        self.queue: list[tuple] = []
        self.order = itertools.count()
        self.roots: list = []
        self.wanted: set | None = None
        self.captured: dict[tuple, Cell] = {}
        self.replays: dict[Region, Replay] = {}
        self.deliver: Deliver | None = None
        self.awaited: dict[int, int] = {}

    def restrict(self, wanted: list) -> None:
        """Go only where a wanted edge lies ahead: other parts of the graph are neither run nor
        freed."""
        self.wanted = self.leading_to(wanted)

    def leading_to(self, edges: list) -> set:
        """These edges, and the nodes of the graph from which one of them can be reached."""
        found: set = {e if type(e) is tuple else id(e) for e in edges}
        stack = [edge[0] for edge in self.roots if type(edge) is tuple]
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
            if any(_leads(found, e) for e in node.edges):
                found.add(node)
        return found

    def hasten(self, deliver: Deliver) -> None:
        """Deliver the gradients of leaves early, if a node that lies ahead has hooks."""
        seen = {edge[0] for edge in self.roots if type(edge) is tuple}
        stack = list(seen)
        while stack:
            node = stack.pop()
            if node.watched or node.hung is not None:
                self.deliver = deliver
            for edge in node.edges:
                if type(edge) is not tuple:
                    self.awaited[id(edge)] = self.awaited.get(id(edge), 0) + 1
                elif edge[0] not in seen:
                    seen.add(edge[0])
                    stack.append(edge[0])

    def pass_by(self, node: GradNode) -> None:
        """A node has given all that it has: deliver what is now complete."""
        if self.deliver is None:
            return
        for edge in node.edges:
            if type(edge) is not tuple:
                self.awaited[id(edge)] -= 1
                if self.awaited[id(edge)] == 0 and id(edge) in self.leaves:
                    self.deliver(*self.leaves.pop(id(edge)))

    def reaches(self, edge: Any) -> bool:
        """Whether a gradient arrives at an edge during this walk."""
        known = self.leading_to([edge])
        return any(_leads(known, root) for root in self.roots) and self._leads(edge)

    def replay(self, region: Region, cotangents: list) -> Replay:
        """What is computed anew of a region in this walk."""
        found = self.replays.get(region)
        if found is None:
            found = self.replays[region] = Replay(self.context, region, cotangents)
            cotangents[:] = found.cotangents
        return found

    def _leads(self, edge: Any) -> bool:
        return self.wanted is None or _leads(self.wanted, edge)

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


Deliver = Callable[[weakref.ref, Cell], None]


def _leads(known: set, edge: Any) -> bool:
    """Whether an edge is, or its node leads to, one of those known."""
    if type(edge) is tuple:
        return edge in known or edge[0] in known
    return id(edge) in known


def walk(
    context: Context,
    roots: Iterable[tuple[Any, Cell]],
    retain: bool,
    create: bool,
    wanted: list | None = None,
    deliver: Deliver | None = None,
) -> Gradients:
    """Record the backward of the graph above `roots`, pairs of an edge and its cotangent.

    wanted: the only edges whose gradients are asked for; those that are no leaves are then in
    `captured`.  deliver: see Gradients; what it was not called for is in `leaves`. RuntimeError
    where the graph was freed, or something that it needs was written in place.
    """
    gradients = Gradients(context)
    roots = list(roots)
    gradients.roots = [edge for edge, _ in roots]
    if wanted is not None:
        gradients.restrict(wanted)
    if deliver is not None:
        gradients.hasten(deliver)
    before, outer = context.modes, (context.walk, context.walking)
    context.modes = before.replace(grad=create)
    context.walk, context.walking = gradients, True
    watch = anomaly.Watch(context) if anomaly.state.enabled else None
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
            if node.hung is not None:
                call_prehooks(node.hung, cotangents)
            found = _pull(context, node, cotangents)
            if watch is not None:
                watch.note(node, found)
            if node.hung is not None:
                found = _call_hooks(node, node.hung, found, cotangents)
            for slot, gradient in found:
                gradients.add(node.edges[slot], gradient)
            done.append(node)
            gradients.pass_by(node)
    finally:
        context.modes = before
        context.walk, context.walking = outer
        if not retain:  # what was passed is given up also if the rest fails, as in PyTorch
            for node in done:
                node.free()
    if watch is not None:
        watch.raise_first()
    return gradients


def _visit_hooks(node: GradNode, cotangents: list, gradients: Gradients) -> None:
    """Hooks of Tensors that this node made, and edges somebody waits for."""
    for k, watcher in node.watched.items():
        if cotangents[k] is not None:
            cotangents[k] = watcher(cotangents[k])
    for k, cell in enumerate(cotangents):
        if cell is not None and gradients.wanted is not None and (node, k) in gradients.wanted:
            gradients.captured[node, k] = cell


def call_prehooks(hung: Hung, cotangents: list) -> None:
    """The hooks that see a node's gradients before it runs."""
    for hook in tuple(hung.prehooks.values()):
        cotangents[:] = _changed(hook(_tensors(cotangents)), cotangents)


def _call_hooks(node: GradNode, hung: Hung, found: list, cotangents: list) -> list:
    """The hooks that see what a node computed: (slot, cell) for each gradient."""
    slots = node.visible_slots()
    by_slot: dict[int, Cell | None] = dict(found)
    for hook in tuple(hung.hooks.values()):
        before = [by_slot.get(k) for k in slots]
        after = _changed(hook(_tensors(before), _tensors(cotangents)), before)
        by_slot.update(zip(slots, after, strict=True))
    return [(slot, cell) for slot, cell in by_slot.items() if cell is not None]


def _tensors(cells: list) -> tuple:
    return tuple(None if cell is None else from_cell(cell) for cell in cells)


def _changed(result: Any, cells: list) -> list:
    """The gradients that a hook returned. RuntimeError for another number of them."""
    if result is None:
        return cells
    values = (result,) if isinstance(result, Tensor) else result
    if len(values) != len(cells):
        raise RuntimeError(
            f"hook has returned an incorrect number of values (got {len(values)}, but expected "
            f"{len(cells)})"
        )
    return [None if value is None else cell_of(value) for value in values]


class Limits:
    """Whether writing to what a graph has saved is an error. Values are immutable here, so a
    backward uses the old ones in any case; see torch.autograd.graph.
    allow_mutation_on_saved_tensors."""

    mutation = False


def _check(node: GradNode) -> None:
    if node.freed and node.saves_anything:
        raise RuntimeError(SECOND_TIME)
    if node.is_overwritten() and not Limits.mutation:
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: an input or the output of {node.name()}, recorded at {node.line}. Hint: "
            "clone() "
            "what you keep, or move the write behind backward()."
        )


def _pull(context: Context, node: GradNode, cotangents: list) -> list[tuple[int, Cell]]:
    """Record the VJP of a node: (slot, gradient) pairs."""
    if not node.needs:
        return []
    if node.pulls:
        return node.pull(context, cotangents)
    cells, output = values_of(context, node, cotangents)
    outputs = tuple(k for k, cell in enumerate(cotangents) if cell is not None)
    given = tuple(cotangents[k] for k in outputs)
    if node.call.op.backward is not None:
        vjp = Vjp(node.call, node.needs, outputs)
        args = ((), (output,), given)
    else:
        if context.modes.grad:  # the gradient has a history itself: of what it depends on, no more
            used = node.saves()
            cells = [cell if k in used else None for k, cell in enumerate(cells)]
        absent = tuple(
            (k, node.avals[k].with_grad(False)) for k, cell in enumerate(cells) if cell is None
        )
        vjp = Vjp(node.call, node.needs, outputs, absent)
        args = (tuple(cells), (), given)
    found = append(context, vjp, args)
    return list(zip(node.needs, found, strict=True))


def values_of(context: Context, node: GradNode, cotangents: list) -> tuple[list, Cell | None]:
    """The inputs that a node's VJP uses, None for others, and its output if that is what it uses.

    What has to be computed anew first holds the cotangents back until it is.
    """
    if node.packed is not None:
        return unpacked(context, node)
    from_output = node.call.op.backward is not None
    if node.region is None:
        return node.input_cells(), node.output_cell() if from_output else None
    replay = context.walk.replay(node.region, cotangents)
    if from_output:
        return [], replay.cell(node.first)
    used = node.saves()
    return [replay.cell(p) if k in used else None for k, p in enumerate(node.positions)], None


# --------------------------------------------------------------------------------------- the memory


class Memory:
    """What a backward recorded from a state: where it ended, and the gradient of each leaf.

    leaves: (position of the leaf, position of its gradient, its aval).  order: these by the
    positions of the gradients, which is how the walk recorded them: the program is then the same.
    """

    __slots__ = ("end", "leaves", "order")

    def __init__(self, end: State, leaves: tuple[tuple[int, int, Aval], ...]) -> None:
        self.end = end
        self.leaves = leaves
        self.order = sorted(range(len(leaves)), key=lambda k: leaves[k][1])


def gradients(
    context: Context, root: Cell, retain: bool, deliver: Deliver
) -> list[tuple[weakref.ref, Cell]]:
    """Record the backward of a scalar: (leaf, gradient) pairs that are not yet delivered.

    Remembered where the trace allows it.
    """
    trace = context.trace
    if root.trace is trace and root.array is None and trace.repeats and not anomaly.state.enabled:
        memory = trace.state.memo.get((root.index, retain, context.modes))
        if memory is not None:
            leaves = [_leaf_at(trace, position) for position, _, _ in memory.leaves]
            if all(type(leaf) is weakref.ref for leaf in leaves):
                return _recall(trace, memory, leaves)
        return _remembered(context, trace, root, retain, deliver)
    return list(_walk_from(context, root, retain, deliver).leaves.values())


def _walk_from(context: Context, root: Cell, retain: bool, deliver: Deliver) -> Gradients:
    edge = edge_of_cell(root)
    (one,) = append(context, ONES, (root,))
    return walk(context, [(edge, one)], retain, False, deliver=deliver)


def _leaf_at(trace: Trace, position: int) -> Any:
    return trace.leaves[-1 - position].node if position < 0 else trace.targets.get(position)


def _recall(trace: Trace, memory: Memory, leaves: list) -> list[tuple[weakref.ref, Cell]]:
    trace.state = memory.end
    for first, node in trace.nodes.items():  # those that somebody has looked at
        if first in memory.end.freed:
            node.free()
    found = []
    for leaf, (_, index, aval) in zip(leaves, memory.leaves, strict=True):
        found.append((leaf, new_cell(trace, index, aval)))
    trace.cells.extend([found[k][1] for k in memory.order])
    return found


def _remembered(context: Context, trace: Trace, root: Cell, retain: bool, deliver: Deliver) -> list:
    """The walk, with what it recorded put into the state's memory if it stayed inside the trace."""
    start = trace.state
    found = _walk_from(context, root, retain, deliver)
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
