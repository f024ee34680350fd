"""A shortcut that is a program by itself, run without a trace.

Where a shortcut begins with an empty trace, and its program runs in its end, there is nothing for a
trace to hold: the arrays of the leaves go into the program, and what comes out goes to the Tensors
that were written and returned. A Tensor that is written keeps its cell, and a gradient stays the
same Tensor, if nobody else sees that. What is not as it was in the run before (an alias, somebody
who still sees an old value) is left to the shortcut itself. This is a hot path: it does the same to
many cells at once, in lists.
"""

from __future__ import annotations

from operator import is_, itemgetter
from sys import getrefcount
from typing import Any

from .._core.alias import cell_of, storage_of
from .._core.building import Program
from .._core.capture import Action
from .._core.donation import UNSEEN, copy_seen
from .._core.program import explained, outputs_of
from .._core.tensor import Tensor, from_cell
from .._core.trace import Cell
from .places import Place
from .results import Results
from .shortcut import Argument, Shortcut

MISS = object()


class Direct:
    """The program of a shortcut, and where its arrays come from and go to.

    held: the Tensors that are sources themselves; cells: theirs, as last seen.  others: the places
    of the other sources.  in_order: puts the cells of both in the order of the leaves.
    written: the Tensors that get new values; targets, storages: their cells and storages.  alone:
    what getrefcount says of a target that nobody else sees.  given: places of the leaves whose
    buffers the program takes.  gradients: the Tensors put where `.grad` is.  made: of the others
    that are made (position, output, aval, history).  returned: the position of the only one.
    """

    def __init__(self, shortcut: Shortcut, program: Program) -> None:
        self.shortcut = shortcut
        self.program = program
        sources = shortcut.sources
        held = [k for k, s in enumerate(sources) if isinstance(s, Tensor)]
        self.others = [k for k, s in enumerate(sources) if not isinstance(s, Tensor)]
        self.held = [sources[k] for k in held]
        self.avals = [shortcut.positions[k] for k in held]
        place = {k: i for i, k in enumerate((*held, *self.others))}
        order = [place[k] for k in range(len(sources))]
        self.in_order = itemgetter(*order) if len(order) > 1 else tuple
        slots = _outputs(program)
        freed = dict(program.freed)
        self.written = [w.source for w in shortcut.written]
        self.values = [slots[w.position] for w in shortcut.written]
        self.versions = [w.versions for w in shortcut.written]
        self.given = program.donated
        private, self.put = [], []
        for place, kind in shortcut.put:
            alone = place.is_gradient and kind[0] == "new" and kind not in shortcut.result
            (private if alone else self.put).append((place, kind))
        self.gradients = _Gradients(private, shortcut, slots)
        kinds = [*shortcut.result, *[kind for _, kind in self.put]]
        self.made = [
            (p, slots[p], shortcut.avals[p], freed.get(p))
            for p in sorted({what for name, what, _ in kinds if name == "new"})
        ]
        plain = [what for name, what, more in shortcut.result if name == "new" and not more[1]]
        alone = plain and shortcut.spec.is_leaf() and not self.put
        self.returned = plain[0] if alone else None
        self.cells: list[Cell] = []
        self.targets: list[Cell] = []
        self.storages: list[Any] = []
        self.alone: list[int] = []
        self.ones = [1] * len(self.written)

    @staticmethod
    def suits(shortcut: Shortcut, program: Program) -> bool:
        """Whether a shortcut whose program has just run can be run this way."""
        return (
            shortcut.begin.parent is None
            and not shortcut.held
            and not program.survivors
            and not program.outside
            and program.concrete
            and shortcut.avals.keys() <= _outputs(program).keys()
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
        self.shortcut.check(arguments)
        self.shortcut.act(rest)
        arrays = [c.array for c in self.in_order([*cells, *rest.values()])]
        copy_seen(arrays, self.given)
        try:
            results = outputs_of(self.program, arrays)
        except BaseException as error:
            raise explained(self.shortcut.end, error) from None
        found = self._finish(results, arguments)
        self.shortcut.conclude()
        return found

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
        # The two lists of cells and, for each owner, the Tensor, its storage, and `targets`.
        self.alone = [UNSEEN + 1 + 3 * owners[id(c)] for c in self.targets]
        return True

    def _own(self) -> bool:
        """Whether no alias of a Tensor that is written is alive."""
        if [len(s.members) for s in self.storages] == self.ones:
            return True
        for storage in self.storages:
            storage.members = [m for m in storage.members if m() is not None]
        return [len(s.members) for s in self.storages] == self.ones

    def _rest(self, arguments: list[Tensor]) -> dict[int, Any] | None:
        """The cells of sources that are no Tensors held; None for what an action gives."""
        rest: dict[int, Any] = {}
        positions = self.shortcut.positions
        for k in self.others:
            source = self.shortcut.sources[k]
            kind = source.__class__
            if kind is Argument:
                cell = arguments[source.index]._cell
            elif kind is Place:
                cell = cell_of(source.now())
            else:
                rest[k] = None if kind is Action else source
                continue
            if cell is None or cell.aval is not positions[k] or cell.array is None:
                return None
            if cell in self.cells or cell in rest.values():
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
                self.gradients.put(results)
                made = {p: Cell(results[k], aval, edge) for p, k, aval, edge in self.made}
                if self.returned is not None:
                    found = from_cell(made[self.returned])
                    break
                finish = Results(self.shortcut, made, arguments)
                for place, kind in self.put:
                    place.put(finish.value(kind))
                found = finish.returned()
                break
            except KeyboardInterrupt as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted
        return found


def _outputs(program: Program) -> dict[int, int]:
    """The positions that are outputs of the XLA program, not leaves: which they are."""
    source = program.source
    if source is program.wanted:
        source = range(len(source))
    return {p: s for p, s in zip(program.wanted, source, strict=True) if s >= 0}


class _Gradients:
    """Tensors that are put where the `.grad` of others is, and are the function's alone.

    As long as nobody else sees one of them, the next run gives it another value.
    """

    def __init__(self, put: list[tuple[Place, Any]], shortcut: Shortcut, slots: dict) -> None:
        positions = [kind[1] for _, kind in put]
        self.owners = [place.container for place, _ in put]
        self.outputs = [slots[p] for p in positions]
        self.avals = [shortcut.avals[p] for p in positions]
        self.tensors: list[Tensor] = []
        self.cells: list[Cell] = []
        # Besides these lists: the owner, and the list of present ones; the Tensor.
        self.alone = [UNSEEN + 2] * len(put), [UNSEEN + 1] * len(put)

    def put(self, results: list) -> None:
        """Give the owners their gradients."""
        present = [t._grad for t in self.owners]
        if (
            all(map(is_, present, self.tensors))
            and [getrefcount(t) for t in self.tensors] == self.alone[0]
            and [getrefcount(c) for c in self.cells] == self.alone[1]
        ):
            for cell, k in zip(self.cells, self.outputs, strict=True):
                cell.array = results[k]
            return
        pairs = zip(self.outputs, self.avals, strict=True)
        self.cells = [Cell(results[k], aval) for k, aval in pairs]
        self.tensors = [from_cell(cell) for cell in self.cells]
        for owner, tensor in zip(self.owners, self.tensors, strict=True):
            owner._grad = tensor
