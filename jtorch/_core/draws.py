"""Random numbers inside of bodies: how many are drawn, and what one example sees of them.

They are drawn on the host when the function runs, for all examples at once. Read grad_mode.py next.
"""

from __future__ import annotations

from .program import body_of
from .trace import Cell, Context

_SAME = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an "
    "issue with functorch"
)


def drawn_sizes(context: Context) -> tuple[int, ...]:
    """The sizes of the open bodies whose examples draw random numbers of their own, outermost
    first. RuntimeError where one allows no random numbers."""
    sizes = []
    for body in context.bodies:
        if body.randomness == "error":
            raise RuntimeError(body.random)
        if body.randomness == "different":
            sizes.append(body.size)
    return tuple(sizes)


def whole_values(context: Context, cell: Cell) -> tuple[Cell, tuple[int, ...]]:
    """A value for the examples of all open bodies, as a cell of the trace around them, and where
    their dimensions stand: one after the other, each counted without those before it.

    RuntimeError where examples that differ are to draw the same numbers.
    """
    dims: list[int] = []
    for body in reversed(context.bodies):
        found = body.whole(cell) if body_of(cell) is body else None
        if found is None:
            continue
        if body.randomness == "same":
            raise RuntimeError(_SAME)
        cell = found[0]
        dims.insert(0, found[1])
    return cell, tuple(dims)


def dealt(context: Context, cell: Cell) -> Cell:
    """What one example sees of numbers drawn for all: those of `drawn_sizes` lead the shape."""
    for body in context.bodies:
        if body.randomness == "different":
            cell = body.argument(cell, 0)
    return cell
