"""Cells, and the trie of traces.

A *cell* is a value: a `jax.Array`, or pending: one output of a node of a trace. It is written once.
A *trace* is the path of nodes recorded since the last program ran; a *state* is a position in the
trie of all paths ever recorded. Recording an op is one lookup from the present state to the next,
which already knows the avals of the outputs. Here are the data structures; append.py records,
extend.py is the slow path of a miss, program.py runs a trace. Read graph.py next: how the autograd
graph is read off a trace.

Positions count outputs from 0 up and leaves from -1 down. The key of a node is (op, modes,
*arguments): a position for a cell seen before in this trace, an aval for the next leaf, (class,
value) for anything static.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from .device import device, device_of
from .dtype import dtype, to_dtype
from .modes import Modes
from .op import Varying
from .strides import contiguous


class Aval:
    """What is known of a value without computing it. Interned: equal avals are identical.

    number: the value is a Python number that varies from run to run, and promotes as a number does.
    """

    __slots__ = ("device", "dtype", "number", "requires_grad", "shape", "strides", "struct")
    _made: dict[tuple, Aval] = {}

    def __new__(
        cls,
        shape: tuple[int, ...],
        dtype: dtype,
        device: device,
        strides: tuple[int, ...] | None = None,
        requires_grad: bool = False,
        number: bool = False,
    ) -> Aval:
        if strides is None:
            strides = contiguous(shape)
        key = (shape, dtype, device, strides, requires_grad, number)
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            made.shape, made.dtype, made.device, made.strides = key[:4]
            made.requires_grad, made.number = requires_grad, number
            made.struct = jax.ShapeDtypeStruct(shape, dtype.numpy)
            made = cls._made.setdefault(key, made)
        return made

    def with_grad(self, requires_grad: bool) -> Aval:
        """The same aval with another answer to `requires_grad`."""
        return Aval(self.shape, self.dtype, self.device, self.strides, requires_grad)

    @property
    def nbytes(self) -> int:
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


class Cell:
    """A value.

    array: the `jax.Array`, or None while pending.  trace, index: its position in the trace where it
    is pending, or was last used as a leaf.  aval: its shape, dtype and so on.  node: its history,
    where the trace doesn't tell it: a weak reference to the Tensor (a leaf of autograd), or the
    edge (GradNode, output number).  tangent: set inside of a level of forward mode, see forward.py.
    """

    __slots__ = ("array", "aval", "index", "node", "tangent", "trace")

    def __init__(self, array: Any, aval: Aval, node: Any = None) -> None:
        self.array = array
        self.aval = aval
        self.node = node
        self.trace: Any = None
        self.index: Any = None


class State:
    """A position in the trie: the node that leads here, and what follows from the path.

    node is None at a root and where a backward ended.  first: the position of the node's first
    output. outputs, leaves: how many the path has.  next: the known continuations.  memo: what
    `backward` recorded from here.  programs: one per set of wanted outputs.  freed: positions whose
    graph a backward has freed. graph: whether an output on the path requires grad. plain: the node
    has one output and needs no finishing (see record.py). replaces: while a path is new, the same
    place of the path that it replaces, since a number of that turned out to vary.
    """

    __slots__ = (
        "avals",
        "beyond",
        "depth",
        "first",
        "freed",
        "graph",
        "head",
        "leaves",
        "memo",
        "nbytes",
        "next",
        "node",
        "outputs",
        "parent",
        "plain",
        "programs",
        "replaces",
        "seen",
        "step",
    )

    def __init__(self, parent: State | None, node: Node | None, avals: tuple[Aval, ...]) -> None:
        self.parent = parent
        self.node: Any = node  # a Node; None is asked for at two places only
        self.avals = avals
        self.next: dict[tuple, State] = {}
        self.beyond: dict[tuple, State] | None = None
        self.programs: dict[tuple, Any] = {}
        self.memo: dict[tuple, Any] = {}
        self.seen: dict[tuple, tuple] = {}
        self.plain = False
        self.step: Any = None
        self.replaces: State | None = None
        self.first = parent.outputs if parent else 0
        self.outputs = self.first + len(avals)
        self.leaves = parent.leaves if parent else 0
        self.depth = parent.depth + 1 if parent else 0
        self.nbytes = sum((a.nbytes for a in avals), parent.nbytes if parent else 0)
        self.freed: frozenset[int] = parent.freed if parent else frozenset()
        self.graph = bool(parent and parent.graph) or any(a.requires_grad for a in avals)
        self.head: tuple | None = parent.head if parent else None

    def complete(self) -> None:
        """The path up to here is complete: forget the one that it replaced."""
        state: State | None = self
        while state is not None and state.replaces is not None:
            state.replaces = None
            state = state.parent


class Call:
    """op(*args, **kwargs) with a `Slot` for each value of the trace. Interned by `key`.

    key: (op, modes, static arguments).  varying: the slots that are numbers, not arrays.  many:
    whether the op's function returns a sequence, once it has been run.
    """

    __slots__ = ("args", "key", "kwargs", "many", "modes", "op", "varying")
    _made: dict[tuple, Call] = {}

    def __new__(
        cls, op: Any, modes: Modes, args: tuple, kwargs: dict, key: tuple, varying: frozenset[int]
    ) -> Call:
        made = cls._made.get(key)
        if made is None:
            made = object.__new__(cls)
            made.op, made.modes, made.args, made.kwargs = op, modes, args, kwargs
            made.key, made.varying, made.many = key, varying, False
            made = cls._made.setdefault(key, made)
        return made

    def run(self, values: Sequence[Any]) -> tuple:
        """The outputs, given the values of the slots."""
        values = [
            Varying(v) if k in self.varying and not isinstance(v, Varying) else v
            for k, v in enumerate(values)
        ]
        args = fill(self.args, values)
        kwargs = {k: fill(v, values) for k, v in self.kwargs.items()}
        with self.modes.applied():
            result = self.op.run(args, kwargs)
        self.many = isinstance(result, (list, tuple))
        return tuple(result) if self.many else (result,)

    def slots_of(self, names: Sequence[str]) -> frozenset[int]:
        """The places of the inputs that are given for some of the op's parameters."""
        given = {self.op.parameter(k): template for k, template in enumerate(self.args)}
        given.update(self.kwargs)
        return frozenset(k for name in names for k in _slots_in(given.get(name)))


class Node:
    """One recorded call.

    inputs: the position of the value of each slot.  avals: theirs.  line, module: the user's line,
    and the path of the module whose forward was running, when it was first recorded.
    """

    __slots__ = ("avals", "call", "inputs", "line", "module")

    def __init__(self, call: Call, inputs: tuple, avals: tuple, line: str, module: str) -> None:
        self.call = call
        self.inputs = inputs
        self.avals = avals
        self.line = line
        self.module = module


class Slot:
    """The place of the k-th input among a node's arguments."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


def fill(template: Any, values: Sequence[Any]) -> Any:
    """The template with its slots filled."""
    if isinstance(template, Slot):
        return values[template.index]
    if isinstance(template, (list, tuple)) and type(template) in (list, tuple):
        return type(template)([fill(t, values) for t in template])
    return template


def _slots_in(template: Any) -> Iterator[int]:
    if isinstance(template, Slot):
        yield template.index
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from _slots_in(item)


class Trace:
    """The nodes recorded since the last program ran, on one device in one thread.

    cells: the outputs, which count as alive while anything else refers to them.  leaves: the cells
    that enter.  replaced: for each in-place write the position of what was there -> that of what
    stands there now; see donation.py.  overwritten: position of a Tensor written in place since ->
    how many outputs there were when the write began.  renewals: cells that get other values when
    the program has run.  writes: (undo) for each in-place write, should the program fail.  nodes:
    the GradNodes read off this trace so far.  checks: conditions on the values, see checks.py.
    watched: position -> GradNode that has hooks, or makes a Tensor that has.  targets: position ->
    edge, for values that were made leaves of autograd while pending (then a Tensor), or were given
    a history.  functions: position of the first output -> context of a custom Function.  packed:
    position of a node -> what saved-tensor hooks made of the values that its VJP uses.  regions:
    position of a node -> the region that it is in, as far as somebody asked; region: the latest
    one's number, see region.py.  producers: position -> state, as far as somebody asked.  taken:
    whether another thread has computed a value of it.  tangents: position -> (position, aval) of
    its tangent.  body: itself, if it is a body (see body.py), else None.
    """

    __slots__ = (
        "cells",
        "checks",
        "context",
        "device",
        "error",
        "functions",
        "leaves",
        "nodes",
        "overwritten",
        "packed",
        "region",
        "regions",
        "renewals",
        "replaced",
        "serial",
        "shares",
        "state",
        "taken",
        "tangents",
        "targets",
        "watched",
        "writes",
        "producers",
    )
    _count = 0
    body: Any = None

    def __init__(self, context: Context, device: device | None) -> None:
        self.context = context
        self.device: Any = device
        self.state = root_of(device)
        self.cells: list[Cell] = []
        self.leaves: list[Cell] = []
        self.replaced: dict[int, int] = {}
        self.overwritten: dict[int, int] = {}
        self.renewals: list[Any] = []
        self.writes: list[Any] = []
        self.checks: list[Any] = []
        self.nodes: dict[int, Any] = {}
        self.targets: dict[int, Any] = {}
        self.watched: dict[int, Any] = {}
        self.functions: dict[int, Any] = {}
        self.packed: dict[int, dict[int, Any]] = {}
        self.regions: dict[int, Any] = {}
        self.region = 0
        self.taken = False
        self.shares = context.shares
        self.producers: dict[int, State] = {}
        self.tangents: dict[int, tuple[int, Aval]] = {}
        self.error: BaseException | None = None
        Trace._count += 1
        self.serial = Trace._count

    def clear(self) -> None:
        """Let go of all cells: the trace has run, or failed."""
        self.cells, self.leaves, self.renewals, self.writes, self.checks = [], [], [], [], []
        self.nodes = {}

    def trim(self) -> None:
        """Forget leaves that a failed or interrupted call had entered, and no node uses."""
        known = self.state.leaves
        for cell in self.leaves[known:]:
            if cell.trace is self:
                cell.trace = None
        del self.leaves[known:]

    @property
    def repeats(self) -> bool:
        """Whether what a backward records is a function of the state, and of nothing else."""
        seen = self.overwritten or self.watched or self.functions or self.packed or self.tangents
        return not seen

    def producer(self, position: int) -> State:
        """The state whose node has an output."""
        if position not in self.producers:
            state = self.state
            while state.parent is not None:
                for k in range(len(state.avals)):
                    self.producers[state.first + k] = state
                state = state.parent
        return self.producers[position]


_roots: dict[device | None, State] = {}


def root_of(where: device | None) -> State:
    """The root of the trie for a device."""
    root = _roots.get(where)
    if root is None:
        root = _roots.setdefault(where, State(None, None, ()))
    return root


class Context:
    """A thread's recording: its modes, the trace it writes to, and one trace a device.

    bodies: those that are open, outermost first.  transforms: how many functional transforms are
    running a function now.  capture: what notes how a compiled function records, see capture.py.
    level: of forward mode, if one is open.  shares: whether the programs of new traces may be
    shared between sizes.
    """

    __slots__ = (
        "__weakref__",
        "bodies",
        "capture",
        "level",
        "modes",
        "pack",
        "shares",
        "trace",
        "traces",
        "transforms",
        "walk",
        "walking",
    )

    def __init__(self) -> None:
        self.modes = Modes(eager=os.environ.get("JTORCH_EAGER") == "1")
        self.walking = False  # a backward is being recorded: the trace must not be cut
        self.walk: Any = None  # its Gradients
        self.shares = False
        # What saved-tensor hooks do with a new node, where the mode `packing` is on.
        self.pack: Any = None
        # Before the first op there is no device; a trace on device None accepts no leaf.
        self.trace = Trace(self, None)
        self.traces: dict[device, Trace] = {}
        self.bodies: list[Any] = []
        self.level: Any = None
        self.transforms = 0
        self.capture: Any = None

    def on(self, where: device) -> Trace:
        """Make the trace of a device the present one."""
        trace = self.traces.get(where)
        if trace is None:
            trace = self.traces[where] = Trace(self, where)
        self.trace = trace
        return trace

    def renew(self, trace: Trace) -> None:
        """Begin a new trace in place of one that has run."""
        fresh = Trace(self, trace.device)
        for holder in (self, *self.bodies):  # an open body keeps the traces around it
            if holder.traces.get(trace.device) is trace:
                holder.traces[trace.device] = fresh
            if holder.trace is trace:
                holder.trace = fresh


class _Local(threading.local):
    def __init__(self) -> None:
        self.context = Context()


local = _Local()
new_object = object.__new__

# The trace of a cell that an in-place write has replaced: a graph that saved it must not use it any
# more.
OVERWRITTEN = Trace(local.context, None)


def value_cell(array: Any, where: device | None = None) -> Cell:
    """A cell for an array."""
    at = where or device_of(array)
    return Cell(array, Aval(tuple(array.shape), to_dtype(array.dtype), at))


def number_cell(value: int | float, where: device) -> Cell:
    """A cell for a Python number that varies."""
    array = np.asarray(value, np.float64 if isinstance(value, float) else np.int64)
    return Cell(array, Aval((), to_dtype(array.dtype), where, number=True))


def new_cell(trace: Trace, index: int, aval: Aval) -> Cell:
    """A pending cell."""
    cell = Cell(None, aval)
    cell.trace = trace
    cell.index = index
    return cell


def handle(trace: Trace, position: int, aval: Aval) -> Cell:
    """A cell that stands for a position of the present trace. It never holds an array itself."""
    if position < 0:
        return trace.leaves[-1 - position]
    return new_cell(trace, position, aval)
