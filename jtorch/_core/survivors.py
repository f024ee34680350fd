"""The part of the autograd graph that outlives its trace.

When a program runs while the graph is still alive, the GradNodes that somebody may still walk keep
the cells that their VJPs use. `survivors_of` says which they are, before the program is built, so
that it returns those cells; `keep_graph` hands them over when it has run. Read donation.py next.
"""

from __future__ import annotations

from typing import Any

from .graph import GradNode, edge_of, read
from .history import Node
from .trace import OVERWRITTEN, Cell, Trace


def nodes_in_use(trace: Trace, alive: tuple[int, ...]) -> tuple[int, ...]:
    """The GradNodes that somebody may still go back through, but for those which the values that
    are alive keep anyway: the first program of a path is then the one that later runs use."""
    gone: dict[Any, bool] = {}
    nodes = {k for k, node in trace.nodes.items() if not (node.freed or _is_gone(node, gone))}
    if nodes:
        nodes -= {node.first for node in survivors_of(trace, alive, (), gone)[0]}
    return tuple(sorted(nodes))


def survivors_of(
    trace: Trace, alive: tuple, nodes: tuple, gone: dict[Any, bool] | None = None
) -> tuple[list[GradNode], tuple, bool]:
    """The GradNodes that must outlive the trace, oldest first; the alive positions whose graph is
    freed, with the edge that says so; and whether the history of one lies outside of the trace.
    gone: what `_is_gone` has found already."""
    gone = {} if gone is None else gone
    freed = []
    outside = False
    reached: dict[int, GradNode] = {}
    stack: list[GradNode] = []
    for position in alive:
        aval = _aval_at(trace, position)
        edge = edge_of(trace, position, aval)
        if type(edge) is tuple:
            if _is_gone(edge[0], gone):
                freed.append((position, (FreedNode(edge[0].name()), 0)))
            else:
                stack.append(edge[0])
                outside = outside or edge[0].trace is not trace
    stack.extend(trace.nodes[first] for first in nodes)
    while stack:
        node = stack.pop()
        if node.trace is trace and node.first not in reached:
            reached[node.first] = node
            stack.extend(e[0] for e in node.edges if type(e) is tuple)
    return [reached[first] for first in sorted(reached)], tuple(freed), outside


def _is_gone(node: Any, known: dict[Any, bool]) -> bool:
    """Whether a backward through this node would meet something freed in the present trace. What is
    found on the way is noted in `known`."""
    stack = [node]
    while stack:
        top = stack[-1]
        freed = top.freed and top.saves_anything
        ahead = [e[0] for e in top.edges if type(e) is tuple and e[0].trace is not None]
        waiting = [n for n in ahead if n not in known]
        if waiting and not freed:
            stack.extend(waiting)
            continue
        known[top] = freed or any(known[n] for n in ahead)
        stack.pop()
    return known[node]


def _aval_at(trace: Trace, position: int) -> Any:
    state = trace.producer(position)
    return state.avals[position - state.first]


def keep_graph(
    trace: Trace, program: Any, places: tuple[int, ...], alive: list[Cell], arrays: list
) -> None:
    """Make the GradNodes that survive hold cells, and the alive cells know their history.

    places: the positions of these, two of which may be the same.
    """
    cells = dict(zip(places, alive, strict=True))
    count = len(places)
    for position, array in zip(program.wanted[count:], arrays[count:], strict=True):
        cells[position] = Cell(array, _aval_at(trace, position))
    for k, leaf in enumerate(trace.leaves):
        cells[-1 - k] = leaf
    for position in trace.overwritten:
        if position >= 0:
            written = cells.setdefault(position, Cell(None, _aval_at(trace, position)))
            written.trace = OVERWRITTEN
    _keep_tangents(trace, cells)
    gone = dict(program.freed)
    for first in program.survivors:
        read(trace, trace.producer(first))
    for position, cell in cells.items():
        if position < 0 or not cell.aval.requires_grad or cell.node is not None:
            continue
        if position in gone:
            cell.node = gone[position]
        else:
            cell.node = edge_of(trace, position, cell.aval)
    for position, cell in zip(places, alive, strict=True):
        if cell.node is None and cell.aval.requires_grad:
            cell.node = cells[position].node
    for first in program.survivors:
        trace.nodes[first].keep(cells)


def _keep_tangents(trace: Trace, cells: dict[int, Cell]) -> None:
    """Let values that are kept know their tangents."""
    for position, (place, _) in trace.tangents.items():
        if position in cells and place in cells:
            cells[position].tangent = (trace.context.level, cells[place])


class FreedNode(Node):
    """The history of a value whose graph was freed by a backward: all that is left is its name."""

    freed = True
    saves_anything = True
    edges = ()
    needs = ()
    trace = None
    sequence = (0, 0)

    def __init__(self, name: str) -> None:
        self.known = name
        self.hung = None
        self.watched: dict = {}

    def name(self) -> str:
        return self.known
