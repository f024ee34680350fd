"""The door: how a call of an op on Tensors is recorded.

`record` is the hot path of the library: it builds the node's key in one loop and looks up the next
state. What is not plain (lists of Tensors, a first time, views, several outputs, another device)
goes to `_record_slowly`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .alias import (
    CAST,
    COPY,
    Moment,
    Step,
    cell_of,
    check_writable,
    leave,
    link,
    write,
)
from .append import Elsewhere, advance, append, enter, step
from .device import TRACING
from .dtype import TITLES, can_cast
from .forward import tangent_of
from .op import Op
from .overlap import MESSAGE, check_overlap
from .overrides import dispatch, overrides, overriding, plain_tensors
from .strides import contiguous, like_inputs, overlaps
from .tensor import Tensor, from_cell
from .trace import Cell, Trace, local

_STATIC = frozenset({int, float, bool, str, complex, type(None), slice})
new_object = object.__new__
ROW_MAJOR = Op(lambda input: input, "row_major", strides=lambda a, shape, *_: contiguous(shape))


class _Slowly(Exception):
    """Raised inside `record`: an argument that needs a closer look."""


def recorder(op: Op) -> Callable[..., Any]:
    """The function that records an op on Tensors: the Tensor, or tuple of Tensors, that results."""
    made = _recorders.get(op)
    if made is not None:
        return made

    def record(*args: Any, **kwargs: Any) -> Any:
        context = local.context
        trace = context.trace
        key: Any = [op, context.modes]
        try:
            for value in args:
                kind = value.__class__
                if kind in plain_tensors:
                    cell = value._cell
                    if cell is None:
                        raise _Slowly
                    key.append(cell.index if cell.trace is trace else enter(trace, cell))
                elif kind is tuple or kind is list:
                    key.append((kind, tuple(value), _kinds(value)))
                elif kind is float:  # -0.0 is not 0.0, and NaN is NaN
                    key.append((kind, value if value and value == value else str(value)))
                elif kind in _STATIC or not overrides(kind):
                    key.append((kind, value))
                else:
                    raise _Slowly
            if kwargs:
                _add_named(key, trace, kwargs)
            key = tuple(key)
            state = trace.state.next.get(key)
        except (Elsewhere, _Slowly, TypeError, ValueError):
            state = key = None
        except BaseException:
            trace.trim()
            raise
        if state is None or not (state.plain or state.step is not None):
            return _record_slowly(op, args, kwargs, key, trace)
        trace.state = state
        cell = new_object(Cell)
        cell.array = None
        cell.trace = trace
        cell.index = state.first
        cell.aval = state.avals[0]
        cell.node = None
        trace.cells.append(cell)
        tensor = new_object(Tensor)
        tensor._cell = cell
        tensor._grad = None
        tensor._storage = None
        tensor._view = None
        if state.step is not None:
            link(args[0], tensor, state.step)
        return tensor

    record.__name__ = op.name
    _recorders[op] = record
    return record


def _kinds(value: Any) -> tuple[type, ...]:
    """The classes of the items of a static sequence; to tell (1, 2) from (1.0, 2.0) in a key."""
    kinds = tuple(map(type, value))
    if not _STATIC.issuperset(kinds):
        for kind, item in zip(kinds, value, strict=True):
            if kind is tuple:
                _kinds(item)
            elif kind not in _STATIC:
                raise _Slowly
    return kinds


def _add_named(key: list, trace: Trace, kwargs: dict) -> None:
    """The keyword arguments' part of a key."""
    for name, value in kwargs.items():
        kind = value.__class__
        key.append(name)
        if kind in plain_tensors:
            cell = value._cell
            if cell is None:
                raise _Slowly
            key.append(cell.index if cell.trace is trace else enter(trace, cell))
        elif kind is tuple or kind is list:
            key.append((kind, tuple(value), _kinds(value)))
        elif kind is float:
            key.append((kind, value if value and value == value else str(value)))
        elif kind in _STATIC or not overrides(kind):
            key.append((kind, value))
        else:
            raise _Slowly


def record(op: Op, *args: Any, **kwargs: Any) -> Any:
    """Record one call of an op."""
    return (_recorders.get(op) or recorder(op))(*args, **kwargs)


_recorders: dict[Op, Callable[..., Any]] = {}


def _record_slowly(op: Op, args: tuple, kwargs: dict, key: tuple | None, trace: Trace) -> Any:
    """Everything that `record` leaves: it takes any arguments, and finishes views and tuples.

    key: how `record` would look this call up. It is noted, so that the next time is quick.
    """
    entered = trace.leaves[trace.state.leaves :]
    trace.trim()
    asked = overriding((*args, *kwargs.values()))
    if asked:
        return dispatch(_recorders[op], asked, args, kwargs)
    if "out" in kwargs:
        kwargs = dict(kwargs)
        out = kwargs.pop("out")
        if out is not None:
            return record_out(op, args, kwargs, out)
    positional = bool(args)
    args, kwargs = _normal(op, args, kwargs)
    cells = tuple(_lower(op, name, a) for name, a in zip(_names(op, args), args, strict=True))
    named = {k: _lower(op, k, v) for k, v in kwargs.items()}
    context = local.context
    before = trace.state
    now, state = step(context, op, cells, named)
    call = state.node.call
    view = None
    if op.view is not None:
        view = state.step or Step(op, cells[1:], named, context.modes)
    # Eager and on tracers each call runs, hooks see what is saved, and tangents follow: `record` is
    # not for these.
    runs = context.modes.eager or now.device is TRACING
    if not (call.varying or runs or call.modes.packing or call.modes.dual):
        state.step = view
    # `record` links a view to its first argument: given by name, it isn't there.
    quick = state.plain or (state.step is not None and positional)
    if key is not None and quick and not call.varying and now is trace and now.state is before:
        if entered == trace.leaves[before.leaves :]:
            before.next[key] = state
    outputs = [from_cell(c) for c in advance(now, state)]
    if view is not None:
        link(args[0], outputs[0], view)
    if not call.many:
        return outputs[0]
    return op.named(outputs)


def _names(op: Op, args: tuple) -> list[str]:
    return [op.parameter(k) or "" for k in range(len(args))]


def _normal(op: Op, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """PyTorch's other spellings of arguments: axis, keepdims, x; sizes as separate numbers."""
    for alias, name in (("axis", "dim"), ("keepdims", "keepdim"), ("x", "input")):
        if alias in kwargs and alias not in op.parameters and name in op.parameters:
            kwargs = {**kwargs, name: kwargs[alias]}
            del kwargs[alias]
    if op.parameters and "input" in kwargs and op.parameters[0] == "input" and not args:
        kwargs = dict(kwargs)
        args = (kwargs.pop("input"),)
    spread = op.spread
    if spread is not None and len(args) > spread and isinstance(args[spread], (int, Tensor)):
        args = (*args[:spread], tuple(args[spread:]))
    try:
        op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{op.name}(): {error}") from None
    return args, kwargs


def _lower(op: Op, name: str, value: Any) -> Any:
    """An argument with cells for Tensors and hashable statics."""
    if isinstance(value, Tensor):
        if name not in op.arrays and name in op.parameters:
            return _read_static(op, name, value)
        return cell_of(value)
    if isinstance(value, (list, tuple)):
        lower = _lower_item if name in op.arrays else _lower_size
        return tuple(lower(v) for v in value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        raise TypeError(f"{op.name}(): argument '{name}' must be Tensor, not numpy.ndarray")
    return value


def _lower_item(value: Any) -> Any:
    if isinstance(value, Tensor):
        return cell_of(value)
    if isinstance(value, (list, tuple)):
        return tuple(_lower_item(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _lower_size(value: Any) -> Any:
    """An item of a static tuple: a zero-dim Tensor counts as its number."""
    if isinstance(value, Tensor):
        return value.item()
    return _lower_item(value)


def _read_static(op: Op, name: str, value: Tensor) -> Any:
    """A zero-dim Tensor where a number is wanted."""
    if value.numel() != 1:
        raise TypeError(f"{op.name}(): argument '{name}' must be a number, not Tensor")
    return value.item()


# -------------------------------------------------------------------------------- in place and out=


def record_inplace(op: Op, args: tuple, kwargs: dict, function: Callable | None = None) -> Tensor:
    """Record op and write its result to the first argument: `add_` and its siblings.

    function: the one that the user called.
    """
    asked = overriding(args)
    if asked and function is not None:
        return dispatch(function, asked, args, kwargs)
    target = args[0]
    old = check_writable(target)
    if target._storage is not None:
        for value in (*args[1:], *kwargs.values()):
            if isinstance(value, Tensor) and value is not target:
                check_overlap(target, value, whole=False)
    since = Moment(local.context.trace)
    shape, kind = old.aval.shape, old.aval.dtype
    result = _record_uncast(op, args, kwargs)
    new = cell_of(result)
    if new.aval.shape != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape "
            f"{list(new.aval.shape)}"
        )
    if new.aval.dtype is not kind:
        new = _cast(new, kind)
    write(target, _shaped_like(new, old), since)
    return target


def _record_uncast(op: Op, args: tuple, kwargs: dict) -> Any:
    """Record one call outside of autocast, which PyTorch has for new results only."""
    context = local.context
    modes = context.modes
    if not modes.autocast:
        return record(op, *args, **kwargs)
    context.modes = modes.replace(autocast=())
    try:
        return record(op, *args, **kwargs)
    finally:
        context.modes = context.modes.replace(autocast=modes.autocast)


def _cast(cell: Cell, kind: Any) -> Cell:
    if not can_cast(cell.aval.dtype, kind):
        raise RuntimeError(
            f"result type {TITLES[cell.aval.dtype]} can't be cast to the desired output type "
            f"{TITLES[kind]}"
        )
    return append(local.context, CAST, (cell, kind))[0]


def _shaped_like(new: Cell, old: Cell) -> Cell:
    """The new contents with the strides of the old ones: a write doesn't move memory."""
    if new.aval.strides == old.aval.strides:
        return new
    return append(local.context, COPY, (_blank(old), new))[0]


def _blank(old: Cell) -> Cell:
    return Cell(old.array, old.aval.with_grad(False)) if old.array is not None else old


def record_out(op: Op, args: tuple, kwargs: dict, out: Any) -> Any:
    """Record op and write its result to `out`, which takes on its shape."""
    result = _record_uncast(op, args, kwargs)
    _check_without_tangent(op, result)
    several = isinstance(out, (tuple, list)) and isinstance(result, tuple)
    targets: Sequence[Any] = out if several else (out,)
    results: Sequence[Any] = result if several else (result,)
    for target in targets:
        if not isinstance(target, Tensor):
            raise TypeError(f"{op.name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if op.out in ("apart", "exact"):
        for target, value in zip(targets, results, strict=True):
            _check_out(op, target, value, (*args, *kwargs.values()))
    if op.strides not in (None, like_inputs) and isinstance(result, Tensor):
        results = (record(ROW_MAJOR, result),)  # so PyTorch resizes `out`, but for element-wise ops
    for target, value in zip(targets, results, strict=True):
        write_out(target, value)
    if not several:
        return out
    return op.named(list(targets)) if op.out != "parts" else None


def _check_without_tangent(op: Op, result: Any) -> None:
    """NotImplementedError for a dual result where `out=` is to take it."""
    context = local.context
    for value in result if isinstance(result, tuple) else (result,):
        if tangent_of(context, cell_of(value)) is not None:
            raise NotImplementedError(
                f"Trying to use forward AD with {op.name}_out that does not support it because it "
                "is an out= function"
            )


def _check_out(op: Op, target: Tensor, value: Tensor, arguments: tuple) -> None:
    """RuntimeError for an `out` that PyTorch's kernel can't write to."""
    aval = cell_of(target).aval
    wanted = cell_of(value).aval.dtype
    if op.out == "exact" and wanted is not aval.dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {wanted.name}, but got {aval.dtype.name} instead"
        )
    if overlaps(aval.shape, aval.strides):
        check_writable(target)
    for argument in arguments:
        for source in argument if isinstance(argument, (tuple, list)) else (argument,):
            if source is target:
                raise RuntimeError(MESSAGE)
            if isinstance(source, Tensor):
                check_overlap(target, source, whole=True)


def write_out(target: Tensor, value: Tensor) -> None:
    """Write a result to the Tensor given as `out=`."""
    old, new = cell_of(target), cell_of(value)
    if local.context.modes.grad and (old.aval.requires_grad or new.aval.requires_grad):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the "
            "arguments requires grad."
        )
    if new.aval.dtype is not old.aval.dtype:
        new = _cast(new, old.aval.dtype)
    if new.aval.shape == old.aval.shape:
        check_writable(target)
        write(target, _shaped_like(new, old))
        return
    leave(target)
    target._cell = new


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write the values of `src`, broadcast and cast, to `input`. See `torch.Tensor.copy_`."""
    old = check_writable(input, idempotent=src is input)
    source = src if isinstance(src, Tensor) else None
    if source is None:
        raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(src).__name__}")
    cell = cell_of(source)
    if cell.aval.device is not old.aval.device:
        cell = cell_of(source.to(old.aval.device))
    _check_broadcast(cell.aval.shape, old.aval.shape)
    (new,) = append(local.context, COPY, (old, cell))
    write(input, new)
    return input


def _check_broadcast(shape: tuple, wanted: tuple) -> None:
    lead = len(wanted) - len(shape)
    fits = lead >= 0 and all(s in (1, w) for s, w in zip(shape, wanted[lead:], strict=True))
    if fits:
        return
    for k in range(min(len(shape), len(wanted))):
        a, b = wanted[-1 - k], shape[-1 - k]
        if a != b and b != 1:
            raise RuntimeError(
                f"The size of tensor a ({a}) must match the size of tensor b ({b}) at "
                "non-singleton "
                f"dimension {len(wanted) - 1 - k}"
            )
    raise RuntimeError(
        f"output with shape {list(wanted)} doesn't match the broadcast shape {list(shape)}"
    )
