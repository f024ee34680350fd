"""Checks of values that a program has yet to compute: an error that waits until it runs.

Who wants to refuse values may not cut a training step in two to read them. Where a graph of
autograd is being recorded, the answer becomes an output of the step's program (`Trace.checks`), and
materialise asks for it before anything is handed out: if the answer is no, every Tensor keeps the
value it had, and the error is raised. Buffers are donated all the same: `keep` makes the program
itself give back the old values. functions/checks.py decides when a check may wait.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from .donation import pairs_of
from .trace import Cell, Trace


class Check:
    """A condition on values of a trace.

    valid: a bool. values: what the error speaks of; it is made by `explain` when they are known.
    line: the user's, where the check was asked for.
    """

    __slots__ = ("explain", "line", "valid", "values")

    def __init__(
        self, valid: Cell, values: Sequence[Cell], explain: Callable[[], Exception], line: str
    ) -> None:
        self.valid = valid
        self.values = values
        self.explain = explain
        self.line = line

    def error(self) -> Exception:
        error = self.explain()
        error.add_note(f"Found when the program ran. The values were given at {self.line}")
        return error


def positions_of(trace: Trace) -> tuple[int, ...]:
    """Where the answers of a trace's checks are."""
    return tuple([check.valid.index for check in trace.checks])


def keep(values: dict[int, Any], checks: tuple[int, ...], pairs: dict[int, int]) -> None:
    """Inside a program: unless all checks hold, what replaces a donated leaf is what was there."""
    if checks and pairs:
        valid = functools.reduce(jnp.logical_and, [values[c] for c in checks])
        for leaf, position in pairs.items():
            values[position] = jnp.where(valid, values[position], values[leaf])


def verify(trace: Trace, places: tuple[int, ...], arrays: list, daring: bool) -> None:
    """Raise the error of the first check that doesn't hold, after a program has run.

    places: the positions of the arrays.  daring: whether it took the buffers of what was replaced.
    """
    found = dict(zip(places, arrays, strict=False))
    for check in trace.checks:
        if found[check.valid.index]:
            continue
        for leaf, position in pairs_of(trace).items() if daring else ():
            if position in found:
                trace.leaves[-1 - leaf].array = found[position]
        for cell in check.values:
            if cell.array is None:
                cell.array, cell.trace = found[cell.index], None
        raise check.error()
