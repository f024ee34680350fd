"""Donation: an in-place write gives the buffer of what it replaces to what replaces it.

A leaf is donated when nobody can see its array any more. XLA takes a buffer for the output that
stands for it: were another output to take it, the old value would have to be copied while it is
still read. `pairs_of` says which output that is, and program.py puts the outputs in that order.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from sys import getrefcount
from typing import Any

import numpy as np

from .trace import Cell, Trace


def alive_among(cells: list[Cell]) -> list[Cell]:
    """The cells that something besides the trace refers to, and no other thread has computed."""
    return [c for c in cells if getrefcount(c) > _UNSEEN and c.array is None]


def _measure_unseen() -> int:
    """What getrefcount says, in `alive_among`, of a cell that only the trace refers to."""
    return [getrefcount(c) for c in [object()]][0]


_UNSEEN = _measure_unseen()


def donated_by(trace: Trace) -> tuple[int, ...]:
    """Positions of replaced leaves whose buffer nobody can see any more."""
    leaves = trace.leaves
    found = []
    for position in trace.replaced:
        if position >= 0:
            continue
        cell = leaves[-1 - position]
        # Seen by: the list of leaves, this variable, getrefcount. The array: the cell, getrefcount.
        if getrefcount(cell) <= _UNSEEN and getrefcount(cell.array) <= _UNSEEN - 1:
            if type(cell.array) is not np.ndarray and not is_shared(cell.array):
                found.append(position)
    return tuple(found)


def note_replaced(trace: Trace, old: Cell, new: Cell) -> None:
    """An in-place write put `new` where `old` was. Of another shape (`t_`), it can't take over."""
    if (
        old.trace is new.trace is trace
        and old.index < new.index
        and old.aval.shape == new.aval.shape
    ):
        trace.replaced[old.index] = new.index


def pairs_of(trace: Trace, donated: Iterable[int]) -> dict[int, int]:
    """For each donated leaf the position of what stands in its place now."""
    return {leaf: _last_written(trace, leaf) for leaf in sorted(donated, reverse=True)}


def _last_written(trace: Trace, position: int) -> int:
    while position in trace.replaced:
        position = trace.replaced[position]
    return position


_shared: dict[int, weakref.ref] = {}


def share(array: Any) -> None:
    """Somebody outside got a view of this buffer: it must never be donated."""
    key = id(array)
    _shared[key] = weakref.ref(array, lambda _: _shared.pop(key, None))


def is_shared(array: Any) -> bool:
    """Whether a view of this buffer was handed out."""
    return bool(_shared) and id(array) in _shared
