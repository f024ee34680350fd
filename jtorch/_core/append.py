"""Recording, for cells: append a call to the present trace.

autograd, aliases and optimizers record through `append`. record.py does the same for Tensors,
unrolled, since it is the hot path; it comes here when the arguments are not plain. Read record.py
next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .device import TRACING, default_device, device
from .errors import DeviceError
from .events import materialises
from .extend import extend
from .modes import Modes
from .program import materialise, settle
from .trace import OVERWRITTEN, Cell, Context, State, Trace, new_cell
from .transfer import copy_to


class Elsewhere(Exception):
    """Raised inside recording: a leaf lives on another device than the present trace."""


def enter(trace: Trace, cell: Cell) -> Any:
    """Make a cell the next leaf of the trace: the part of the key that says so."""
    if trace.body is not None:
        return trace.body.enter(cell)
    if cell.array is None:
        array = settle(cell)
        if cell.array is None:  # it belongs to a body
            cell = Cell(array, cell.aval.with_grad(False))
    if cell.aval.device is not trace.device:
        raise Elsewhere
    if cell.trace is OVERWRITTEN:  # the mark stays, for the graph that saved the value
        old, cell = cell, Cell(cell.array, cell.aval, cell.node)
        if hasattr(old, "tangent"):
            cell.tangent = old.tangent
    trace.leaves.append(cell)
    cell.trace = trace
    cell.index = -len(trace.leaves)
    return cell.aval


def enter_all(trace: Trace, cells: Iterable[Cell], key: list[Any]) -> None:
    """Append to a key where many cells come from, as `element` says it of one."""
    where, leaves = trace.device, trace.leaves
    for cell in cells:
        owner, aval = cell.trace, cell.aval
        if owner is trace:
            key.append(cell.index)
        elif cell.array is None or owner is OVERWRITTEN or aval.device is not where:
            key.append(enter(trace, cell))
        else:  # as `enter` does
            leaves.append(cell)
            cell.trace = trace
            cell.index = -len(leaves)
            key.append(aval)


def element(trace: Trace, value: Any) -> Any:
    """The part of a node's key that tells of one argument."""
    kind = value.__class__
    if kind is Cell:
        return value.index if value.trace is trace else enter(trace, value)
    if kind is list or kind is tuple:
        return (kind, *[element(trace, v) for v in value])
    if kind is float:  # -0.0 is not 0.0, and NaN is NaN
        return kind, value if value and value == value else str(value)
    return kind, value


def key_of(trace: Trace, op: Any, modes: Modes, args: tuple, kwargs: dict) -> tuple:
    """The key of a call, with cells for arrays."""
    key = [op, modes]
    for value in args:
        key.append(element(trace, value))
    for name, value in kwargs.items():
        key.append(name)
        key.append(element(trace, value))
    return tuple(key)


def append(context: Context, op: Any, args: tuple, kwargs: dict | None = None) -> list[Cell]:
    """Append op(*args, **kwargs), cells for arrays, to the present trace; the cells of its
    outputs."""
    return advance(*step(context, op, args, kwargs or {}))


def step(context: Context, op: Any, args: tuple, kwargs: dict) -> tuple[Trace, State]:
    """The trace, and its state after a call. The trace is not yet moved."""
    while True:
        trace = context.trace
        try:
            key = key_of(trace, op, context.modes, args, kwargs)
            if trace.device is None:
                raise Elsewhere
            state = trace.state.next.get(key)
            if state is None:
                state = extend(trace, key, op, args, kwargs)
        except Elsewhere:
            trace.trim()
            args, kwargs = gather(context, args, kwargs)
            continue
        except BaseException:
            trace.trim()
            raise
        if state is not None:
            return trace, state


@materialises("eager mode", "every operation, while `JTORCH_EAGER=1` or `debug.eager()` holds")
def advance(trace: Trace, state: State) -> list[Cell]:
    """Move the trace to a state; the cells of the node's outputs."""
    trace.state = state
    cells = []
    for k, aval in enumerate(state.avals):
        cells.append(new_cell(trace, state.first + k, aval))
    trace.cells.extend(cells)
    modes = state.node.call.modes
    if modes.packing:
        trace.context.pack(trace, state)
    if modes.dual and trace.context.level is not None:
        trace.context.level.push(trace, state, cells)
    if (modes.eager or trace.device is TRACING) and trace.cells:
        materialise(trace)
    return cells


def cells_in(value: Any) -> list[Cell]:
    """All cells among (nested) arguments, in order."""
    if isinstance(value, Cell):
        return [value]
    if isinstance(value, (list, tuple)):
        return [c for v in value for c in cells_in(v)]
    return []


def gather(context: Context, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Choose the device of a call and make its trace the present one.

    A JAX tracer wins over everything; zero-dim CPU Tensors follow the others to their device.
    DeviceError where Tensors with dimensions live on two devices.
    """
    devices = {c.aval.device for c in cells_in((args, tuple(kwargs.values())))}
    if not devices:
        context.on(kwargs.get("device") or default_device())
        return args, kwargs
    where = _one_device(cells_in((args, tuple(kwargs.values()))), devices)
    context.on(where)
    if len(devices) == 1:
        return args, kwargs
    return _moved(args, where), {k: _moved(v, where) for k, v in kwargs.items()}


def _one_device(cells: list[Cell], devices: set[device]) -> device:
    if TRACING in devices:
        return TRACING
    if len(devices) > 1:
        devices = {c.aval.device for c in cells if c.aval.shape or c.aval.device.type != "cpu"}
    if len(devices) > 1:
        first, second = sorted(map(str, devices), reverse=True)[:2]
        raise DeviceError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{first} and {second}!"
        )
    return next(iter(devices))


def _moved(value: Any, where: device) -> Any:
    """Arguments with the cells that live elsewhere copied to a device."""
    if isinstance(value, Cell) and value.aval.device is not where:
        return copy_to(value, where)
    if isinstance(value, (list, tuple)):
        return type(value)([_moved(v, where) for v in value])
    return value
