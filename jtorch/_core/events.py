"""Events: what the engine tells whoever listens of the programs that it compiles and runs.

Three kinds: a `Compilation`, a `Materialisation`, a `GraphBreak`. Nobody listens as a rule, and
then nothing here costs anything: a compilation is slow anyway, and programs run without asking who
listens (see calls.py). Why a program runs is read off the call stack: a function that makes one
run says so by `materialises`, which leaves it as it is. Read divergence.py for why one is compiled;
jtorch/debug.py shows it all to people.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple, TypeVar

from .errors import is_ours, user_line

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Compilation:
    """A program was compiled.

    cause: one of `divergence.CAUSES`.  reason: a sentence that says what differed.  line: the
    user's, of the op concerned.  op, module: that op, and the module whose forward recorded it
    ("Net.layer1.0"; "" outside).  ops: the names of all ops of the program.  trigger, trigger_line:
    why it runs, as in a `Materialisation`.  seconds: what building and compiling took.
    """

    cause: str
    reason: str
    line: str
    op: str = ""
    module: str = ""
    ops: tuple[str, ...] = field(default=(), repr=False)
    device: str = ""
    trigger: str = ""
    trigger_line: str = ""
    seconds: float = 0.0

    @property
    def again(self) -> bool:
        """Whether such a program was there before, and something differs: a recompilation."""
        return self.cause not in ("first", "start")

    def __str__(self) -> str:
        module = f" in {self.module}" if self.module else ""
        spent = f"{self.seconds:.2f} s for {self.trigger}"
        return f"{self.line}{module}: {self.reason} [{self.cause}]; {spent}"


@dataclass(frozen=True)
class Materialisation:
    """A program ran.

    cause: what made it run, a name of `triggers()`.  line: the user's.  nodes: how many ops the
    trace had.  compilation: of the program, if this was its first run.  seconds: how long it ran;
    of a first run, what was left of it when the compilation had returned.
    """

    cause: str
    line: str
    nodes: int
    seconds: float
    compilation: Compilation | None = None

    def __str__(self) -> str:
        first = ", compiled" if self.compilation else ""
        return f"{self.line}: {self.cause}: {self.nodes} ops in {self.seconds * 1e3:.2f} ms{first}"


@dataclass(frozen=True)
class GraphBreak:
    """A compiled function was left: why, and at which line of the user's."""

    reason: str
    line: str

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


KINDS: dict[str, type] = {
    "compilation": Compilation,
    "materialisation": Materialisation,
    "graph_break": GraphBreak,
}
listeners: dict[str, tuple[Callable[[Any], None], ...]] = dict.fromkeys(KINDS, ())
# What has to be switched on while somebody listens to a kind.
switches: dict[str, Callable[[bool], None]] = {}


def listen(kind: str, listener: Callable[[Any], None]) -> None:
    """Tell a function of every event of a kind from now on."""
    listeners[kind] = (*listeners[kind], listener)
    if kind in switches:
        switches[kind](True)


def ignore(kind: str, listener: Callable[[Any], None]) -> None:
    """Tell it no more."""
    left = list(listeners[kind])
    left.remove(listener)
    listeners[kind] = tuple(left)
    if kind in switches and not left:
        switches[kind](False)


@contextmanager
def listening(kind: str, listener: Callable[[Any], None]) -> Iterator[None]:
    """While active, a function is told of every event of a kind."""
    listen(kind, listener)
    try:
        yield
    finally:
        ignore(kind, listener)


def tell(kind: str, event: Any) -> None:
    """Tell all who listen."""
    for listener in listeners[kind]:
        listener(event)


def graph_break(reason: str, line: str = "") -> None:
    """Tell that a compiled function was left here; line: the user's, by default the present one."""
    if listeners["graph_break"]:
        tell("graph_break", GraphBreak(reason, line or user_line()))


# -------------------------------------------------------------------------------- why programs run


class Trigger(NamedTuple):
    """What makes programs run: a short name, and when it does."""

    name: str
    when: str


_triggers: dict[CodeType, Trigger] = {}


def materialises(name: str, when: str) -> Callable[[Function], Function]:
    """Say of a function that programs run because of it. docs/debugging.md lists them all."""

    def mark(function: Function) -> Function:
        _triggers[function.__code__] = Trigger(name, when)
        return function

    return mark


def triggers() -> list[Trigger]:
    """All that makes programs run, as far as its module is loaded."""
    return list(dict.fromkeys(_triggers.values()))


def trigger() -> str:
    """Why a program runs now: what the user called, as far as it is marked."""
    found = "other"
    frame = sys._getframe(1)
    while frame is not None and is_ours(frame):
        known = _triggers.get(frame.f_code)
        if known is not None:
            found = known.name
        frame = frame.f_back
    return found
