"""A shortcut through the trie: what a compiled function recorded, repeated without running it.

A run of the function has led from one state of the trie to another. Given the same Python values
(the guards), the next run leads to the same state: so it is enough to enter the leaves, found by
their sources, to move the trace there, and to give the Tensors that the function wrote, made or
returned the positions they had. The trace goes on as if the function had run: gradients flow, and
one program holds what came before and what comes after. Where the function is a program by itself
(a whole training step, say), direct.py runs it without a trace.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from .._core.alias import Moment, cell_of, replace, storage_of
from .._core.append import enter_all
from .._core.capture import Action, Capture
from .._core.leaf import is_shared
from .._core.overrides import plain_tensors
from .._core.program import host, settle
from .._core.tensor import Tensor
from .._core.trace import OVERWRITTEN, Cell, Context, State, Trace, root_of
from ..utils._pytree import tree_flatten
from .before import Before, Uncapturable, base_cell, counts_of, modes_of
from .places import ATOMS, Place
from .results import Results


class Argument:
    """The source of a leaf: the k-th Tensor among the arguments."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class Written(NamedTuple):
    """A Tensor that the function writes in place.

    source: what it is.  position: of its new value.  versions: how many writes it were.  began: how
    many outputs there were when the last write began.
    """

    source: Any
    position: int
    versions: int
    began: int | None


class Shortcut:
    """From a state of the trie to another.

    begin, end: these.  sources: of the cells that enter, in the order of their leaves; those that
    an earlier part of the trace knows, too.  positions: what each of them was: a position of the
    trace before, or the aval of a new leaf.  checks: of values that are at hand, by source.
    reached: arguments that have to be the Tensors they were.  actions: in order, and the place of
    what each gives among the sources.  written, put, held: what becomes of the outputs: in-place
    writes, Tensors put somewhere, and holders.  shared, sharing: for some sources, which of them
    share memory.  result: the leaves of what is returned, and its structure.
    """

    __slots__ = (
        "actions",
        "avals",
        "begin",
        "checks",
        "conclusions",
        "device",
        "end",
        "held",
        "inputs",
        "positions",
        "put",
        "reached",
        "region",
        "result",
        "sources",
        "spec",
        "stepped",
        "shared",
        "sharing",
        "targets",
        "written",
    )

    def __init__(
        self, context: Context, capture: Capture, before: Before, effects: list[Place], result: Any
    ) -> None:
        if modes_of(context) != before.modes:
            raise Uncapturable("it leaves other modes behind")
        if not all(before.places.has_gradient(tensor) for tensor in capture.owners):
            raise Uncapturable("it gives a gradient to a Tensor that is an argument, or far away")
        trace, begin = _segment(context, before)
        self.device, self.begin, self.end = trace.device, begin, trace.state
        self.region = trace.region
        self.reached = before.reached
        self.stepped = capture.stepped
        self.avals: dict[int, Any] = {}
        known = _Known(capture, before, effects)
        self._find_inputs(trace, known)
        self.checks = known.checks(capture)
        places = {id(source): k for k, source in enumerate(self.sources)}
        actions = [(action.run, places.get(id(action))) for action in capture.actions]
        cut = max([k + 1 for k, (_, place) in enumerate(actions) if place is not None], default=0)
        self.actions, self.conclusions = actions[:cut], [run for run, _ in actions[cut:]]
        outputs = _Outputs(self, trace, known)
        self.written = outputs.writes()
        self.shared = self._shared()
        self.sharing = sharing(known.tensors_of(self.shared))
        self.put = [(place, outputs.kind_of(place.value)) for place in effects]
        self.held = [(key, outputs.position(key.cell)) for key in capture.held]
        leaves, self.spec = tree_flatten(result)
        self.result = [outputs.kind_of(leaf) for leaf in leaves]
        new = {p: ref() for p, ref in trace.targets.items() if p >= begin.outputs}
        if not all(id(tensor) in known.tensors for tensor in new.values()):
            raise Uncapturable("it makes a leaf of autograd")
        self.targets = [(p, known.tensors[id(tensor)]) for p, tensor in new.items()]
        graph = any(a.requires_grad for a in self.avals.values())
        checks, watched, functions, packed = counts_of(trace)
        if checks > before.counts[0]:
            raise Uncapturable("it checks values when its program runs")
        if graph and (watched, functions, packed) != before.counts[1:]:
            raise Uncapturable("its graph has hooks or custom functions, and lives on")

    def _find_inputs(self, trace: Trace, known: _Known) -> None:
        begin = self.begin
        earlier: dict[int, None] = {}
        state: Any = self.end
        steps = []
        while state is not begin:
            steps.append(state)
            state = state.parent
        for step in reversed(steps):
            for p in step.node.inputs if step.node is not None else ():
                if -begin.leaves <= p < begin.outputs:
                    earlier.setdefault(p)
        cells = {c.index: c for c in trace.cells if c.index in earlier}
        found = [trace.leaves[-1 - p] if p < 0 else cells.get(p) for p in earlier]
        self.positions: list[Any] = list(earlier)
        new = trace.leaves[begin.leaves : self.end.leaves]
        self.positions += [cell.aval for cell in new]
        self.sources = [known.source(cell) for cell in (*found, *new)]
        self.inputs = [k for k, s in enumerate(self.sources) if not isinstance(s, (Action, Cell))]

    # ----------------------------------------------------------------------------------- repeating

    def cells_of(self, arguments: list[Tensor]) -> list[Any]:
        """The cells of the sources; None for what an action gives."""
        return [_cell(source, arguments) for source in self.sources]

    def starts(self, trace: Trace, cells: list[Any], arguments: list[Tensor]) -> bool:
        """Whether the cells are what they were, for a trace that is where this begins."""
        if sharing([self.tensor(s, arguments) for s in self.shared]) != self.sharing:
            return False
        seen = set()
        for k in self.inputs:
            cell, position = cells[k], self.positions[k]
            if cell is None or id(cell) in seen:
                return False
            seen.add(id(cell))
            if cell.array is None and cell.trace is not trace:
                settle(cell)  # pending in another thread or on another device
            if type(position) is int:
                if cell.trace is not trace or cell.index != position:
                    return False
            elif (
                cell.aval is not position
                or cell.trace is trace
                or cell.trace is OVERWRITTEN
                or cell.array is None
            ):
                return False
        return True

    def _shared(self) -> list[Any]:
        """The sources for which it matters whether they share memory: the Tensors that are written,
        and those that are read besides."""
        sources = {id(write.source): write.source for write in self.written}
        if sources:
            kinds = (Argument, Place, Tensor)
            sources.update((id(s), s) for s in self.sources if isinstance(s, kinds))
        return list(sources.values())

    def check(self, arguments: list[Tensor]) -> None:
        """Raise what the function would, for values at hand that it doesn't take."""
        for source, check in self.checks:
            cell = _cell(source, arguments)
            if cell is not None and cell.array is not None:
                check(host(cell))

    def act(self, cells: Any) -> None:
        """Do what has to be done anew in each run, as far as the program needs it. cells: of the
        sources, by their places."""
        for run, place in self.actions:
            cell = run()
            if place is not None:
                cells[place] = cell

    def conclude(self) -> None:
        """Do the rest. If the program fails, a scheduler is where it was."""
        for run in self.conclusions:
            run()

    def jump(self, trace: Trace, cells: list[Any], arguments: list[Tensor]) -> Any:
        """Move the trace to the end; what the function returns."""
        enter_all(trace, [c for c in cells if c.trace is not trace], [])
        trace.state = self.end
        trace.region = self.region
        made = {p: _pending(trace, p, aval) for p, aval in sorted(self.avals.items())}
        trace.cells.extend(made.values())
        for write in self.written:
            _write(trace, self.tensor(write.source, arguments), made[write.position], write)
        for position, source in self.targets:
            trace.targets[position] = weakref.ref(self.tensor(source, arguments))
        for key, position in self.held:
            key.put(made[position], trace)
        finish = Results(self, made, arguments)
        for place, kind in self.put:
            place.put(finish.value(kind))
        return finish.returned()

    @staticmethod
    def tensor(source: Any, arguments: list[Tensor]) -> Tensor:
        """The Tensor of a source."""
        if isinstance(source, Argument):
            return arguments[source.index]
        return source.now() if isinstance(source, Place) else source


def _cell(source: Any, arguments: list[Tensor]) -> Cell | None:
    if isinstance(source, Argument):
        return cell_of(arguments[source.index])
    if isinstance(source, Tensor):
        return source._cell or cell_of(source)
    if isinstance(source, Cell):
        return source
    if isinstance(source, Action):
        return None
    if isinstance(source, Place):
        found = source.now()
        return cell_of(found) if isinstance(found, Tensor) else None
    return source.cell if source.is_current else None


def sharing(tensors: list[Any]) -> list[tuple[int, bool]]:
    """Which Tensors share memory: for each the first that has its storage, and whether it is a
    view."""
    first: dict[int, int] = {}
    storages = [id(t._storage or t) for t in tensors]
    places = [first.setdefault(key, k) for k, key in enumerate(storages)]
    return [(k, bool(t._view)) for k, t in zip(places, tensors, strict=True)]


def _pending(trace: Trace, position: int, aval: Any) -> Cell:
    cell = Cell(None, aval)
    cell.trace, cell.index = trace, position
    return cell


def _write(trace: Trace, tensor: Tensor, new: Cell, written: Written) -> None:
    """Give a Tensor its new value, as the function's in-place writes did."""
    old = cell_of(tensor)
    if isinstance(old.node, weakref.ref):
        new.node = old.node
    since = Moment(trace)
    if written.began is not None:
        since.outputs = written.began
    storage = storage_of(tensor)
    replace(tensor, storage, new, new, since)
    storage.version += written.versions - 1


# ---------------------------------------------------------------------------------------- capturing


def _segment(context: Context, before: Before) -> tuple[Trace, State]:
    """The trace to which a run has recorded, and the state in which it began."""
    moved = [t for t in context.traces.values() if t.state is not before.traces.get(t)]
    if not moved:
        raise Uncapturable("it records nothing")
    if len(moved) > 1 or any(t not in context.traces.values() for t in before.traces):
        raise Uncapturable("it records on several devices")
    (trace,) = moved
    begin = before.traces.get(trace)
    if begin is None:  # the first trace on its device
        begin = root_of(trace.device)
    state: Any = trace.state
    while state is not begin:
        state = state.parent
        if state is None:
            raise Uncapturable("a number in it turned out to vary")
    return trace, begin


class _Known:
    """Where the cells of a run come from."""

    def __init__(self, capture: Capture, before: Before, effects: list[Place]) -> None:
        self.before = before
        self.tensors: dict[int, Any] = {}  # id of a Tensor -> its source
        for key, tensor in before.places.tensors.items():
            self.tensors[key] = tensor
        for place in (*before.places.found.values(), *before.places.members.values()):
            if place.is_gradient and place.value is not None:
                self.tensors[id(place.value)] = place
        for place in effects:
            was = (before.places.found.get((id(place.container), place.key))) or (
                before.places.members[id(place.container), place.key]
            )
            if was.value is not None:
                self.tensors[id(was.value)] = place
        for k, tensor in enumerate(before.arguments):
            self.tensors[id(tensor)] = Argument(k)
        self.cells: dict[int, Any] = dict(capture.sources)
        for key, cell in before.cells.items():
            tensor = before.places.tensors[key]
            if cell is not None and not tensor._view:
                self.cells[id(cell)] = self.tensors[key]
            elif tensor._cell is not None:
                self.cells.setdefault(id(tensor._cell), self.tensors[key])

    def tensors_of(self, sources: list[Any]) -> list[Tensor]:
        """The Tensors that sources were before the run."""
        keys = {id(source): key for key, source in self.tensors.items()}
        return [self.before.places.tensors[keys[id(source)]] for source in sources]

    def checks(self, capture: Capture) -> list[tuple[Any, Any]]:
        """The checks of values that another run may get others of."""
        found = [(self.cells.get(id(cell)), check) for cell, check in capture.checks]
        return [(s, check) for s, check in found if s is not None and not isinstance(s, Cell)]

    def source(self, cell: Cell | None) -> Any:
        if cell is not None and cell.aval.number:
            return cell
        source = self.cells.get(id(cell))
        if source is None:
            raise Uncapturable("it uses a Tensor that is not reached by its globals or arguments")
        return source


class _Outputs:
    """What becomes of the outputs of a run."""

    def __init__(self, shortcut: Shortcut, trace: Trace, known: _Known) -> None:
        self.shortcut = shortcut
        self.trace = trace
        self.known = known

    def position(self, cell: Cell) -> int:
        """The position of a cell that the run has recorded."""
        index = cell.index
        if cell.array is not None or cell.trace is not self.trace or index is None:
            raise Uncapturable("a Tensor of it got its value from outside")
        if index < self.shortcut.begin.outputs:
            raise Uncapturable("it returns or puts away a value from before")
        self.shortcut.avals[index] = cell.aval
        return index

    def writes(self) -> list[Written]:
        """The Tensors that were written in place."""
        before, found = self.known.before, []
        for key, tensor in before.places.tensors.items():
            was, now = before.cells[key], base_cell(tensor)
            if now is was or was is None:
                continue
            if now is None:
                raise Uncapturable("it writes to a view of a Tensor that can't be reached")
            if tensor._view:
                if not any(t._storage is tensor._storage and not t._view for t in self._tensors()):
                    raise Uncapturable("it writes to a view of a Tensor that can't be reached")
                continue
            if now.aval is not was.aval:
                raise Uncapturable("it changes what a Tensor is")
            versions = tensor._version - before.versions[key]
            began = self.trace.overwritten.get(was.index) if was.index is not None else None
            source = self.known.tensors[key]
            found.append(Written(source, self.position(now), versions, began))
        return found

    def _tensors(self) -> Any:
        return self.known.before.places.tensors.values()

    def kind_of(self, value: Any) -> tuple:
        """How another run finds or makes a value: (name, what, class), see `Results`."""
        if not isinstance(value, Tensor):
            if type(value) in ATOMS or self.known.before.places.has(value):
                return "value", value, type(value)
            raise Uncapturable(f"it returns a {type(value).__name__}")
        source = self.known.tensors.get(id(value))
        if source is not None:
            return "same", source, None
        if type(value) is not Tensor or type(value) not in plain_tensors or value.__dict__:
            raise Uncapturable(f"it makes a {type(value).__name__} with a life of its own")
        if is_shared(value):
            raise Uncapturable("it returns a view of a Tensor that lives on")
        cell = cell_of(value)
        if cell.array is not None:
            if self.known.cells.get(id(cell)) is cell:
                return "constant", cell, None
            raise Uncapturable("it returns a value from outside")
        return "new", self.position(cell), (id(value), value._version)
