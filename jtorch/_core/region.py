"""Regions: parts of a trace whose values a backward computes anew instead of keeping them.

What `torch.utils.checkpoint` runs is recorded in a mode of its own (`Modes.region`). The nodes of
a trace that were recorded one after another in the same such mode are a *region*. For the backward
of its nodes, replay.py records the region once more, from the values that enter it: so only these
must be kept, and inside one program XLA can give the memory of all others back. Which nodes are a
region is a function of the trie's state, as everything about a program. Read graph.py next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .op import Op
from .trace import Cell, Context, State, Trace

# Follows a node whose value is kept after all: see selective.py.
KEEP = Op(lambda value: value, "keep", differentiable=False)


class Region:
    """The states of a region.

    inputs: the positions of what is not computed anew: what its nodes use from outside, and what is
    kept of their values.  avals: theirs.  cells: theirs, once a program has run.  functions:
    contexts of the custom Functions of the trace.
    """

    __slots__ = ("avals", "begin", "cells", "end", "functions", "inputs", "states", "trace")

    def __init__(self, trace: Trace, states: list[State]) -> None:
        self.trace: Trace | None = trace
        self.states = states
        self.functions = trace.functions
        self.begin, self.end = states[0].first, states[-1].outputs
        self.avals = {
            p: aval
            for state in states
            for p, aval in zip(state.node.inputs, state.node.avals, strict=True)
            if not self.holds(p) or state.node.call.op is KEEP
        }
        self.inputs = tuple(sorted(self.avals))
        self.cells: dict[int, Cell] = {}

    def holds(self, position: int) -> bool:
        """Whether a position is an output of the region's nodes."""
        return self.begin <= position < self.end

    def keep(self, cells: dict[int, Cell]) -> None:
        """The trace is about to end: keep cells instead of positions."""
        if self.trace is not None:
            self.cells = {p: cells[p] for p in self.inputs if p in cells}
            self.trace = None


def region_of(trace: Trace, state: State) -> Region | None:
    """The region that a state of the trace is in."""
    if not state.node.call.modes.region:
        return None
    if state.first not in trace.regions:
        for run in _runs(trace.state):
            region = Region(trace, run)
            for member in run:
                trace.regions.setdefault(member.first, region)
    return trace.regions[state.first]


def _runs(state: State) -> list[list[State]]:
    """The states of each region on the path."""
    runs: list[list[State]] = []
    number = 0
    path: list[Any] = []
    while state.parent is not None:
        path.append(state)
        state = state.parent
    for step in reversed(path):
        before, number = number, step.node.call.modes.region if step.node is not None else 0
        if number and number != before:
            runs.append([])
        if number:
            runs[-1].append(step)
    return runs


def next_number(trace: Trace) -> int:
    """The mode for a region that begins now: another one than that of the region before."""
    trace.region = 2 if trace.region == 1 else 1
    return trace.region


@contextmanager
def checkpointed(context: Context) -> Iterator[None]:
    """Have what is recorded be a region. One inside another is part of it."""
    before = context.modes
    if before.grad and not before.region:
        context.modes = before.replace(region=next_number(context.trace), packing=False)
    try:
        yield
    finally:
        context.modes = context.modes.replace(region=before.region, packing=before.packing)
