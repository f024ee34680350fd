"""What is known of a run of a compiled function before it begins: a shortcut is what it changed."""

from __future__ import annotations

from typing import NamedTuple

from .._core.device import default_device
from .._core.tensor import Tensor
from .._core.trace import Cell, Context, State, Trace
from .places import Places


class Before(NamedTuple):
    """What is known of a run before it begins.

    arguments: the Tensors among the arguments.  reached: those that the function reaches otherwise,
    too, by their number.  cells, versions: of every Tensor in `places`, by its id.  traces: the
    state of each trace.  modes: those in force.  counts: what else the trace has.
    """

    arguments: list[Tensor]
    reached: list[tuple[int, Tensor]]
    places: Places
    cells: dict[int, Cell | None]
    versions: dict[int, int]
    traces: dict[Trace, State]
    modes: tuple
    counts: tuple[int, ...]


class Uncapturable(Exception):
    """Why a run can't be repeated."""


def before_run(context: Context, places: Places, arguments: list[Tensor]) -> Before:
    """What has to be known of a run, before it begins."""
    reached = [(k, t) for k, t in enumerate(arguments) if id(t) in places.tensors]
    tensors = {**places.tensors, **{id(t): t for t in arguments}}
    cells = {key: base_cell(t) for key, t in tensors.items()}
    versions = {key: t._version for key, t in tensors.items()}
    places.tensors.update(tensors)
    traces = {trace: trace.state for trace in context.traces.values()}
    modes, counts = modes_of(context), counts_of(context.trace)
    return Before(arguments, reached, places, cells, versions, traces, modes, counts)


def modes_of(context: Context) -> tuple:
    """The modes in force."""
    return context.modes, default_device()


def base_cell(tensor: Tensor) -> Cell | None:
    """The cell that a write to a Tensor replaces: of a view, its base's."""
    return tensor._storage.cell if tensor._view else tensor._cell


def counts_of(trace: Trace) -> tuple[int, ...]:
    """How much there is of that which a shortcut can't repeat."""
    return len(trace.checks), len(trace.watched), len(trace.functions), len(trace.packed)
