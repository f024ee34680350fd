"""Runs a program under PyTorch, jtorch lazy, eager and compiled, and compares what it observed.

A program is a function of the library that returns what it saw: Tensors, arrays, numbers, strings,
nested in lists, tuples and dicts. What is compared is values, shapes, dtypes and flags; what is
counted is the programs that jtorch compiled. Used by footguns/, core/ and others.
"""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pytest
import torch

import jtorch
from jtorch._core import trace
from jtorch._core.divergence import known_lines
from jtorch._core.padding.family import forget_families
from jtorch._core.program import materialise_all
from jtorch._core.varying import varied_sites

Program = Callable[[Any], Any]
TOLERANCE = 2e-6


def compilations() -> int:
    """The programs that jtorch compiled so far."""
    return jtorch.debug.statistics()["programs_compiled"]


def compiled(function: Callable[[], Any]) -> int:
    """How many programs a call compiles."""
    before = compilations()
    function()
    return compilations() - before


def executions() -> int:
    """The programs that jtorch ran so far."""
    return jtorch.debug.statistics()["programs_run"]


def forget() -> None:
    """Empty the trie, so that the next program compiles all that it runs."""
    materialise_all()
    for root in trace._roots.values():
        for known in (root.next, root.memo, root.seen, root.programs):
            known.clear()
        root.beyond = None
    forget_families()
    varied_sites.clear()
    known_lines.clear()


def observed(program: Program, library: Any) -> Any:
    """What a program sees, from one seed, as plain Python values."""
    library.manual_seed(0)
    return plain(program(library), library)


def plain(value: Any, library: Any) -> Any:
    """An observation without the library: Tensors as dicts of their facts."""
    if isinstance(value, library.Tensor):
        return {
            "shape": tuple(value.shape),
            "dtype": str(value.dtype),
            "requires_grad": value.requires_grad,
            "values": value.tolist(),
        }
    if isinstance(value, (np.ndarray, np.generic)):
        return {"shape": value.shape, "dtype": str(value.dtype), "values": value.tolist()}
    if isinstance(value, (list, tuple)):
        return [plain(v, library) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v, library) for k, v in value.items()}
    return value


def difference(
    expected: Any, found: Any, where: str = "result", tolerance: float = TOLERANCE
) -> str:
    """The first place where two observations differ; '' where they agree."""
    if type(expected) is not type(found):
        return f"{where}: {expected!r} expected, {found!r} found"
    if isinstance(expected, dict):
        if list(expected) != list(found):
            return f"{where}: keys {list(expected)} expected, {list(found)} found"
        pairs = [(f"{where}[{k!r}]", expected[k], found[k]) for k in expected]
    elif isinstance(expected, list):
        if len(expected) != len(found):
            return f"{where}: {len(expected)} items expected, {len(found)} found"
        pairs = [
            (f"{where}[{k}]", a, b) for k, (a, b) in enumerate(zip(expected, found, strict=True))
        ]
    else:
        if isinstance(expected, float) and close(expected, found, tolerance):
            return ""
        return "" if expected == found else f"{where}: {expected!r} expected, {found!r} found"
    return next((d for p, a, b in pairs if (d := difference(a, b, p, tolerance))), "")


def close(a: float, b: float, tolerance: float) -> bool:
    """Equality of floats up to a relative tolerance; nan equals nan."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= tolerance * max(1.0, abs(a))


def compare(program: Program, tolerance: float = TOLERANCE) -> None:
    """Check that PyTorch, lazy and eager jtorch observe the same."""
    expected = observed(program, torch)
    for mode in ("lazy", "eager"):
        with jtorch.debug.eager(mode == "eager"):
            found = observed(program, jtorch)
        assert not (what := difference(expected, found, mode, tolerance)), what


class Repeated:
    """`jtorch.compile`, which keeps what it made, for the question how often its Python ran."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self, function: Any, **options: Any) -> Any:
        made = jtorch.compile(function, **options)
        self.made.append(getattr(made, "_compiled", made))
        return made

    def assert_runs(self, runs: int, reason: str | None) -> None:
        """Check how often Python ran, and the words of why it isn't repeated, if it isn't."""
        reasons = [text for made in self.made for text, _ in made.reasons]
        found = sum(made.runs for made in self.made)
        assert found == runs, f"Python ran {found} times: {reasons}"
        assert bool(reasons) is (reason is not None), reasons
        assert all((reason or "") in text for text in reasons), reasons


def as_it_is(function: Any, **_: Any) -> Any:
    """What `repeated` is where nothing is compiled."""
    return function


def footgun(
    programs: int,
    tolerance: float = TOLERANCE,
    modes: Sequence[str] = ("lazy", "eager"),
    because: Collection[tuple[str, str]] | None = (),
    runs: int | None = None,
    reason: str | None = None,
    extra: int = 0,
) -> Callable[[Callable[..., Any]], Callable[[str], None]]:
    """Make a test of a program: equal to PyTorch in all modes, compilations bounded and explained.

    programs: how many it may compile in lazy mode, however often it runs. The first run may find
    out that a number varies, which the second knows from the start; the third compiles nothing, in
    either mode. because: the cause of each recompilation in lazy mode, and the code that stands in
    the line which is named; None where that is not the question.

    runs: of a program that takes `repeated` as well, and gives it the functions and Modules that it
    calls again and again. In compiled mode that is `compile`: their Python runs so many times in
    all, and the other calls are repetitions. reason: words of why some calls can't be repeated.
    extra: how many programs more there may be, where the end of a compiled function cuts one.
    """

    def declare(program: Callable[..., Any]) -> Callable[[str], None]:
        @pytest.mark.parametrize("mode", [*modes, *(["compiled"] if runs is not None else [])])
        def test(mode: str) -> None:
            def run(library: Any, repeated: Any = as_it_is) -> Any:
                return program(library) if runs is None else program(library, repeated)

            expected = observed(run, torch)
            counts = []
            forget()
            with jtorch.debug.eager(mode == "eager"), jtorch.debug.explain() as report:
                for _ in range(3):
                    repeated = Repeated() if mode == "compiled" else as_it_is
                    jtorch.manual_seed(0)
                    before = compilations()
                    result = run(jtorch, repeated)
                    found = plain(result, jtorch)
                    counts.append(compilations() - before)
                    assert not (what := difference(expected, found, mode, tolerance)), what
            first, second, third = counts
            if mode != "eager":
                bound = programs + (extra if mode == "compiled" else 0)
                assert first + second <= bound, f"{first} + {second} programs compiled"
            if mode == "lazy" and because is not None:
                assert_explained(report, because)
            assert third == 0, f"{third} programs compiled by the third run"
            if isinstance(repeated, Repeated) and runs is not None:
                repeated.assert_runs(runs, reason)

        test.__name__ = program.__name__
        test.__doc__ = program.__doc__
        return test

    return declare


def assert_explained(report: Any, because: Collection[tuple[str, str]]) -> None:
    """Check the recompilations of a report against pairs of a cause and code of the user's line."""
    found = [(c.cause, source_of(c.line)) for c in report.recompilations]
    missing = [pair for pair in because if not any(_fits(pair, f) for f in found)]
    others = [f for f in found if not any(_fits(pair, f) for pair in because)]
    assert not (missing or others), f"missing: {missing}, found as well: {others}\n{report}"


def _fits(pair: tuple[str, str], found: tuple[str, str]) -> bool:
    return pair[0] == found[0] and pair[1] in found[1]


def source_of(line: str) -> str:
    """The code in "file:line"."""
    file, _, number = line.rpartition(":")
    return linecache.getline(file, int(number)).strip()
