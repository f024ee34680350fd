"""`jtorch.debug.explain`: what ran when, what was compiled why, and where the time went."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Self

from ._core.divergence import CAUSES
from ._core.events import Compilation, GraphBreak, Materialisation, listening


@dataclass(repr=False)
class Report:
    """What `explain` saw. `print` it, or take its parts.

    compilations, materialisations, graph_breaks: the events, in order.  seconds: the time that
    passed; of it compile_seconds went into compilations, program_seconds into programs, and
    python_seconds into everything else: recording, the script's own code, waiting for data.
    """

    compilations: list[Compilation] = field(default_factory=list)
    materialisations: list[Materialisation] = field(default_factory=list)
    graph_breaks: list[GraphBreak] = field(default_factory=list)
    seconds: float = 0.0

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(listening("compilation", self.compilations.append))
        self._stack.enter_context(listening("materialisation", self.materialisations.append))
        self._stack.enter_context(listening("graph_break", self.graph_breaks.append))
        self._began = perf_counter()
        return self

    def __exit__(self, *_: Any) -> None:
        self.seconds += perf_counter() - self._began
        self._stack.close()

    @property
    def recompilations(self) -> list[Compilation]:
        """The compilations of code that was in a program before."""
        return [c for c in self.compilations if c.again]

    @property
    def compile_seconds(self) -> float:
        """Time in compilations."""
        return sum(c.seconds for c in self.compilations)

    @property
    def program_seconds(self) -> float:
        """Time in programs, each of which was waited for."""
        return sum(m.seconds for m in self.materialisations)

    @property
    def python_seconds(self) -> float:
        """Time in neither."""
        return max(0.0, self.seconds - self.compile_seconds - self.program_seconds)

    def __str__(self) -> str:
        return "\n".join([*self._times(), *self._runs(), *self._compiled(), *self._breaks()])

    __repr__ = __str__

    def _times(self) -> list[str]:
        compiled, ran = len(self.compilations), len(self.materialisations)
        return [
            f"{self.seconds:.3f} s: {self.compile_seconds:.3f} compiling {_count(compiled)}, "
            f"{self.program_seconds:.3f} running programs {_times(ran)}, "
            f"{self.python_seconds:.3f} in Python"
        ]

    def _runs(self) -> list[str]:
        groups: dict[tuple[str, str], list[Materialisation]] = {}
        for run in self.materialisations:
            groups.setdefault((run.line, run.cause), []).append(run)
        if not groups:
            return []
        rows = [("times", "ms each", "ops", "because of", "at")]
        for (line, cause), runs in sorted(groups.items(), key=lambda g: -_seconds(g[1])):
            each = f"{_seconds(runs) / len(runs) * 1e3:.2f}"
            nodes = sorted({run.nodes for run in runs})
            ops = f"{nodes[0]}" if len(nodes) == 1 else f"{nodes[0]} to {nodes[-1]}"
            rows.append((str(len(runs)), each, ops, cause, _short(line)))
        return ["", "Programs ran:", *_table(rows)]

    def _compiled(self) -> list[str]:
        if not self.compilations:
            return []
        rows = [("seconds", "cause", "at", "what differed")]
        for c in self.compilations:
            where = f"{_short(c.line)} in {c.module}" if c.module else _short(c.line)
            rows.append((f"{c.seconds:.3f}", c.cause, where, c.reason))
        found = Counter(c.cause for c in self.compilations)
        told = [f"  {name}: {CAUSES[name]}" for name in CAUSES if name in found]
        return ["", "Programs were compiled:", *_table(rows), "", *told]

    def _breaks(self) -> list[str]:
        if not self.graph_breaks:
            return []
        return ["", "Graphs were broken:", *[f"  {found}" for found in self.graph_breaks]]


def explain(function: Callable[..., Any] | None = None) -> Any:
    """Watch what runs, and why: a context manager that gives a `Report`.

        with jtorch.debug.explain() as report:
            train()
        print(report)

    Of a function, as `torch._dynamo.explain`: `explain(train)(*args)` calls it and returns the
    report. Each program is waited for meanwhile, so that its time is known.
    """
    if function is None:
        return Report()

    def explained(*args: Any, **kwargs: Any) -> Report:
        with Report() as report:
            function(*args, **kwargs)
        return report

    return explained


def _seconds(runs: list[Materialisation]) -> float:
    return sum(run.seconds for run in runs)


def _count(number: int) -> str:
    return "1 program" if number == 1 else f"{number} programs"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _short(line: str) -> str:
    """A file and line, below the present folder if it lies there."""
    here = os.getcwd() + os.sep
    return line.removeprefix(here)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows with their columns aligned, the first row a title."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
