"""What is noted while a compiled function records: where the leaves of the trace come from.

A compiled function runs as any other the first times. What it then recorded can be repeated without
running it, if its leaves are known by their sources, and nothing happened that has to happen anew.
The engine and the library say so here; compiler/ makes shortcuts of it. Read program.py next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import user_line
from .trace import Cell, Context, local

# Why a function that makes Tensors of something else isn't captured.
FOREIGN = "an array that is no Tensor is read"


class Capture:
    """One run of a compiled function.

    sources: id of a cell -> where another run finds the cell in its place: a Tensor that holds it,
    an `Action`, or the cell itself, a constant.  cells: these cells, so that the ids stay theirs.
    checks: of values that are at hand: (cell, function that raises for an array it doesn't like).
    owners: the Tensors whose `.grad` was set.  held: what holds a cell and is no Tensor: the random
    state of a device.  actions: what has to be done anew, in order.  stepped: whether an optimizer
    made a step, whose program runs in the end.  reason: why it can't be repeated, and the user's
    line.  strict: that is an error.  muted: how many calls are open whose reads are no concern of
    the function's.  moves: how often the default generator has moved by noted draws.
    """

    __slots__ = (
        "actions",
        "cells",
        "checks",
        "held",
        "moves",
        "muted",
        "owners",
        "reason",
        "sources",
        "stepped",
        "strict",
    )

    def __init__(self, strict: bool) -> None:
        self.sources: dict[int, Any] = {}
        self.cells: list[Cell] = []
        self.checks: list[tuple[Cell, Callable[[Any], None]]] = []
        self.owners: list[Any] = []
        self.held: list[Any] = []
        self.actions: list[Action] = []
        self.stepped = False
        self.reason: tuple[str, str] | None = None
        self.strict = strict
        self.muted = 0
        self.moves = 0

    def stop(self, reason: str) -> None:
        """What happens now can't be repeated. `Unsupported` if the capture is strict."""
        if self.muted or self.reason is not None:
            return
        self.reason = (reason, user_line())
        self.clear()
        if self.strict:
            raise Unsupported(f"{reason} ({self.reason[1]})")

    def clear(self) -> None:
        """Let go of all that was noted."""
        self.sources, self.cells, self.held = {}, [], []
        self.actions, self.checks, self.owners = [], [], []

    def note(self, cell: Cell, source: Any) -> None:
        """Say where a cell comes from."""
        if self.reason is None:
            self.sources[id(cell)] = source
            self.cells.append(cell)

    def hold(self, holder: Any) -> None:
        """Note what holds a cell and is no Tensor."""
        if self.reason is None and holder not in self.held:
            self.held.append(holder)
            self.note(holder.cell, holder)

    def act(self, run: Callable[[], Cell | None], cell: Cell | None = None) -> None:
        """Note something that has to be done anew in each run. cell: what it gave this time."""
        action = Action(run)
        self.actions.append(action)
        if cell is not None:
            self.note(cell, action)


class Action:
    """Something that is done in each run of a compiled function; it may give a cell."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], Cell | None]) -> None:
        self.run = run


class Unsupported(RuntimeError):
    """A function that was to be captured whole can't be. See `torch._dynamo.exc.Unsupported`."""


def stop(reason: str) -> None:
    """If a compiled function is running: what happens now can't be repeated."""
    capture = local.context.capture
    if capture is not None:
        capture.stop(reason)


def note_constant(cell: Cell) -> None:
    """If a compiled function is running: this cell holds the same value in each run."""
    capture = local.context.capture
    if capture is not None:
        capture.note(cell, cell)


def note_gradient(tensor: Any) -> None:
    """If a compiled function is running: it sets the `.grad` of a Tensor."""
    capture = local.context.capture
    if capture is not None:
        capture.owners.append(tensor)


class muted:
    """While active, reads of values are no concern of the compiled function that is running."""

    __slots__ = ("_capture",)

    def __init__(self, context: Context) -> None:
        self._capture: Any = context.capture

    def __enter__(self) -> None:
        if self._capture is not None:
            self._capture.muted += 1

    def __exit__(self, *_: Any) -> None:
        if self._capture is not None:
            self._capture.muted -= 1
