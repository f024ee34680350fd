"""A shortcut that is a program by itself, run without a trace.

Where a shortcut begins with an empty trace, and its program runs in its end, there is nothing for a
trace to hold: the arrays of the leaves go into the program, and what comes out goes to the Tensors
that were written and returned. A Tensor that is written keeps its cell, if nobody else sees that.
What is not as it was in the run before (an alias, somebody who still sees an old value) is left to
the shortcut itself.
"""

from __future__ import annotations

from operator import itemgetter
from sys import getrefcount
from types import SimpleNamespace
from typing import Any

from .._core.alias import cell_of, storage_of
from .._core.building import Program
from .._core.capture import Action
from .._core.donation import UNSEEN, arrays_for
from .._core.program import call, explained
from .._core.tensor import Tensor
from .._core.trace import Cell
from ._places import Place
from ._shortcut import Argument, Shortcut, _Results

MISS = object()
# What getrefcount says, in `_alone`, of a cell without owners: it is in two lists more. Each owner
# refers to it twice, as a Tensor and as its storage.
_LISTS = UNSEEN + 2


class Direct:
    """The program of a shortcut, and where its arrays come from and go to.

    held: the Tensors that are sources themselves; cells: theirs, as last seen.  order: puts the
    cells of these and of the other sources into the order of the leaves.
    """

    def __init__(self, shortcut: Shortcut, program: Program) -> None:
        self.shortcut = shortcut
        self.program = program
        sources = shortcut.sources
        held = [k for k, s in enumerate(sources) if isinstance(s, Tensor)]
        self.held = [sources[k] for k in held]
        self.others = [k for k, s in enumerate(sources) if not isinstance(s, Tensor)]
        place = {k: i for i, k in enumerate((*held, *self.others))}
        order = [place[k] for k in range(len(sources))]
        self.order = itemgetter(*order) if len(order) > 1 else lambda pool: tuple(pool)
        self.avals = [shortcut.positions[k] for k in held]
        slots = {p: k for k, p in enumerate(program.wanted)}
        self.slots = {p: slots[p] for p in shortcut.avals}
        self.written = [w.source for w in shortcut.written]
        self.values = [self.slots[w.position] for w in shortcut.written]
        self.versions = [w.versions for w in shortcut.written]
        kept = {id(s) for s in self.written}
        self.renewal: Any = SimpleNamespace(
            kept=frozenset(k for k in program.donated if id(sources[k]) in kept)
        )
        self.cells: list[Cell] = []
        self.targets: list[Cell] = []
        self.storages: list[Any] = []
        self.alone: list[int] = []

    @staticmethod
    def suits(shortcut: Shortcut, program: Program) -> bool:
        """Whether a shortcut whose program has just run can be run this way."""
        return (
            shortcut.begin.parent is None
            and not shortcut.held
            and not program.survivors
            and program.concrete
            and set(shortcut.avals) <= set(program.wanted)
            and all(isinstance(w.source, Tensor) for w in shortcut.written)
        )

    def run(self, arguments: list[Tensor]) -> Any:
        """What the function returns; `MISS` where something isn't as it was."""
        cells = [t._cell for t in self.held]
        if cells != self.cells and not self._adopt(cells):
            return MISS
        if [getrefcount(c) for c in self.targets] != self.alone or not self._own():
            return MISS
        rest = self._rest(arguments)
        if rest is None:
            return MISS
        for run, place in self.shortcut.actions:
            cell = run()
            if place is not None:
                rest[place] = cell
        pool = [*cells, *[rest[k] for k in self.others]]
        program = self.program
        arrays = arrays_for(self.order(pool), program.donated, (self.renewal,))
        try:
            results = call(program, arrays)
        except BaseException as error:
            raise explained(self.shortcut.end, error) from None
        return self._finish(results, arguments)

    def _adopt(self, cells: list[Any]) -> bool:
        """Go on with other cells of the Tensors held, if they are like the ones before."""
        if any(c is None or c.array is None for c in cells):
            return False
        if [c.aval for c in cells] != self.avals or len(set(map(id, cells))) != len(cells):
            return False
        self.cells = cells.copy()
        self.targets = [cell_of(t) for t in self.written]
        self.storages = [storage_of(t) for t in self.written]
        owners: dict[int, int] = {}
        for cell in self.targets:
            owners[id(cell)] = owners.get(id(cell), 0) + 1
        self.alone = [_LISTS + 3 * owners[id(c)] - 1 for c in self.targets]
        return True

    def _own(self) -> bool:
        """Whether no alias of a Tensor that is written is alive."""
        for storage in self.storages:
            if len(storage.members) > 1:
                storage.members = [m for m in storage.members if m() is not None]
                if len(storage.members) > 1:
                    return False
        return True

    def _rest(self, arguments: list[Tensor]) -> dict[int, Any] | None:
        """The cells of sources that are no Tensors held."""
        rest: dict[int, Any] = {}
        for k in self.others:
            source = self.shortcut.sources[k]
            if isinstance(source, Argument):
                cell: Any = cell_of(arguments[source.index])
            elif isinstance(source, Place):
                cell = cell_of(source.now())
            else:
                rest[k] = None if isinstance(source, Action) else source
                continue
            if cell.aval is not self.shortcut.positions[k] or cell.array is None:
                return None
            if any(cell is known for known in rest.values()) or cell in self.cells:
                return None
            rest[k] = cell
        return rest

    def _finish(self, results: list, arguments: list[Tensor]) -> Any:
        """Hand out the results. An interrupt here is held back until all have theirs."""
        interrupted: BaseException | None = None
        while True:
            try:
                for cell, slot in zip(self.targets, self.values, strict=True):
                    cell.array = results[slot]
                for storage, versions in zip(self.storages, self.versions, strict=True):
                    storage.version += versions
                made = {p: Cell(results[k], self.shortcut.avals[p]) for p, k in self.slots.items()}
                for position, edge in self.program.freed:
                    if position in made:
                        made[position].node = edge
                finish = _Results(self.shortcut, made, arguments)
                for place, kind in self.shortcut.put:
                    place.put(finish.value(kind))
                found = finish.returned()
                break
            except KeyboardInterrupt as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted
        return found
