"""Donation: an in-place write gives the buffer of what it replaces to what replaces it.

XLA takes the buffer of a leaf for the output that stands in its place: were another output to take
it, the old value would have to be copied while it is still read. `pairs_of` says which output that
is, and program.py puts the outputs in that order. Where somebody can still see the array of a leaf
(a copy of the model shares it until the first step, say), the program gets a copy of it: that costs
what a second program for such a step would, but compiles nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from sys import getrefcount
from typing import Any

import jax
import numpy as np

from .trace import Cell, Trace


def alive_among(cells: list[Cell]) -> list[Cell]:
    """The cells that something besides the trace refers to, and no other thread has computed."""
    return [c for c in cells if getrefcount(c) > _UNSEEN and c.array is None]


def _measure_unseen() -> int:
    """What getrefcount says, in `alive_among`, of a cell that only the trace refers to."""
    return [getrefcount(c) for c in [object()]][0]


_UNSEEN = _measure_unseen()


def replaced_leaves(trace: Trace) -> tuple[int, ...]:
    """Positions of the leaves that in-place writes replaced."""
    return tuple([position for position in trace.replaced if position < 0])


def arrays_for(leaves: Sequence[Cell], donated: tuple[int, ...]) -> list[Any]:
    """The arrays that enter a program. donated: which of them it gives up; those that somebody can
    still see are copied."""
    seen = _seen_among(leaves, donated)
    arrays = [cell.array for cell in leaves]
    for k in seen:
        arrays[k] = _copied(arrays[k])
    return arrays


def _seen_among(leaves: Sequence[Cell], places: tuple[int, ...]) -> list[int]:
    """The leaves to which something besides the list refers, or to whose array."""
    return [
        k
        for k in places
        if getrefcount(leaves[k]) > _IN_LIST
        or getrefcount(leaves[k].array) > _IN_CELL
        or is_shared(leaves[k].array)
    ]


def _measure_alone() -> tuple[int, int]:
    """What getrefcount says in `_seen_among` of a leaf, and of its array, that nobody else sees."""
    leaves = [Cell(object(), None)]
    return [(getrefcount(leaves[k]), getrefcount(leaves[k].array)) for k in (0,)][0]


_IN_LIST, _IN_CELL = _measure_alone()


def _copied(array: Any) -> Any:
    """The array in a buffer of its own."""
    if type(array) is np.ndarray:  # JAX copies it
        return array
    with jax.enable_x64(True):
        if array.sharding.num_devices > 1 or next(iter(array.devices())).platform != "cpu":
            return array.copy()
        return jax.device_put(np.array(array), array.sharding)  # compiles nothing


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
