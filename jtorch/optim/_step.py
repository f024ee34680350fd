"""The step of an optimizer as one node: what `Optimizer.step()` does, kept apart because it is a
hot path.

A `Step` is the plan for one set of parameters with gradients; it collects cells, records the
update, and sees to it that the parameters and their state get the new values, all or none. Read
optimizer.py for the interface.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from sys import getrefcount
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.alias import Moment, cell_of, overwrite, position_or_cell, storage_of, write
from .._core.append import Elsewhere, enter_all
from .._core.capture import muted, stop
from .._core.device import default_device, device, jax_device
from .._core.donation import UNSEEN, Renewal, note_replaced
from .._core.errors import DeviceError
from .._core.events import materialises
from .._core.extend import extend
from .._core.program import materialise, settle
from .._core.tensor import Tensor, from_array
from .._core.trace import Cell, State, Trace, local, value_cell
from .._core.transfer import copy_to
from ._update import COUNTERS, Skippable, Update, numbers_of


class Outputs:
    """What becomes of the outputs of one recorded update.

    places: for each parameter and state the output that is its new value; several states may share
    one.  unique: the outputs that are somebody's.  first: the first whose each of them is.
    positions: theirs in the trace.  replaced: leaf -> position of its new value.  kept: the places
    of these leaves.  references: for each parameter and state what getrefcount says, in `_replace`,
    of a cell that nobody else sees.
    """

    __slots__ = ("first", "kept", "places", "positions", "references", "replaced", "unique")

    def __init__(self, update: Update, inputs: tuple[int, ...], state: State) -> None:
        self.places = update.places(inputs)
        owners: dict[int, list[int]] = {}
        for k, place in enumerate(self.places):
            owners.setdefault(place, []).append(k)
        self.unique = tuple(owners)
        self.first = tuple([ks[0] for ks in owners.values()])
        self.positions = tuple([state.first + place for place in owners])
        params = update.count
        old = (*inputs[:params], *inputs[len(inputs) - 1 - len(self.places) + params : -1])
        pairs = zip([old[k] for k in self.first], self.positions, strict=True)
        self.replaced = {leaf: position for leaf, position in pairs if leaf < 0}
        self.kept = frozenset(-1 - leaf for leaf in self.replaced)
        # Besides the list of leaves: for each that shares it the Tensor, its storage, and the list
        # of old cells. What is pending is replaced, whoever sees it.
        self.references = [
            UNSEEN + 3 * len(owners[place]) if position < 0 else 0
            for place, position in zip(self.places, old, strict=True)
        ]


class Step:
    """The plan for the parameters of one group that have gradients now.

    owners, names: the keys of `optimizer.state`, and the names in each, whose values are the states
    of the update, in order.  outputs: what becomes of them, for each state of the trie.
    """

    __slots__ = ("hyper_cell", "hyper_values", "names", "outputs", "owners", "params", "update")

    def __init__(self, optimizer: Any, group: dict, params: list[Tensor], options: dict) -> None:
        self.params = params
        self.hyper_values: tuple = ()
        self.hyper_cell: Cell | None = None
        self.outputs: dict[State, Outputs] = {}
        self.update, self.owners, self.names = optimizer.plan(group, params, options)

    def states(self, optimizer: Any, group: dict) -> list[Tensor]:
        """The state Tensors; new ones begin as the transformation says."""
        state = optimizer.state
        try:
            return [
                s[n]
                for s, names in zip([state[o] for o in self.owners], self.names, strict=True)
                for n in names
            ]
        except KeyError:
            self._initialise(optimizer, group)
        return self.states(optimizer, group)

    def _initialise(self, optimizer: Any, group: dict) -> None:
        stop("the state of an optimizer is made")
        places = [(o, n) for o, names in zip(self.owners, self.names, strict=True) for n in names]
        missing = [n not in optimizer.state[o] for o, n in places]
        values = numbers_of(optimizer.hyper(group))
        if self.update.divisible:
            structs = [cell_of(p).aval.struct for p in self.params]
            arrays = []
        else:  # the state may begin as a copy of the parameters
            structs, arrays = [], [settle(cell_of(p)) for p in self.params]

        def states(*arrays: Any) -> list:
            zeros = [jnp.zeros(s.shape, s.dtype) for s in structs]
            leaves = self.update.initial([*zeros, *arrays], values)
            return [jnp.copy(v) for v, wanted in zip(leaves, missing, strict=True) if wanted]

        with jax.enable_x64(True):
            made = iter(jax.jit(states)(*arrays))
        for (owner, name), wanted in zip(places, missing, strict=True):
            if wanted:
                here = isinstance(owner, Tensor) and name not in HOST
                where = owner.device if here else default_device()
                # Committed, as the results of programs are: XLA compiles once for either kind.
                leaf = from_array(jax.device_put(next(made), jax_device(where)), where)
                optimizer.state[owner][name] = leaf
        share_counters([optimizer.state[o] for o in self.owners])

    def hyper(self, values: tuple) -> Cell:
        """The hyper-parameters as one vector; the same cell as long as they don't change."""
        numbers = numbers_of(values)
        if numbers != self.hyper_values or self.hyper_cell is None:
            where = cell_of(self.params[0]).aval.device
            array = np.array(numbers, np.float64)
            if self.hyper_cell is None:
                array = _resident(array, where)
            self.hyper_cell = value_cell(array, where)
            self.hyper_values = numbers
        return self.hyper_cell


def share_counters(states: Iterable[Any]) -> None:
    """Have states that come from elsewhere share the counters that are equal."""
    known: dict[tuple, Cell] = {}
    for state in states:
        for name in COUNTERS:
            counter = state.get(name) if isinstance(state, dict) else None
            if isinstance(counter, Tensor) and not counter.dim() and counter._storage is None:
                key = (name, counter.item(), counter.dtype, counter.device)
                counter._cell = known.setdefault(key, counter._cell)


# The states that PyTorch keeps on the CPU, wherever the parameters are.
HOST = ("step", "mu_product")


def _resident(array: np.ndarray, where: device) -> Any:
    """Numbers on their device, for as long as they stay the same. On the default device they are
    uncommitted, which is to XLA what the NumPy array of the next ones will be."""
    if where is not default_device():
        return from_array(array, where)._cell.array
    with jax.enable_x64(True):
        return jax.device_put(array)


class Undo:
    """How to take back a step, for the Tensors that get new cells. Leaves of the trace are held by
    position, so that they can be donated."""

    __slots__ = ("cells", "tensors")

    def __init__(self, trace: Trace, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.cells = [position_or_cell(trace, cell_of(t)) for t in tensors]

    def run(self, trace: Trace) -> None:
        for tensor, held in zip(self.tensors, self.cells, strict=True):
            cell = held if isinstance(held, Cell) else trace.leaves[-1 - held]
            if cell.array is not None:
                cell.trace = None
            storage_of(tensor).cell = tensor._cell = cell


class Scattered(Exception):
    """Raised inside recording: the parameters live on several devices."""


@materialises("optimizer.step()", "a training step ends")
def record_step(optimizer: Any) -> None:
    """Record the update of every group, and run everything."""
    context = local.context
    if context.bodies:
        raise RuntimeError(
            "an optimizer's step is not possible inside of a function under vmap or jvp"
        )
    try:
        for place, group in enumerate(optimizer.param_groups):
            active = [p for p in group["params"] if p._grad is not None]
            if active:
                for params in optimizer.parts(group, active):
                    _record_group(context, optimizer, place, params)
        if context.capture is not None:
            context.capture.stepped = True
            return
        for trace in tuple(context.traces.values()):
            materialise(trace)
    except BaseException:
        for trace in context.traces.values():
            _take_back(trace)
        raise


def _take_back(trace: Trace) -> None:
    """Forget the updates of a step that was interrupted."""
    for undo in reversed(trace.writes):
        if isinstance(undo, Undo):
            undo.run(trace)
    trace.writes = [undo for undo in trace.writes if not isinstance(undo, Undo)]
    trace.renewals = []


def _record_group(context: Any, optimizer: Any, place: int, params: list[Tensor]) -> None:
    group = optimizer.param_groups[place]
    options = optimizer.options(group, params)
    key = (place, tuple(options.values()), *map(id, params))
    plan = optimizer._steps.get(key)
    if plan is None:
        plan = optimizer._steps[key] = Step(optimizer, group, params, options)
    try:
        _record(context, optimizer, plan, group)
    except Scattered:
        if not plan.update.divisible:
            raise DeviceError(
                "the parameters of a group whose update depends on all of them have to be on the "
                "same device"
            ) from None
        for where in {p.device: None for p in params}:
            _record_group(context, optimizer, place, [p for p in params if p.device is where])


def _record(context: Any, optimizer: Any, plan: Step, group: dict) -> None:
    params, count = plan.params, len(plan.params)
    tensors = params + plan.states(optimizer, group)
    old = [t._cell or cell_of(t) for t in tensors]
    grads = [g._cell or cell_of(g) for g in optimizer.gradients(params)]
    with muted(context):
        hyper = plan.hyper(optimizer.hyper(group))
    if context.capture is not None:
        _note(context.capture, optimizer, plan, group, (tensors, old), hyper)
    found_inf = getattr(optimizer, "found_inf", None)
    more = () if found_inf is None else (cell_of(found_inf),)
    op = plan.update if found_inf is None else Skippable(plan.update)
    while True:
        trace = context.trace
        try:
            key: Any = [op, context.modes]
            enter_all(trace, (*old[:count], *grads, *old[count:], hyper, *more), key)
            key = tuple(key)
            state = trace.state.next.get(key)
            if state is None:
                args = plan.update.arguments(old[:count], grads, old[count:], hyper)
                state = extend(trace, key, op, (*args, *more), {})
            if state is not None:
                break
        except Elsewhere:
            trace.trim()
            (hyper, *more), old = _all_on(context, plan, [hyper, *more], old, grads)
        except BaseException:
            trace.trim()
            raise
    outputs = plan.outputs.get(state)
    if outputs is None:
        args = key = None  # they refer to the cells
        inputs = state.node.inputs
        inputs = inputs[: len(inputs) - len(more)]
        outputs = plan.outputs[state] = Outputs(plan.update, inputs, state)
    _replace(trace, state, tensors, old, outputs)


def _note(
    capture: Any, optimizer: Any, plan: Step, group: dict, known: tuple[list, list], hyper: Cell
) -> None:
    """Say where the leaves of an update come from. known: Tensors and their cells."""
    for tensor, cell in zip(*known, strict=True):
        if cell.array is not None and id(cell) not in capture.sources:
            capture.note(cell, tensor)
    capture.act(lambda: plan.hyper(optimizer.hyper(group)), hyper)


def _all_on(
    context: Any, plan: Step, numbers: list[Cell], old: list[Cell], grads: list[Cell]
) -> tuple[list[Cell], list[Cell]]:
    """Record where the parameters are. Step counts may live on the CPU, as PyTorch's do: they
    follow."""
    params = old[: len(plan.params)]
    where = params[0].aval.device
    if any(c.aval.device is not where for c in params):
        raise Scattered
    context.on(where)
    for cell in (*grads, *old):
        if cell.aval.device is not where and cell.aval.shape:
            raise DeviceError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{where} and {cell.aval.device}!"
            )
    moved = {id(c): copy_to(c, where) for c in (*old, *numbers) if c.aval.device is not where}
    return [moved.get(id(c), c) for c in numbers], [moved.get(id(c), c) for c in old]


def _replace(
    trace: Trace, state: State, tensors: list[Tensor], old: list[Cell], outputs: Outputs
) -> None:
    """See to it that parameters and state get their new values when the program has run: all of
    them, or none if it is interrupted.

    A cell that nothing but these Tensors refers to will hold the new value itself; in the place of
    others there will be new ones.
    """
    aliased = []
    for k, storage in enumerate([t._storage or storage_of(t) for t in tensors]):
        storage.version += 1
        if len(storage.members) > 1:
            storage.members = [m for m in storage.members if m() is not None]
            if len(storage.members) > 1:
                aliased.append(k)
    trace.state = state
    if trace.context.capture is not None:  # more may be recorded, which is to see the new values
        cells = [old[k] for k in outputs.first]
        _replace_cells(trace, state, tensors, cells, set(outputs.unique), outputs)
        trace.cells.extend(cells)
        return
    references = [getrefcount(cell) for cell in old]
    cells, kept = [old[k] for k in outputs.first], outputs.kept
    if aliased or references != outputs.references:
        pairs = enumerate(zip(references, outputs.references, strict=True))
        seen = [k for k, (found, alone) in pairs if found != alone]
        others = {outputs.places[k] for k in (*aliased, *seen)}
        kept -= _replace_cells(trace, state, tensors, cells, others, outputs)
    trace.renewals.append(Renewal(cells, outputs.positions, outputs.replaced, kept))


def _replace_cells(
    trace: Trace,
    state: State,
    tensors: list[Tensor],
    cells: list[Cell],
    others: set[int],
    outputs: Outputs,
) -> set[int]:
    """Give the Tensors whose new values are the outputs `others` new cells, also in `cells`; the
    places of the leaves that these replace."""
    since = Moment(trace)
    writers = [t for t, place in zip(tensors, outputs.places, strict=True) if place in others]
    undo = Undo(trace, writers)
    trace.writes.append(undo)
    leaves = set()
    try:
        made: dict[int, Cell] = {}
        for k, place in enumerate(outputs.unique):
            if place in others:
                before = cells[k]
                leaves.add(-1 - before.index)
                cell = made[place] = cells[k] = Cell(None, before.aval, before.node)
                cell.trace, cell.index = trace, state.first + place
                note_replaced(trace, before, cell)
                overwrite(before, since)
                if type(cell.node) is weakref.ref:
                    trace.targets[cell.index] = cell.node
        for tensor, place in zip(tensors, outputs.places, strict=True):
            if place not in others:
                continue
            if tensor._view:
                _write_view(trace.context, tensor, made[place], since)
                continue
            storage = storage_of(tensor)
            storage.cell = tensor._cell = made[place]
            _make_stale(storage, tensor, since)
    except BaseException:
        undo.run(trace)
        raise
    return leaves


def _write_view(context: Any, tensor: Tensor, new: Cell, since: Moment) -> None:
    """Write to a view. What that records is a part of the step, which runs as a whole."""
    before, context.modes = context.modes, context.modes.replace(eager=False)
    try:
        write(tensor, new, since)
    finally:
        context.modes = before


def _make_stale(storage: Any, writer: Tensor, since: Moment) -> None:
    """Have the aliases of a Tensor read what was written to it."""
    for reference in storage.members:
        member = reference()
        if member is not None and member is not writer:
            if member._cell is not None:
                overwrite(member._cell, since)
            member._cell = None if member._view else storage.cell
