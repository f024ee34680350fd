"""Donation: an in-place write gives the buffer of what it replaces to what replaces it.

XLA takes the buffer of a leaf for the output that stands in its place: were another output to take
it, the old value would have to be copied while it is still read. `pairs_of` says which output that
is, and building.py puts the outputs in that order; it gives up no leaf that a graph keeps. Where
somebody can still see the array of a leaf (a copy of the model shares it until the first step,
say), the program gets a copy of it: that costs what a second program for such a step would, but
compiles nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from sys import getrefcount
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from .trace import OVERWRITTEN, Cell, Trace


def alive_among(cells: list[Cell]) -> list[Cell]:
    """The cells that something besides the trace refers to, and no other thread has computed."""
    return [c for c in cells if getrefcount(c) > UNSEEN and c.array is None]


def part_from_tangents(cells: list[Cell]) -> None:
    """Have cells that nobody refers to not hold their tangents, which come behind them."""
    for cell in cells:
        if getrefcount(cell) <= UNSEEN and hasattr(cell, "tangent"):
            del cell.tangent


def _measure_unseen() -> int:
    """What getrefcount says, in `alive_among`, of a cell that only the trace refers to."""
    return [getrefcount(c) for c in [object()]][0]


UNSEEN = _measure_unseen()


class Renewal:
    """Cells that get other values when the program has run, instead of being replaced: what an
    optimizer updates and nobody else looks at. That spares a new cell for each of them.

    cells: these; new ones in the place of those that somebody looks at.  positions: of the new
    values.  replaced: leaf -> position of its new value.  kept: the places of the leaves among
    `cells`.
    """

    __slots__ = ("cells", "kept", "positions", "replaced")

    def __init__(
        self,
        cells: list[Cell],
        positions: tuple[int, ...],
        replaced: dict[int, int],
        kept: frozenset[int],
    ) -> None:
        self.cells = cells
        self.positions = positions
        self.replaced = replaced
        self.kept = kept


def part_from_graph(trace: Trace) -> None:
    """Before cells get other values: graphs that go on keep cells of their own for the old ones."""
    for renewal in trace.renewals:
        for k in renewal.kept:
            old = trace.leaves[k]
            if old.trace is not OVERWRITTEN:
                trace.leaves[k] = Cell(old.array, old.aval, old.node)
                trace.leaves[k].trace = OVERWRITTEN


def arrays_for(
    leaves: Sequence[Cell], donated: tuple[int, ...], renewals: Sequence[Renewal]
) -> list[Any]:
    """The arrays that enter a program. donated: which of them it gives up; those that somebody can
    still see are copied."""
    arrays = [cell.array for cell in leaves]
    copy_seen(arrays, donated)
    for k in frozenset(donated).difference(*[renewal.kept for renewal in renewals]):
        if getrefcount(leaves[k]) > _IN_LIST:  # others would see the new value
            arrays[k] = _copied(arrays[k])
    return arrays


def _measure_alone() -> int:
    """What getrefcount says in `arrays_for` of a leaf that nobody else sees."""
    leaves = [object()]
    return [getrefcount(leaves[k]) for k in (0,)][0]


_IN_LIST = _measure_alone()


def _copied(array: Any) -> Any:
    """The array in a buffer of its own."""
    if type(array) is np.ndarray:  # JAX copies it
        return array
    with jax.enable_x64(True):
        if array.sharding.num_devices > 1 or next(iter(array.devices())).platform != "cpu":
            return array.copy()
        return jax.device_put(np.array(array), array.sharding)  # compiles nothing


def copy_seen(arrays: list[Any], places: Sequence[int]) -> None:
    """Copy the arrays at some places to which something refers besides this list and a cell."""
    found = [getrefcount(arrays[k]) for k in places]
    if _shared or found != [_IN_LIST_AND_CELL] * len(places):
        for k, references in zip(places, found, strict=True):
            if references > _IN_LIST_AND_CELL or is_shared(arrays[k]):
                arrays[k] = _copied(arrays[k])


def _measure_listed() -> int:
    """What getrefcount says in `copy_seen` of an array that nobody else sees."""
    cells: list[Any] = [SimpleNamespace(array=object())]
    arrays = [cell.array for cell in cells]
    return [getrefcount(arrays[k]) for k in (0,)][0]


_IN_LIST_AND_CELL = _measure_listed()


def note_replaced(trace: Trace, old: Cell, new: Cell) -> None:
    """An in-place write put `new` where `old` was. Of another shape (`t_`), it can't take over."""
    if (
        old.trace is new.trace is trace
        and old.index < new.index
        and old.aval.shape == new.aval.shape
    ):
        trace.replaced[old.index] = new.index


def pairs_of(trace: Trace) -> dict[int, int]:
    """For each leaf that was replaced the position of what stands in its place now."""
    replaced = dict(trace.replaced)
    for renewal in trace.renewals:
        replaced.update(renewal.replaced)
    leaves = [position for position in replaced if position < 0]
    return {leaf: _last_written(replaced, leaf) for leaf in sorted(leaves, reverse=True)}


def _last_written(replaced: dict[int, int], position: int) -> int:
    while position in replaced:
        position = replaced[position]
    return position


_shared: dict[int, weakref.ref] = {}


def share(array: Any) -> None:
    """Somebody outside got a view of this buffer: it must never be donated."""
    key = id(array)
    _shared[key] = weakref.ref(array, lambda _: _shared.pop(key, None))


def is_shared(array: Any) -> bool:
    """Whether a view of this buffer was handed out."""
    return bool(_shared) and id(array) in _shared
