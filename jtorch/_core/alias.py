"""Views and in-place writes: several Tensors, one storage.

A Tensor owns its cell until somebody makes a view of it, or writes to it in place; then it gets a
`Storage`, which holds the cell of the base, a version, and weak references to the Tensors that
share it. A view knows the steps that lead from the base to it: `get` is the op of a step, `put` is
what the op's row calls `view`. A write puts into the base and makes the other members stale
(`_cell` is None); they re-read the base when they are next used. Nothing here knows Tensor's
methods; it uses the slots `_cell`, `_storage`, `_view`. Read tensor.py next.
"""

from __future__ import annotations

import weakref
from typing import Any

import jax.numpy as jnp

from .append import append
from .donation import note_replaced
from .dtype import to_dtype
from .graph import LEAF, REWRITTEN
from .modes import Modes
from .op import Op, cast
from .strides import overlaps, preserved, unchanged
from .trace import OVERWRITTEN, Cell, Trace, local

DETACH = Op(
    lambda input: input,
    "detach",
    differentiable=False,
    strides=unchanged,
    view=lambda base, new: new,
)
CLONE = Op(lambda input: input, "clone", strides=preserved)
CAST = Op(lambda input, dtype: cast(input, dtype), "to", strides=preserved)
COPY = Op(
    lambda input, source: cast(jnp.broadcast_to(source, input.shape), to_dtype(input.dtype)),
    "copy",
    strides=unchanged,
)


# `Tensor.data`: like detach, but PyTorch gives it a version of its own, so that no graph sees
# writes through it.
DATA = Op(
    lambda input: input,
    "data",
    differentiable=False,
    strides=unchanged,
    view=lambda base, new: new,
)


IDENTITIES = (LEAF, DETACH, DATA)


class Step:
    """One step from a base to a view of it: op(base, *rest, **kwargs), recorded in `modes`."""

    __slots__ = ("kwargs", "modes", "op", "rest")

    def __init__(self, op: Op, rest: tuple, kwargs: dict, modes: Modes) -> None:
        self.op = op
        self.rest = rest
        self.kwargs = kwargs
        self.modes = modes

    def get(self, base: Cell) -> Cell:
        """The view of a base."""
        context = local.context
        before = context.modes
        context.modes = self.modes.replace(
            eager=before.eager,
            region=before.region,
            packing=before.packing,
            dual=before.dual,
        )
        try:
            return append(context, self.op, (base, *self.rest), self.kwargs)[0]
        finally:
            context.modes = before

    def put(self, base: Cell, new: Cell) -> Cell:
        """The base with the view's part replaced."""
        if self.op in IDENTITIES:
            return new
        return append(local.context, put_op(self.op), (base, new, *self.rest), self.kwargs)[0]


_puts: dict[Op, Op] = {}


def put_op(op: Op) -> Op:
    """The op that writes back through a view op."""
    made = _puts.get(op)
    if made is None:
        made = _puts[op] = Op(
            op.view, f"{op.name}_put", strides=unchanged, saves=(), saves_more=True
        )
    return made


class Storage:
    """What several Tensors share. cell: the base's. version: the number of writes so far."""

    __slots__ = ("__weakref__", "cell", "limit", "members", "version")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.version = 0
        self.members: list[weakref.ref] = []
        self.limit = 16

    def join(self, tensor: Any) -> None:
        """Count a Tensor in. References to dead ones are cleared out as the list grows."""
        if len(self.members) >= self.limit:
            self.members = [m for m in self.members if m() is not None]
            self.limit = 2 * len(self.members) + 16
        self.members.append(weakref.ref(tensor))
        tensor._storage = self


def storage_of(tensor: Any) -> Storage:
    """The Tensor's storage, made when it is first needed."""
    storage = tensor._storage
    if storage is None:
        storage = Storage(tensor._cell)
        storage.join(tensor)
    return storage


def leave(tensor: Any) -> None:
    """Part a Tensor from its storage, so that it no longer sees what is written there."""
    storage = tensor._storage
    if storage is not None:
        storage.members = [m for m in storage.members if m() is not tensor]
    tensor._storage = tensor._view = None


def link(source: Any, view: Any, step: Step) -> None:
    """Make `view`, just computed from `source` by a step, share its storage."""
    storage_of(source).join(view)
    view._view = (*source._view, step) if source._view else (step,)


def refresh(tensor: Any) -> Cell:
    """The cell of a Tensor that a write to its storage has made stale."""
    cell = tensor._storage.cell
    for step in tensor._view or ():
        cell = step.get(cell)
        if step.op is LEAF:
            mark_leaf(tensor, cell)
    tensor._cell = cell
    return cell


def cell_of(tensor: Any) -> Cell:
    """The Tensor's present cell."""
    cell = tensor._cell
    return refresh(tensor) if cell is None else cell


# ------------------------------------------------------------------------------------------ writing


def is_leaf(cell: Cell) -> bool:
    """Whether the value is a leaf of autograd. See `torch.Tensor.is_leaf`."""
    return not cell.aval.requires_grad or type(cell.node) is weakref.ref


def check_writable(tensor: Any, idempotent: bool = False) -> Cell:
    """The Tensor's cell. RuntimeError where PyTorch forbids an in-place write.

    idempotent: elements may share their memory, for what is written to it is one and the same.
    """
    cell = cell_of(tensor)
    body = local.context.trace.body
    if body is not None:
        body.check_own(tensor._storage.cell if tensor._storage else cell)
    aval = cell.aval
    if not idempotent and overlaps(aval.shape, aval.strides):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    check_no_leaf(tensor, cell)
    return cell


def check_no_leaf(tensor: Any, cell: Cell) -> None:
    """RuntimeError where an in-place op would make a leaf of autograd the result of something."""
    if not (local.context.modes.grad and cell.aval.requires_grad):
        return
    if is_leaf(cell):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    base = tensor._storage.cell if tensor._view else cell
    if base.aval.requires_grad and is_leaf(base):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


class Moment:
    """When an in-place op began. What the op itself saved of the old contents stays valid."""

    __slots__ = ("outputs", "serial")

    def __init__(self, trace: Trace) -> None:
        self.serial = trace.serial
        self.outputs = trace.state.outputs


def write(tensor: Any, new: Cell, since: Moment | None = None) -> None:
    """Replace the contents of a Tensor by a cell of its shape and dtype: the end of every in-place
    op.

    Aliases see it; a graph that had saved the old contents will refuse to go backward.
    """
    old = cell_of(tensor)
    storage = storage_of(tensor)
    body = local.context.trace.body
    if body is not None:
        body.own(new)
    new = _with_history(tensor, old, new)
    base = new
    if tensor._view:
        base = _put_through(storage.cell, tensor._view, new)
        base = _with_history(storage.cell.node, storage.cell, base)
    replace(tensor, storage, base, new, since or Moment(local.context.trace))


def turn(tensor: Any, view: Any, since: Moment, whole: bool) -> None:
    """Make a Tensor the view of itself that `view`, just made, is: the end of `t_` and its
    siblings.

    Nothing moves in the storage. whole: the view shows all of it, and becomes its base where no
    other Tensor shares it.
    """
    old = cell_of(tensor)
    storage = storage_of(tensor)
    new = _with_history(tensor, old, cell_of(view))
    members = [m for r in storage.members if (m := r()) is not None]
    alone = all(m is tensor or m is view for m in members)
    if whole and alone and not tensor._view:
        replace(tensor, storage, new, new, since)
        return
    trace = local.context.trace
    if storage.cell.array is not None:
        trace.writes.append(Undo(trace, tensor, storage, storage.cell))
    overwrite(old, since)
    spare(new, since)
    storage.version += 1
    tensor._view = view._view
    tensor._cell = new


def _put_through(base: Cell, view: tuple[Step, ...], new: Cell) -> Cell:
    """The base after a write through the steps of a view.

    One that is cut off writes without autograd, and so does a leaf.
    """
    context = local.context
    before = context.modes
    if is_cut_off(view) or any(step.op is LEAF for step in view):
        context.modes = before.replace(grad=False)
        new = as_constant(new)
    try:
        cells = [base]
        for step in view[:-1]:
            cells.append(step.get(cells[-1]))
        for step, cell in zip(reversed(view), reversed(cells), strict=True):
            new = step.put(cell, new)
        return new
    finally:
        context.modes = before


def is_cut_off(view: tuple[Step, ...] | None) -> bool:
    """Whether a view has no history in common with its base: it went through detach() or data."""
    return any(step.op is DETACH or step.op is DATA for step in view or ())


def _with_history(owner: Any, old: Cell, new: Cell) -> Cell:
    """The new contents of what requires grad, where the write itself was hidden from autograd.

    A leaf stays a leaf; otherwise the graph goes on from before the write. owner: the Tensor, or a
    reference to it.
    """
    if not old.aval.requires_grad or new.aval.requires_grad:
        return new
    if not is_leaf(old):
        return _hidden(old, new)
    if isinstance(owner, weakref.ref):
        owner = owner()
    return as_leaf(owner, new) if owner is not None else new


def replace(tensor: Any, storage: Storage, base: Cell, new: Cell, since: Moment) -> None:
    """The moment of a write. What it changes can be undone should the program fail."""
    was = storage.cell
    stale = [m for r in storage.members if (m := r()) is not None and m is not tensor]
    trace = local.context.trace
    if was.array is not None:
        trace.writes.append(Undo(trace, tensor, storage, was))
    note_replaced(trace, was, base)
    if not any(step.op is DATA for step in tensor._view or ()):
        cells = (was, tensor._cell, *(m._cell for m in stale))
        for cell in {id(c): c for c in cells if c is not None}.values():
            overwrite(cell, since)
        spare(new, since)
        storage.version += 1
    storage.cell = base
    for member in stale:
        old = member._cell
        member._cell = None if member._view else base
        if old is not None and old.aval.requires_grad and is_cut_off(member._view):
            member._cell = _with_history(member, old, refresh(member))
    tensor._cell = new


def overwrite(cell: Cell, since: Moment) -> None:
    """Note that the Tensor of a cell was written in place: a graph must not use the old value."""
    trace = cell.trace
    if trace is local.context.trace and cell.index is not None:
        began = since.outputs if since.serial == trace.serial else trace.state.outputs
        trace.overwritten[cell.index] = began
    if cell.array is not None:
        cell.trace = OVERWRITTEN


def spare(new: Cell, since: Moment) -> None:
    """The nodes that an in-place op itself made may go on using their first input, which it wrote
    over."""
    stack = [new.node]
    while stack:
        edge = stack.pop()
        if type(edge) is tuple and edge[0].sequence >= (since.serial, since.outputs):
            edge[0].watch = [(slot, cell) for slot, cell in edge[0].watch if slot != 0]
            stack.extend(edge[0].edges)


class Undo:
    """How to take back one write.

    Leaves of the trace are held by position, so that they can be donated.
    """

    __slots__ = ("own", "storage", "tensor", "was")

    def __init__(self, trace: Trace, tensor: Any, storage: Storage, was: Cell) -> None:
        self.tensor = weakref.ref(tensor)
        self.storage = storage
        self.was = position_or_cell(trace, was)
        self.own = position_or_cell(trace, tensor._cell)

    def run(self, trace: Trace) -> None:
        was, own = (
            c if isinstance(c, Cell) else trace.leaves[-1 - c] for c in (self.was, self.own)
        )
        was.trace = own.trace = None
        self.storage.cell = was
        for reference in self.storage.members:
            member = reference()
            if member is not None:
                member._cell = None if member._view else was
        writer = self.tensor()
        if writer is not None and not writer._view:
            writer._cell = own


def position_or_cell(trace: Trace, cell: Cell) -> int | Cell:
    """The position of a leaf of the trace; another cell itself."""
    return cell.index if cell.trace is trace and cell.array is not None else cell


def _hidden(old: Cell, new: Cell) -> Cell:
    context = local.context
    before, context.modes = context.modes, context.modes.replace(grad=True)
    try:
        return append(context, REWRITTEN, (old, new))[0]
    finally:
        context.modes = before


# ------------------------------------------------------------------------------------------- leaves


def as_leaf(tensor: Any, cell: Cell) -> Cell:
    """The value of a cell as a leaf of autograd, whose gradients go to the Tensor."""
    if cell.array is None:
        (cell,) = append(local.context, LEAF, (cell,))
        mark_leaf(tensor, cell)
        return cell
    return Cell(cell.array, cell.aval.with_grad(True), weakref.ref(tensor))


def mark_leaf(tensor: Any, cell: Cell) -> None:
    """Have the gradients of a cell go to a Tensor."""
    cell.node = weakref.ref(tensor)
    if cell.array is None:
        cell.trace.targets[cell.index] = cell.node


def as_constant(cell: Cell) -> Cell:
    """The value of a cell, cut off from its history."""
    if not cell.aval.requires_grad:
        return cell
    if cell.array is not None:
        return Cell(cell.array, cell.aval.with_grad(False))
    return append(local.context, DETACH, (cell,))[0]


def rebase(tensor: Any, cell: Cell, storage: Storage | None = None) -> None:
    """Make the Tensor the base of a storage (its own, if none is given), with a new cell.

    The other members, which see the same values, see them cut off from the Tensor's history from
    now on.
    """
    storage = storage or tensor._storage
    if storage is not None:
        storage.cell = cell
        step = Step(DETACH, (), {}, local.context.modes)
        for member in [m for r in storage.members if (m := r()) is not None and m is not tensor]:
            member._view = (step, *(member._view or ()))
        if tensor._storage is not storage:
            leave(tensor)
            storage.join(tensor)
    tensor._cell = cell
    tensor._view = None


def put_array(tensor: Any, array: Any) -> None:
    """Replace the contents of a Tensor by an array of its shape and dtype, as an in-place op."""
    old = check_writable(tensor)
    write(tensor, Cell(array, old.aval.with_grad(False)))
