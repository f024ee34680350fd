"""Programs: a trace compiled by XLA. The furnace is `materialise`.

A program returns the cells that are still alive: held by a Tensor, or used by the VJP of a graph
that is still alive. It donates the buffers of leaves which an in-place write replaced, when nothing
else can see them. Everything that decides about a program is a function of the trie's state and of
which cells are alive, so a trace seen before costs one lookup here. If a program fails, Tensors
keep the values they had. Read varying.py next, then extend.py and append.py.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .building import Program, build, statistics
from .calls import FirstCall, compilation_of, give_call
from .capture import stop
from .checks import positions_of, verify
from .device import CPU, TRACING
from .divergence import cause_of_thread
from .donation import Renewal, alive_among, arrays_for, part_from_graph, part_from_tangents
from .errors import OutOfMemoryError, ProgramError, first_line
from .evaluation import evaluator, numbers_among, path, without
from .events import materialises
from .graph import edge_of_cell
from .survivors import keep_graph, nodes_in_use
from .trace import Cell, Node, State, Trace, local

# On the CPU a lack of memory shows only after the call has returned. A program which may need more
# than half of what the machine has donates nothing and is waited for, so that it can be taken back.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def materialise(trace: Trace, cell: Cell | None = None) -> Program | None:
    """Run a trace, so that its alive cells hold arrays; a new trace begins. The program that ran.

    With a cell of another thread's trace, only that cell is computed, and the trace goes on. A
    body runs as a part of another trace's program: it has none of its own.
    """
    if trace.body is not None:
        return None
    if trace.context is not local.context:
        _compute_one(trace, cell)
        return None
    state = trace.state
    if state.parent is None:
        return None
    stop("a value is needed before the function has ended")
    daring = is_daring(state, trace.device)
    if trace.tangents:
        part_from_tangents(trace.cells)
    alive = alive_among(trace.cells)
    places = tuple([c.index for c in alive])
    for renewal in trace.renewals:
        alive += renewal.cells
        places += renewal.positions
    try:
        nodes = nodes_in_use(trace, places) if trace.nodes else ()
        key = (places, daring, nodes, positions_of(trace) if trace.checks else ())
        program = state.programs.get(key)
        if program is None:
            program = state.programs[key] = build(trace, *key)
        arrays = _run(program, trace.leaves, trace.renewals, not daring)
        if trace.checks:
            verify(trace, places, arrays, daring)
    except BaseException as error:
        fail(trace, error)
        raise explained(state, error) from None
    _finish(trace, program, alive, places, arrays)
    return program


def is_daring(state: State, where: Any) -> bool:
    """Whether the program of a state may take the buffers of what was replaced."""
    return where is not CPU or state.nbytes < _MEMORY // 2


def _finish(trace: Trace, program: Program, alive: list[Cell], places: tuple, arrays: list) -> None:
    """Give the cells their arrays. An interrupt here is held back until all have theirs."""
    interrupted: BaseException | None = None
    while True:
        try:
            if program.survivors:
                part_from_graph(trace)
            for cell, array in zip(alive, arrays, strict=False):
                cell.array = array
                cell.trace = None
            if program.survivors or program.freed or program.outside:
                keep_graph(trace, program, places, alive, arrays)
            break
        except KeyboardInterrupt as error:
            interrupted = error
    trace.context.renew(trace)
    trace.clear()
    if interrupted is not None:
        raise interrupted


def _run(
    program: Program, leaves: Sequence[Cell], renewals: Sequence[Renewal] = (), wait: bool = False
) -> list:
    results = call(program, arrays_for(leaves, program.donated, renewals))
    if wait:
        jax.block_until_ready(results)
    return results


def call(program: Program, arrays: list) -> list:
    """The values of `program.wanted`, given those of the leaves."""
    results = outputs_of(program, arrays)
    if program.source is program.wanted:
        return results
    return [results[s] if s >= 0 else arrays[-1 - s] for s in program.source]


def outputs_of(program: Program, arrays: list) -> list:
    """The outputs of the XLA program, given the values of the leaves."""
    entering = arrays
    if program.numbers:
        entering = without(arrays, program.numbers)
        for kind, ks in program.numbers.items():
            entering.append(np.array([arrays[k] for k in ks], kind))
    statistics.programs_run += 1
    with jax.enable_x64(True):
        results = program.call(*entering)
        if program.concrete and results and isinstance(results[0], Tracer):
            with jax.ensure_compile_time_eval():  # values from outside, inside somebody's jax.jit
                results = program.call(*entering)
    return results


# ------------------------------------------------------------------------------------------ failing


def fail(trace: Trace, error: BaseException) -> None:
    """Drop a trace: every Tensor that it wrote gets back the value it had."""
    for undo in reversed(trace.writes):
        undo.run(trace)
    traceback.clear_frames(error.__traceback__)  # what they hold is memory that is lacking
    trace.error = error
    trace.context.renew(trace)
    trace.clear()


def explained(state: State, error: BaseException) -> BaseException:
    """The error that the user sees when the program of a state fails."""
    text = first_line(error)
    if not isinstance(error, Exception) or isinstance(error, ProgramError):
        return error
    if isinstance(error, (MemoryError, jax.errors.JaxRuntimeError)):
        kind = OutOfMemoryError if "RESOURCE_EXHAUSTED" in text else ProgramError
        return kind(f"{text}\nwhile running the program of {_largest(state)}")
    return error


def _largest(end: State) -> str:
    """The node with the largest output: what to look at when memory ran out."""
    state = max(path(end), key=lambda s: sum(a.nbytes for a in s.avals))
    return describe(state.node, state)


def describe(node: Node, state: State) -> str:
    """One line about a node, for people."""
    inputs = ", ".join(map(repr, node.avals))
    outputs = ", ".join(map(repr, state.avals))
    return f"{node.call.op.name}({inputs}) -> {outputs} at {node.line}"


# ------------------------------------------------------------------------------------------ reading


def settle(cell: Cell, use: str = "memory") -> Any:
    """The array of a cell; what is pending is materialised.

    use: what it is read for, should a body have to refuse.
    """
    if cell.array is None:
        owner = cell.trace
        body = body_of(cell)
        if body is not None:
            return body.read(cell, use)
        if owner is None or owner.error is not None:
            cause = owner.error if owner is not None else None
            raise RuntimeError(
                f"this Tensor has no value: the program that was to compute it failed ({cause})"
            ) from cause
        materialise(owner, cell)
    return cell.array


def body_of(cell: Cell) -> Any:
    """The body in whose body a cell is pending; of an argument that nothing has used yet, the
    open one that it belongs to."""
    if cell.array is not None:
        return None
    if cell.trace is not None:
        return cell.trace.body
    return next((r for r in local.context.bodies if r.owns(cell)), None)


@materialises("value", "an operation reads values, and is not listed here")
def host(cell: Cell, use: str = "memory") -> np.ndarray:
    """The value as a NumPy array. It may share the buffer: copy before handing it out."""
    array = settle(cell, use)
    if isinstance(array, Tracer):
        raise jax.errors.TracerArrayConversionError(array)
    stop("a value is read")
    return np.asarray(array)


@materialises("another thread", "a value of a trace is used that belongs to another thread")
def _compute_one(trace: Trace, cell: Cell | None) -> None:
    """Compute one cell of another thread's trace, which goes on undisturbed."""
    if cell is None:
        return
    position, state, leaves = cell.index, trace.state, list(trace.leaves)
    if cell.array is not None:
        return
    trace.taken = True
    program = state.programs.get(key := ((position,), "one"))
    if program is None:
        program = state.programs[key] = _build_one(trace, state, leaves, position)
    array = _run(program, leaves[: state.leaves])[0]
    if cell.node is None:
        cell.node = edge_of_cell(cell)
    if cell.array is None:
        cell.array = jnp.asarray(array) if not hasattr(array, "dtype") else array


def _build_one(trace: Trace, state: State, leaves: list[Cell], position: int) -> Program:
    """The program of one value of another thread's trace."""
    began = perf_counter()
    steps = path(state)
    program = Program()
    program.numbers, program.wanted = numbers_among(leaves), (position,)
    program.source, program.donated = program.wanted, ()
    program.survivors, program.freed, program.outside = (), (), False
    program.nodes, program.compilation = len(steps), None
    program.concrete = trace.device is not TRACING
    call = jax.jit(evaluator(steps, program.wanted, program.numbers))
    cause = cause_of_thread(trace.producer(position).node)
    give_call(program, FirstCall(program, call, compilation_of(cause, steps, trace), began))
    statistics.programs_compiled += 1
    return program


def materialise_all() -> None:
    """Materialise every trace of this thread."""
    for trace in tuple(local.context.traces.values()):
        materialise(trace)
