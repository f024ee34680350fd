"""The slow path of recording: a call that was never made at this place of the trie.

Here shapes are inferred by `jax.eval_shape`, users' errors are raised, the user's line is noted,
numbers that vary become inputs, and a trace that outgrew its budget is cut at the loop head.
Nothing here runs twice for a path. Read append.py next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax

from .arguments import check_arguments
from .dtype import FLOAT, bool_, dtype, to_dtype
from .errors import first_line, user_line, user_site
from .graph import LEAF, flows
from .program import materialise, statistics
from .strides import contiguous, like_inputs
from .trace import Aval, Call, Cell, Node, Slot, State, Trace, number_cell

# A trace longer than this is cut where its first call comes round again; at the limit, anywhere.
BUDGET_NODES = 1000
BUDGET_BYTES = 4 << 30
LIMIT_NODES = 20_000


class Limits:
    """The budget in force; tests and `jtorch.debug` may change it."""

    nodes = BUDGET_NODES
    nbytes = BUDGET_BYTES
    longest = LIMIT_NODES


limits = Limits()
_NUMBERS = (int, float)
# Where numbers were seen to vary: on a new path they are inputs at once.
varied_sites: set[tuple] = set()


def extend(trace: Trace, key: tuple, op: Any, args: tuple, kwargs: dict) -> State | None:
    """The state after a call that `trace.state.next` doesn't know; None if the trace was cut
    first."""
    state = trace.state
    old = _counterpart(state, op, args, kwargs)
    site: tuple = ()
    generic, places = _generic(op, key, args, kwargs) if op.numbers else (None, [])
    if generic is not None:
        known = state.next.get(generic)
        if known is not None:
            args, kwargs = _vary(trace, args, kwargs, places)
            _enter_numbers(trace, args, kwargs)
            return known
        site = _site(op, args, kwargs)
        first, seen_at = state.seen.get(generic, (key, site))
        if (first != key and seen_at == site) or _differs(old, args, kwargs, places):
            varied_sites.add(site)
        if first != key or site in varied_sites:
            replaced = state.next.pop(first, old)
            old = replaced if seen_at == site else old
            args, kwargs = _vary(trace, args, kwargs, places)
            key = generic
    if _is_full(state):
        child = _beyond(trace, key, op, args, kwargs)
    else:
        child = state.next[key] = _make(trace, key, op, args, kwargs)
    if generic is not None and key is not generic:
        state.seen.setdefault(generic, (key, site))  # only now: a call that was refused is not seen
    if child is not None:
        child.replaces = old
    return child


def _make(trace: Trace, key: tuple, op: Any, args: tuple, kwargs: dict) -> State:
    """Infer a new state."""
    state = trace.state
    _enter_numbers(trace, args, kwargs)
    cells: list[Cell] = []
    template = _template(args, cells)
    named = {k: _template(v, cells) for k, v in kwargs.items()}
    modes = trace.context.modes
    varying = frozenset(k for k, c in enumerate(cells) if c.aval.number)
    call_key = (
        op,
        modes,
        _static(args),
        tuple((k, _static(v)) for k, v in kwargs.items()),
        varying,
    )
    call = Call(op, modes, template, named, call_key, varying)
    avals = tuple(c.aval for c in cells)
    outputs = infer(call, avals, trace)
    # Positions are the key's: a cell may meanwhile have become a leaf of another thread's trace.
    places = zip(cells, _positions(key[2:]), strict=True)
    inputs = tuple(c.index if place is None else place for c, place in places)
    node = Node(call, inputs, avals, user_line())
    child = State(state, node, outputs)
    child.leaves = len(trace.leaves)
    child.plain = len(outputs) == 1 and not (call.many or op.view or op.result or modes.eager)
    child.head = state.head or (call, avals)
    return child


def _positions(parts: tuple) -> Iterator[int | None]:
    """The positions among the parts of a key, in order; None for a number that varies."""
    for part in parts:
        if type(part) is int:
            yield part
        elif type(part) is tuple and part:
            if isinstance(part[-1], Aval):
                yield part[0]
            elif part[0] is Slot:
                yield None
            elif part[0] is list or part[0] is tuple:
                yield from _positions(part[1:])


def _template(value: Any, cells: list[Cell]) -> Any:
    """The argument with slots for its cells, which are collected."""
    if isinstance(value, Cell):
        cells.append(value)
        return Slot(len(cells) - 1)
    if type(value) in (list, tuple):
        return type(value)([_template(v, cells) for v in value])
    return value


def _static(value: Any) -> Any:
    """What of an argument is static, as part of a call's key."""
    if isinstance(value, Cell):
        return Slot
    if type(value) in (list, tuple):
        return (type(value), *[_static(v) for v in value])
    if isinstance(value, float):
        return float, repr(value)
    return type(value), value


# ---------------------------------------------------------------------------------------- inference

_inferred: dict[tuple, tuple[Aval, ...]] = {}


def infer(call: Call, avals: tuple[Aval, ...], trace: Trace) -> tuple[Aval, ...]:
    """The avals of a call's outputs. Raises what PyTorch raises for arguments that don't fit."""
    key = (call, avals)
    found = _inferred.get(key)
    if found is None:
        found = _inferred[key] = _infer(call, avals, trace)
    return found


def _infer(call: Call, avals: tuple[Aval, ...], trace: Trace) -> tuple[Aval, ...]:
    op = call.op
    check_arguments(op, call.args, call.kwargs)
    statistics.nodes_inferred += 1
    structs = [a.struct for a in avals]
    try:
        with jax.enable_x64(True):
            outputs = jax.eval_shape(lambda *values: call.run(values), *structs)
    except (RuntimeError, IndexError, NotImplementedError) as error:
        raise error.with_traceback(None) from None
    except (TypeError, ValueError) as error:
        raise _as_users(error, op, avals) from None
    needs = any(flows(call, avals, k) for k in range(len(avals)))
    results = []
    for k, output in enumerate(outputs):
        kind = to_dtype(output.dtype)
        wants = needs and kind.category >= FLOAT and k not in op.constants
        if op is LEAF:
            wants = True
        strides = _strides(call, avals, output.shape, k)
        results.append(Aval(tuple(output.shape), kind, trace.device, strides, wants))
    return tuple(results)


def _as_users(error: Exception, op: Any, avals: tuple[Aval, ...]) -> Exception:
    """An error of an op's own, as it is; one from inside JAX, as PyTorch's RuntimeError."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    inside = trace is not None and "jax" in trace.tb_frame.f_globals.get("__name__", "").split(".")
    if not inside:
        return error.with_traceback(None)
    return RuntimeError(f"{op.name}({', '.join(map(repr, avals))}): {first_line(error)}")


def _strides(call: Call, avals: tuple[Aval, ...], shape: tuple, k: int) -> tuple[int, ...]:
    op = call.op
    if op.strides is not None:
        return op.strides(avals, shape, call, k)
    if op.inplace:
        return like_inputs(avals, shape, call, k)
    return contiguous(shape)


# ---------------------------------------------------------------------------------- varying numbers


def _kind(args: tuple, kwargs: dict) -> dtype | None:
    """The dtype of a call: of its first array that is no mask, or the one it names."""
    found = None
    for value in (*args, *kwargs.values()):
        if isinstance(value, (Cell, dtype)):
            found = value.aval.dtype if isinstance(value, Cell) else value
            if found is not bool_:
                return found
    return found


def _generic(op: Any, key: tuple, args: tuple, kwargs: dict) -> tuple[tuple | None, list[int]]:
    """The key with numbers that may vary replaced by their class, None if there are none; and
    their places among the arguments, those with names last."""
    kind = _kind(args, kwargs)
    generic: list = list(key)
    places: list[int] = []
    for k, value in enumerate(args):
        if type(value) in _NUMBERS and op.varies(op.parameter(k), value, kind):
            generic[2 + k] = Slot, type(value)
            places.append(k)
    for k, (name, value) in enumerate(kwargs.items()):
        if type(value) in _NUMBERS and op.varies(name, value, kind):
            generic[3 + len(args) + 2 * k] = Slot, type(value)
            places.append(len(args) + k)
    return (tuple(generic) if places else None), places


def _vary(trace: Trace, args: tuple, kwargs: dict, places: list[int]) -> tuple[tuple, dict]:
    """The arguments with the numbers at these places made cells."""
    values = [*args, *kwargs.values()]
    for place in places:
        values[place] = number_cell(values[place], trace.device)
    return tuple(values[: len(args)]), dict(zip(kwargs, values[len(args) :], strict=True))


def _site(op: Any, args: tuple, kwargs: dict) -> tuple:
    """The place in the user's code, with what makes a call of it acceptable to the op."""
    return op.name, *user_site(), _kinds((*args, *kwargs.values()))


def _kinds(values: tuple, avals: tuple[Aval, ...] = ()) -> tuple:
    """What the arguments of a call are: dtypes, and the classes of all that is no array.

    avals: of what slots stand for.
    """
    kinds: list = []
    for value in values:
        aval = avals[value.index] if isinstance(value, Slot) else getattr(value, "aval", None)
        if aval is None:
            kinds.append(type(value))
        elif aval.number:
            kinds.append(float if aval.dtype.is_floating_point else int)
        else:
            kinds.append(aval.dtype)
    return tuple(kinds)


def _counterpart(state: State, op: Any, args: tuple, kwargs: dict) -> State | None:
    """Where this call led on the path that the present one replaces.

    When a number turns out to vary, all that follows is recorded anew. What follows has numbers of
    its own: without the old path to compare with, each would be static until it varies once more,
    and a loop with ten numbers would compile eleven programs.
    """
    if state.replaces is None:
        return None
    found = None
    kinds = _kinds((*args, *kwargs.values()))
    for child in state.replaces.next.values():
        if child.node is None or child.node.call.op.name != op.name:
            continue
        call = child.node.call
        was = (*call.args, *call.kwargs.values())
        if list(call.kwargs) == list(kwargs) and _kinds(was, child.node.avals) == kinds:
            found = child
            if not _differs(child, args, kwargs, range(len(kinds))):
                break
    return found


def _differs(old: State | None, args: tuple, kwargs: dict, places: Iterable[int]) -> bool:
    """Whether a number at these places is another than in an old call, or varied there."""
    if old is None:
        return False
    was, now = (*old.node.call.args, *old.node.call.kwargs.values()), (*args, *kwargs.values())
    return any(
        type(now[k]) in _NUMBERS and (isinstance(was[k], Slot) or was[k] != now[k]) for k in places
    )


def _enter_numbers(trace: Trace, args: tuple, kwargs: dict) -> None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, Cell) and value.aval.number and value.trace is not trace:
            value.trace = trace
            value.index = -1 - len(trace.leaves)
            trace.leaves.append(value)


# ------------------------------------------------------------------------------------------- budget


def _is_full(state: State) -> bool:
    return state.depth >= limits.nodes or state.nbytes >= limits.nbytes


def _beyond(trace: Trace, key: tuple, op: Any, args: tuple, kwargs: dict) -> State | None:
    """A call on a trace over budget: cut where the trace's first call comes round again.

    States over budget have no `next`, so that every call comes here; their continuations are in
    `beyond`.
    """
    state = trace.state
    if state.beyond is None:
        state.beyond = {}
    child = state.beyond.get(key)
    if child is None:
        child = _make(trace, key, op, args, kwargs)
    node = child.node
    is_head = state.head is not None and _same_call(state.head, (node.call, node.avals))
    if not trace.context.walking and (is_head or state.depth >= limits.longest):
        trace.trim()
        materialise(trace)
        return None
    state.beyond[key] = child
    _enter_numbers(trace, args, kwargs)
    return child


def _same_call(a: tuple, b: tuple) -> bool:
    """Whether two calls are the same but for which of their inputs require grad."""
    return a[0] is b[0] and [x.with_grad(False) for x in a[1]] == [x.with_grad(False) for x in b[1]]
