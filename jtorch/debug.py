"""Looking at the engine: explanations, eager mode, counts, the budget of a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ._core.building import statistics as _counts
from ._core.events import materialises
from ._core.extend import limits
from ._core.program import materialise_all
from ._core.trace import local
from ._explain import Report, explain
from ._hints import CompilationWarning


@contextmanager
@materialises("eager mode", "every operation, while `JTORCH_EAGER=1` or `debug.eager()` holds")
def eager(enabled: bool = True) -> Iterator[None]:
    """While active, every op of this thread runs at once: for debugging. Results are the same."""
    context = local.context
    before = context.modes.eager
    materialise_all()
    context.modes = context.modes.replace(eager=enabled)
    try:
        yield
    finally:
        context.modes = context.modes.replace(eager=before)


def statistics() -> dict[str, int]:
    """programs_compiled, programs_run and nodes_inferred since the process began."""
    names = ("programs_compiled", "programs_run", "nodes_inferred")
    return {name: getattr(_counts, name) for name in names}


def recorded_nodes() -> int:
    """How many nodes the present trace has."""
    return local.context.trace.state.depth


@contextmanager
def budget(nodes: int) -> Iterator[None]:
    """While active, a trace longer than `nodes` is cut at the loop head."""
    before, limits.nodes = limits.nodes, nodes
    try:
        yield
    finally:
        limits.nodes = before


__all__ = [
    "CompilationWarning",
    "Report",
    "budget",
    "eager",
    "explain",
    "recorded_nodes",
    "statistics",
]
