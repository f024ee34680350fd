"""Building a program: the outputs that it returns, the buffers that it takes, and its compilation.

Read program.py next.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import jax
from jax.core import eval_jaxpr
from jax.extend.core import ClosedJaxpr
from jax.sharding import SingleDeviceSharding

from . import layout
from .calls import FirstCall, compilation_of, give_call
from .checks import keep
from .device import CPU, TRACING, jax_device
from .divergence import cause_of
from .donation import pairs_of
from .evaluation import evaluator, numbers_among, path, without
from .padding.family import share
from .survivors import survivors_of
from .trace import Trace


class Statistics:
    """Counts since the process began; `jtorch.debug.statistics()` shows them."""

    programs_compiled = 0
    programs_run = 0
    nodes_inferred = 0


statistics = Statistics()

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
    outside: whether an alive value has its history in an earlier trace.  numbers: the leaves that
    are varying numbers, by dtype.  concrete: whether it computes values, not tracers.  nodes: how
    many ops it has.  compilation: the event, once it is compiled.
    """

    __slots__ = (
        "__weakref__",
        "call",
        "compilation",
        "concrete",
        "donated",
        "freed",
        "nodes",
        "numbers",
        "outside",
        "source",
        "survivors",
        "wanted",
    )


def build(trace: Trace, alive: tuple, daring: bool, nodes: tuple, checks: tuple) -> Program:
    """Compile (lazily, at the first call) the program for a set of outputs.

    daring: whether it may take the buffers of what was replaced.
    """
    began = perf_counter()
    compiles = trace.device is not TRACING
    cause = cause_of(trace, (alive, daring, nodes, checks)) if compiles else None
    program = Program()
    program.donated = ()
    program.compilation = None
    survivors, program.freed, program.outside = survivors_of(trace, alive, nodes)
    kept = {p for node in survivors if not node.freed for p in node.saved_positions()}
    saved = {p for p in kept if p >= 0}
    saved |= {trace.tangents[p][0] for p in saved if p in trace.tangents}
    program.survivors = tuple(node.first for node in survivors)
    program.wanted = alive + tuple(sorted(saved - set(alive)))
    steps = path(trace.state)
    trace.state.complete()
    structs = [cell.aval.struct for cell in trace.leaves]
    program.nodes = len(steps)
    program.numbers = numbers_among(trace.leaves)
    program.concrete = compiles
    wanted = tuple(p for p in program.wanted if p >= 0)
    pairs = {leaf: p for leaf, p in pairs_of(trace).items() if leaf not in kept} if daring else {}
    guard = partial(keep, checks=checks, pairs=pairs)
    run = evaluator(steps, wanted, program.numbers, guard)
    if cause is None:
        program.source = program.wanted
        program.call = run
        return program
    call, new = _compile(program, run, _entering(structs, program.numbers), pairs, trace)
    if new:
        statistics.programs_compiled += 1
        call = FirstCall(program, call, compilation_of(cause, steps, trace), began)
    give_call(program, call)
    return program


def _entering(structs: list, numbers: dict[Any, list[int]]) -> list:
    """The arguments of a program: the leaves, and a vector for the numbers of each dtype."""
    vectors = [jax.ShapeDtypeStruct((len(ks),), kind) for kind, ks in numbers.items()]
    return without(structs, numbers) + vectors


def _compile(
    program: Program, run: Callable, structs: list, pairs: dict, trace: Trace
) -> tuple[Callable, bool]:
    """Drop outputs that are leaves or equal to others, and jit the rest. What runs the program, and
    whether XLA has to compile for it."""
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(run)(*structs)
    jaxpr = closed.jaxpr
    place = {id(v): -1 - k for k, v in enumerate(jaxpr.invars)}
    entering = without(list(range(len(trace.leaves))), program.numbers)
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

    if program.source == tuple(range(len(program.wanted))):
        program.source = program.wanted
    if not unique:
        return _nothing, False
    compiled = ClosedJaxpr(pruned, closed.consts)
    settings = arguments, _where(trace), options, trace.device is CPU
    if trace.shares:
        return share(compiled, (*settings[:2], options is None), lambda c: _jit(c, *settings))
    return _jit(compiled, *settings), True


def _jit(closed: ClosedJaxpr, donated: tuple, where: Any, options: Any, on_cpu: bool) -> Callable:
    """The function that runs a jaxpr."""
    laid_out = on_cpu and layout.has_convolutions(closed.jaxpr)
    run_jaxpr = layout.evaluate if laid_out else eval_jaxpr

    def evaluate(*arrays: Any) -> list:
        return run_jaxpr(closed.jaxpr, closed.consts, *arrays)

    return jax.jit(evaluate, donate_argnums=donated, out_shardings=where, compiler_options=options)


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
