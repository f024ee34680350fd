"""The slow path of recording: a call that was never made at this place of the trie.

Here shapes are inferred by `jax.eval_shape`, users' errors are raised, the user's line is noted,
numbers that vary become inputs, and a trace that outgrew its budget is cut at the loop head.
Nothing here runs twice for a path. Read append.py next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import jax

from .arguments import check_arguments, not_implemented, refusal_of
from .autocast import autocast_variant
from .building import statistics
from .device import TRACING
from .dtype import FLOAT, to_dtype
from .errors import first_line, user_line
from .events import materialises
from .graph import LEAF, flows
from .program import materialise
from .scope import module_path
from .strides import contiguous, like_inputs
from .trace import Aval, Call, Cell, Node, Slot, State, Trace
from .varying import counterpart, differs, enter_numbers, generic_key, site_of, varied_sites, vary

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


def extend(trace: Trace, key: tuple, op: Any, args: tuple, kwargs: dict) -> State | None:
    """The state after a call that `trace.state.next` doesn't know; None if the trace was cut
    first."""
    if trace.taken and not _must_stay_whole(trace):
        return _cut(trace)
    state = trace.state
    old = counterpart(state, op, args, kwargs)
    site: tuple = ()
    generic, places = generic_key(op, key, args, kwargs) if op.numbers else (None, [])
    if generic is not None:
        known = state.next.get(generic)
        if known is not None:
            args, kwargs = vary(trace, args, kwargs, places)
            enter_numbers(trace, args, kwargs)
            return known
        site = site_of(op, args, kwargs)
        first, seen_at = state.seen.get(generic, (key, site))
        if (first != key and seen_at == site) or differs(old, args, kwargs, places):
            varied_sites.add(site)
        if first != key or site in varied_sites:
            replaced = state.next.pop(first, old)
            old = replaced if seen_at == site else old
            args, kwargs = vary(trace, args, kwargs, places)
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
    enter_numbers(trace, args, kwargs)
    cells: list[Cell] = []
    template = _template(args, cells)
    named = {k: _template(v, cells) for k, v in kwargs.items()}
    op, modes = autocast_variant(op, trace.context.modes, trace.device)
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
    outputs = _inferred.get((call, avals))
    if outputs is None:
        outputs = _inferred[call, avals] = infer(call, avals, trace)
    # Positions are the key's: a cell may meanwhile have become a leaf of another thread's trace.
    places = zip(cells, _positions(key[2:], count(state.leaves)), strict=True)
    inputs = tuple(c.index if place is None else place for c, place in places)
    node = Node(call, inputs, avals, user_line(), module_path())
    child = State(state, node, outputs)
    child.leaves = len(trace.leaves)
    # Inside a JAX transformation ops run at once: what stayed pending would outlive its tracers.
    runs = modes.eager or trace.device is TRACING
    watched = runs or modes.packing or modes.dual
    finished = call.many or op.view or op.result
    child.plain = len(outputs) == 1 and not finished and not watched
    child.head = state.head or (call, avals)
    return child


def _positions(parts: tuple, leaves: Iterator[int]) -> Iterator[int | None]:
    """The positions among the parts of a key, in order; None for a number that varies.

    leaves: the places of those that the call enters.
    """
    for part in parts:
        if type(part) is int:
            yield part
        elif type(part) is Aval:
            yield -1 - next(leaves)
        elif type(part) is tuple and part:
            if part[0] is Slot:
                yield None
            elif part[0] is list or part[0] is tuple:
                yield from _positions(part[1:], leaves)


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
    op = call.op
    check_arguments(op, call.args, call.kwargs)
    refusal = refusal_of(op, avals, call.args, call.kwargs)
    if refusal is not None and not isinstance(refusal, NotImplementedError):
        raise refusal
    statistics.nodes_inferred += 1
    structs = [a.struct for a in avals]
    try:
        with jax.enable_x64(True):
            outputs = jax.eval_shape(lambda *values: call.run(values), *structs)
    except (RuntimeError, IndexError, NotImplementedError) as error:
        raise error.with_traceback(None) from None
    except (TypeError, ValueError) as error:
        raise refusal or _as_users(error, op, avals) from None
    if refusal is not None:
        raise refusal
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


# How JAX says that it has a function for other dtypes only.
_REFUSAL = re.compile(
    r"does not accept dtype|not well defined for|does not support (bool|complex)"
    r"|dtype=\w+ is not supported"
)


def _as_users(error: Exception, op: Any, avals: tuple[Aval, ...]) -> Exception:
    """An error of an op's own, as it is; one from inside JAX, as PyTorch's RuntimeError, and for a
    dtype that JAX refuses as its NotImplementedError."""
    if avals and _REFUSAL.search(str(error)):
        return not_implemented(op, avals)
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


# ------------------------------------------------------------------------------------------- budget


def _is_full(state: State) -> bool:
    return state.depth >= limits.nodes or state.nbytes >= limits.nbytes


def _must_stay_whole(trace: Trace) -> bool:
    """Whether the trace is a body, or a backward or a compiled function is being recorded."""
    context = trace.context
    return context.walking or context.capture is not None or trace.body is not None


@materialises("another thread", "a value of a trace is used that belongs to another thread")
def _cut(trace: Trace) -> None:
    """Run the trace before the call that is being recorded.

    One that another thread has taken a value of is cut at the next call that is new: the thread
    reads none itself, as when it prepares batches for others, and its trace would grow until it is
    full, on another path each time.
    """
    trace.trim()
    materialise(trace)


@materialises("budget", "a trace has outgrown its budget: it is cut at the loop head")
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
    if not _must_stay_whole(trace) and (is_head or state.depth >= limits.longest):
        return _cut(trace)
    state.beyond[key] = child
    enter_numbers(trace, args, kwargs)
    return child


def _same_call(a: tuple, b: tuple) -> bool:
    """Whether two calls are the same but for which of their inputs require grad."""
    return a[0] is b[0] and [x.with_grad(False) for x in a[1]] == [x.with_grad(False) for x in b[1]]
