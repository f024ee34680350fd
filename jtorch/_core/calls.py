"""The calls of a program: the first, which compiles it, and those that somebody watches.

A program's `call` is JAX's own function, so that running it costs nothing else. Until it is
compiled, and while somebody listens to materialisations, something else stands in its place that
tells what happens. Read building.py next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from time import perf_counter
from typing import Any
from weakref import WeakSet

import jax
from jax.core import Tracer

from .divergence import Cause
from .errors import script_line
from .events import Compilation, Materialisation, listeners, switches, tell, trigger
from .trace import Trace

_programs: WeakSet[Any] = WeakSet()
_lock = Lock()


def compilation_of(cause: Cause, steps: Sequence[Any], trace: Trace) -> Compilation:
    """What is told of a compilation, but for the time."""
    return Compilation(
        *cause,
        ops=tuple(step.node.call.op.name for step in steps),
        device=str(trace.device),
        trigger=trigger(),
        trigger_line=script_line(),
    )


class FirstCall:
    """The first call of a program: XLA compiles it now. When that is told, `call` stands alone.

    spent: seconds of building it so far.
    """

    __slots__ = ("call", "compilation", "program", "spent")

    def __init__(
        self, program: Any, call: Callable, compilation: Compilation, began: float
    ) -> None:
        self.program = program
        self.call = call
        self.compilation = compilation
        self.spent = perf_counter() - began

    def __call__(self, *arrays: Any) -> list:
        began = perf_counter()
        results = self.call(*arrays)
        seconds = self.spent + perf_counter() - began
        self.program.compilation = replace(self.compilation, seconds=seconds)
        give_call(self.program, self.call)
        tell("compilation", self.program.compilation)
        return results


class Watched:
    """The calls of a program while somebody listens: it is waited for, so that its time is
    known."""

    __slots__ = ("call", "program")

    def __init__(self, program: Any, call: Callable) -> None:
        self.program = program
        self.call = call

    def __call__(self, *arrays: Any) -> list:
        program = self.program
        known = program.compilation
        began = perf_counter()
        results = self.call(*arrays)
        if results and isinstance(results[0], Tracer):
            return results
        compilation = program.compilation if known is None else None
        if compilation is not None:
            began = perf_counter()
        jax.block_until_ready(results)
        seconds = perf_counter() - began
        found = trigger(), script_line(), program.nodes, seconds, compilation
        tell("materialisation", Materialisation(*found))
        return results


def give_call(program: Any, call: Callable) -> None:
    """Let a program run by this function."""
    with _lock:
        program.call = Watched(program, call) if listeners["materialisation"] else call
        _programs.add(program)


def _switch(on: bool) -> None:
    """Watch all programs, or none."""
    with _lock:
        for program in _programs:
            watched = isinstance(program.call, Watched)
            if on and not watched:
                program.call = Watched(program, program.call)
            elif watched and not on:
                program.call = program.call.call


switches["materialisation"] = _switch
