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
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer, eval_jaxpr
from jax.sharding import SingleDeviceSharding

from . import layout
from .checks import keep, positions_of, verify
from .device import CPU, TRACING, jax_device
from .donation import Renewal, alive_among, arrays_for, pairs_of, part_from_graph
from .errors import OutOfMemoryError, ProgramError, first_line
from .graph import Vjp, edge_of_cell
from .survivors import keep_graph, nodes_in_use, survivors_of
from .trace import Call, Cell, Node, State, Trace, local


class Statistics:
    """Counts since the process began; `jtorch.debug.statistics()` shows them."""

    programs_compiled = 0
    programs_run = 0
    nodes_inferred = 0


statistics = Statistics()
listeners: list[Callable[[str, Trace], None]] = []

# On the CPU a lack of memory shows only after the call has returned. A program which may need more
# than half of what the machine has donates nothing and is waited for, so that it can be taken back.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


# How XLA compiles a program with regions on the CPU, where a barrier does not order what runs. By
# default its scheduler computes everything again at once, as early as it can: in a Transformer of
# 12 layers that takes as much memory as keeping all. The other scheduler begins with what the first
# output needs. So outputs stand in reverse, the gradients of early layers first: 8.4 MB instead of
# 22.3.
REGIONS = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}


class Program:
    """One compiled set of outputs of a state.

    wanted: the positions returned.  source: for each of them, the output of the XLA program, or the
    leaf (-1 down) that it is.  donated: places of the leaves whose buffers it takes.  survivors:
    positions of the nodes whose graph stays alive.  freed: alive positions whose graph is gone.
    numbers: the leaves that are varying numbers, by dtype.  concrete: whether it computes values,
    not tracers.
    """

    __slots__ = (
        "call",
        "concrete",
        "donated",
        "freed",
        "numbers",
        "source",
        "survivors",
        "wanted",
    )


def materialise(trace: Trace, cell: Cell | None = None) -> None:
    """Run a trace, so that its alive cells hold arrays; a new trace begins.

    With a cell of another thread's trace, only that cell is computed, and the trace goes on. The
    body of a body is part of another trace's program: it has none of its own.
    """
    if trace.body is not None:
        return
    if trace.context is not local.context:
        _compute_one(trace, cell)
        return
    state = trace.state
    if state.parent is None:
        return
    daring = trace.device is not CPU or state.nbytes < _MEMORY // 2
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
        _fail(trace, error)
        raise _explain(trace, error) from None
    _finish(trace, program, alive, places, arrays)


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
            if program.survivors or program.freed:
                keep_graph(trace, program, places, alive, arrays)
            break
        except KeyboardInterrupt as error:
            interrupted = error
    trace.context.renew(trace)
    trace.clear()
    if interrupted is not None:
        raise interrupted


# ----------------------------------------------------------------------------------------- building


def build(trace: Trace, alive: tuple, daring: bool, nodes: tuple, checks: tuple) -> Program:
    """Compile (lazily, at the first call) the program for a set of outputs.

    daring: whether it may take the buffers of what was replaced.
    """
    program = Program()
    program.donated = ()
    survivors, program.freed = survivors_of(trace, alive, nodes)
    kept = {p for node in survivors if not node.freed for p in node.saved_positions()}
    saved = {p for p in kept if p >= 0}
    program.survivors = tuple(node.first for node in survivors)
    program.wanted = alive + tuple(sorted(saved - set(alive)))
    steps = path(trace.state)
    trace.state.complete()
    structs = [cell.aval.struct for cell in trace.leaves]
    program.numbers = numbers_among(trace.leaves)
    program.concrete = trace.device is not TRACING
    wanted = tuple(p for p in program.wanted if p >= 0)
    pairs = pairs_of(trace) if daring else {}
    guard = partial(keep, checks=checks, pairs=pairs)
    run = evaluator(steps, wanted, program.numbers, guard)
    if trace.device is TRACING:
        program.source = program.wanted
        program.call = run
        return program
    _compile(program, run, _entering(structs, program.numbers), pairs, trace)
    return program


def path(state: State) -> list[State]:
    """The states from the root to this one that have a node."""
    steps = []
    while state.parent is not None:
        if state.node is not None:
            steps.append(state)
        state = state.parent
    steps.reverse()
    return steps


def _entering(structs: list, numbers: dict[Any, list[int]]) -> list:
    """The arguments of a program: the leaves, and a vector for the numbers of each dtype."""
    vectors = [jax.ShapeDtypeStruct((len(ks),), kind) for kind, ks in numbers.items()]
    return _without(structs, numbers) + vectors


def _without(leaves: list, numbers: dict[Any, list[int]]) -> list:
    """The leaves that are no varying numbers."""
    left_out = {k for ks in numbers.values() for k in ks}
    return [leaf for k, leaf in enumerate(leaves) if k not in left_out]


def _run(
    program: Program, leaves: Sequence[Cell], renewals: Sequence[Renewal] = (), wait: bool = False
) -> list:
    arrays = entering = arrays_for(leaves, program.donated, renewals)
    if program.numbers:
        entering = _without(arrays, program.numbers)
        for kind, ks in program.numbers.items():
            entering.append(np.array([arrays[k] for k in ks], kind))
    statistics.programs_run += 1
    with jax.enable_x64(True):
        results = program.call(*entering)
        if program.concrete and results and isinstance(results[0], Tracer):
            with jax.ensure_compile_time_eval():  # values from outside, inside somebody's jax.jit
                results = program.call(*entering)
    if wait:
        jax.block_until_ready(results)
    if program.source is program.wanted:
        return results
    return [results[s] if s >= 0 else arrays[-1 - s] for s in program.source]


def numbers_among(leaves: Sequence[Cell]) -> dict[Any, list[int]]:
    """The leaves that are varying numbers: dtype -> places."""
    found: dict[Any, list[int]] = {}
    for k, cell in enumerate(leaves):
        if cell.aval.number:
            found.setdefault(cell.aval.dtype.numpy, []).append(k)
    return found


def evaluator(
    steps: list[State],
    wanted: tuple[int, ...],
    numbers: dict[Any, list[int]],
    guard: Callable[[dict[int, Any]], None] | None = None,
    cut: Callable[[Call], bool] = lambda call: False,
) -> Callable:
    """The trace as a function of its leaves. guard: what is done to the values in the end. cut:
    through which calls no derivative goes, where JAX differentiates the function."""
    pairs = _pairs(steps)

    def run(*arrays: Any) -> list:
        count = len(arrays) - len(numbers)
        leaves = list(arrays[:count])
        vectors = zip(numbers.values(), arrays[count:], strict=True)
        for k, number in sorted(
            ((k, v[place]) for ks, v in vectors for place, k in enumerate(ks)), key=itemgetter(0)
        ):
            leaves.insert(k, number)
        values: dict[int, Any] = {-1 - k: array for k, array in enumerate(leaves)}
        pullbacks: dict[int, Callable] = {}
        for state in steps:
            node = state.node
            inputs = [values[p] for p in node.inputs]
            if cut(node.call):
                inputs = list(map(jax.lax.stop_gradient, inputs))
            if id(state) in pairs:
                forward = pairs[id(state)]
                # A node whose VJP follows: run once, keep the residuals
                if isinstance(forward, Vjp):
                    results, pullbacks[id(state)] = forward.pull(tuple(inputs))
                else:
                    results = pullbacks[forward](tuple(inputs[-len(node.call.op.outputs) :]))
            else:
                results = node.call.run(inputs)
            for k, result in enumerate(results):
                values[state.first + k] = result
        if guard is not None:
            guard(values)
        return [values[p] for p in wanted]

    return run


def _pairs(steps: list[State]) -> dict[int, Any]:
    """Which nodes have their VJP in the same trace: forward -> Vjp, backward -> id of the forward's
    state."""
    forwards: dict[tuple, State] = {}
    pairs: dict[int, Any] = {}
    for state in steps:
        node = state.node
        op = node.call.op
        if isinstance(op, Vjp) and op.call.op.backward is None and not op.absent:
            inputs = node.inputs[: len(node.inputs) - len(op.outputs)]
            forward = forwards.get((op.call, inputs))
            if forward is not None and pairs.setdefault(id(forward), op) is op:
                pairs[id(state)] = id(forward)
        forwards[(node.call, node.inputs)] = state
    return pairs


def _compile(program: Program, run: Callable, structs: list, pairs: dict, trace: Trace) -> None:
    """Drop outputs that are leaves or equal to others, and jit the rest."""
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(run)(*structs)
    jaxpr = closed.jaxpr
    place = {id(v): -1 - k for k, v in enumerate(jaxpr.invars)}
    entering = _without(list(range(len(trace.leaves))), program.numbers)
    unique: list[Any] = []
    source = []
    outvars = iter(jaxpr.outvars)
    for position in program.wanted:
        if position < 0:
            source.append(position)
            continue
        var = next(outvars)
        where = place.get(id(var))
        if where is not None and where < 0 and -1 - where < len(entering):
            source.append(-1 - entering[-1 - where])
            continue
        if where is None or where < 0:
            where = len(unique)
            unique.append(var)
            place[id(var)] = where
        source.append(where)
    options = None
    if any(step.node.call.modes.region for step in path(trace.state)):
        options = REGIONS if trace.device is CPU else None
        unique.reverse()
        source = [s if s < 0 else len(unique) - 1 - s for s in source]
    replacing = _replacing(pairs, dict(zip(program.wanted, source, strict=True)))
    program.donated = tuple(-1 - leaf for leaf in replacing)
    pruned, program.source = _in_order(jaxpr, unique, source, tuple(replacing.values()))
    arguments = tuple(entering.index(-1 - leaf) for leaf in replacing)

    laid_out = trace.device is CPU and layout.has_convolutions(pruned)
    run_jaxpr = layout.evaluate if laid_out else eval_jaxpr

    def evaluate(*arrays: Any) -> list:
        return run_jaxpr(pruned, closed.consts, *arrays)

    call: Callable = _nothing
    if unique:
        call = jax.jit(
            evaluate,
            donate_argnums=arguments,
            out_shardings=_where(trace),
            compiler_options=options,
        )
        statistics.programs_compiled += 1
        for listen in listeners:
            listen("compile", trace)
    program.call = call
    if program.source == tuple(range(len(program.wanted))):
        program.source = program.wanted


def _replacing(pairs: dict[int, int], source: dict[int, int]) -> dict[int, int]:
    """The leaves to donate, in order, and the output of the XLA program that replaces each.

    pairs: the position that stands in the place of each leaf.
    """
    still_used = {s for s in source.values() if s < 0}
    replacing: dict[int, int] = {}
    for leaf, position in pairs.items():
        output = source.get(position, -1)
        if output >= 0 and leaf not in still_used and output not in replacing.values():
            replacing[leaf] = output
    return replacing


def _in_order(jaxpr: Any, unique: list, source: list[int], first: tuple) -> tuple[Any, tuple]:
    """The jaxpr with its outputs, those that take the buffer of an argument first: JAX gives each
    donated buffer to the first output of its shape. And where the outputs are now."""
    order = [*first, *(k for k in range(len(unique)) if k not in first)]
    place = {output: k for k, output in enumerate(order)}
    outvars = [unique[k] for k in order]
    debug_info = jaxpr.debug_info._replace(result_paths=("",) * len(unique))
    pruned = jaxpr.replace(outvars=outvars, debug_info=debug_info)
    return pruned, tuple(place.get(s, s) for s in source)


def _nothing(*_: Any) -> list:
    """The call of a program all of whose outputs are leaves."""
    return []


def _where(trace: Trace) -> Any:
    """Where the results lie; None if arrays spread over several devices decide it. JAX would leave
    what depends on no array uncommitted, and compile again for the committed results of the next
    step."""
    shardings = [getattr(cell.array, "sharding", None) for cell in trace.leaves]
    if any(s is not None and s.num_devices > 1 for s in shardings):
        return None
    return SingleDeviceSharding(jax_device(trace.device))


# ------------------------------------------------------------------------------------------ failing


def _fail(trace: Trace, error: BaseException) -> None:
    """Drop a trace: every Tensor that it wrote gets back the value it had."""
    for undo in reversed(trace.writes):
        undo.run(trace)
    traceback.clear_frames(error.__traceback__)  # what they hold is memory that is lacking
    trace.error = error
    trace.context.renew(trace)
    trace.clear()


def _explain(trace: Trace, error: BaseException) -> BaseException:
    """The error that the user sees."""
    text = first_line(error)
    if not isinstance(error, Exception) or isinstance(error, ProgramError):
        return error
    if isinstance(error, (MemoryError, jax.errors.JaxRuntimeError)):
        kind = OutOfMemoryError if "RESOURCE_EXHAUSTED" in text else ProgramError
        return kind(f"{text}\nwhile running the program of {_largest(trace)}")
    return error


def _largest(trace: Trace) -> str:
    """The node with the largest output: what to look at when memory ran out."""
    steps = path(trace.state)
    state = max(steps, key=lambda s: sum(a.nbytes for a in s.avals))
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


def host(cell: Cell, use: str = "memory") -> np.ndarray:
    """The value as a NumPy array. It may share the buffer: copy before handing it out."""
    array = settle(cell, use)
    if isinstance(array, Tracer):
        raise jax.errors.TracerArrayConversionError(array)
    return np.asarray(array)


def _compute_one(trace: Trace, cell: Cell | None) -> None:
    """Compute one cell of another thread's trace, which goes on undisturbed."""
    if cell is None:
        return
    position, state, leaves = cell.index, trace.state, list(trace.leaves)
    if cell.array is not None:
        return
    steps = path(state)
    numbers = numbers_among(leaves)
    run = evaluator(steps, (position,), numbers)
    key = ((position,), "one")
    program = state.programs.get(key)
    if program is None:
        program = Program()
        program.numbers, program.wanted, program.donated = numbers, (position,), ()
        program.concrete = trace.device is not TRACING
        program.source = program.wanted
        program.survivors, program.freed = (), ()
        program.call = jax.jit(run)
        state.programs[key] = program
    array = _run(program, leaves[: state.leaves])[0]
    if cell.node is None:
        cell.node = edge_of_cell(cell)
    if cell.array is None:
        cell.array = jnp.asarray(array) if not hasattr(array, "dtype") else array


def materialise_all() -> None:
    """Materialise every trace of this thread."""
    for trace in tuple(local.context.traces.values()):
        materialise(trace)
