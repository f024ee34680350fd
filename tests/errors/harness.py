"""The harness of the error tests: a small wrong program, run under PyTorch and under jtorch.

A row says which words of PyTorch's message a user would search for, and the program: a function of
a `World`, which holds some Tensors with pending work and an optimizer. `problems` tells what
differs: the class, the words, the line at which it is raised, the frames that the user sees, and
the state afterwards, in which the program goes on. A program of one expression (a lambda) must
leave the state as if it had not been tried. The rows are in the tables beside this file.
"""

from __future__ import annotations

import contextlib
import functools
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple

import jax
import pytest
import torch

import jtorch
from tests.fuzz.runner import difference, facts

LIBRARIES = tuple(os.path.dirname(m.__file__) + os.sep for m in (torch, jtorch, jax))
MODES = ("lazy", "eager")
# What a user sees below the own line: an op takes 7 frames, Modules and optimizers a few more.
MOST_FRAMES = 12


class World:
    """A program under way: constants, a leaf with a graph above it, an optimizer."""

    def __init__(self, t: Any) -> None:
        self.t = t
        self.x = t.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]])
        self.y = t.tensor([[0.5] * 5] * 4)
        self.v = t.tensor([1.0, 2.0, -1.0])
        self.i = t.tensor([0, 2, 1])
        self.b = t.tensor([True, False, True])
        self.s = t.tensor(2.5)
        self.w = t.tensor([0.1, 0.2, 0.3], requires_grad=True)
        self.h = self.x * self.w
        self.p = self.v.exp() * 2
        self.column = self.x[:, 1]
        self.sgd = t.optim.SGD([self.w], lr=0.1, momentum=0.9)

    def go_on(self) -> None:
        """The rest of the program."""
        loss = (self.h * self.h).sum() + (self.v * self.w * self.p).sum()
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()

    def digest(self) -> list[tuple[str, Any]]:
        """Everything that can be seen of it."""
        found: list[tuple[str, Any]] = [("grad mode", self.t.is_grad_enabled())]
        for name, value in vars(self).items():
            if isinstance(value, self.t.Tensor):
                seen = [(fact, v) for fact, v in facts(value) if fact != "version"]
                found.extend((f"{name}.{fact}", v) for fact, v in seen)
                found.append((f"{name}.version", value._version if name != "w" else 0))
        return found


class Row(NamedTuple):
    """words: pieces of PyTorch's message, divided by '...'. run: the program."""

    words: str
    run: Callable[[World], Any]


class Outcome(NamedTuple):
    """What a run led to."""

    error: BaseException | None
    place: tuple[str, int]
    inside: int
    seen: list[tuple[str, Any]]


def execute(library: Any, run: Callable[[World], Any]) -> Outcome:
    """Run a program in a new World; afterwards look at the World, let it go on, and look again."""
    world = World(library)
    error = None
    place, inside = ("", 0), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run(world)
        except Exception as caught:
            error = caught
            place, inside = user_place(caught.__traceback__)
        seen = world.digest()
        seen.append(("going on", _attempt(world.go_on)))
        seen.extend(world.digest())
    return Outcome(error, place, inside, seen)


def _attempt(action: Callable[[], None]) -> str:
    """The name of the error that an action raises, or ''."""
    try:
        action()
    except Exception as caught:
        return type(caught).__name__
    return ""


def user_place(trace: TracebackType | None) -> tuple[tuple[str, int], int]:
    """(function, line) of the innermost frame outside the libraries; how many of theirs follow."""
    place, inside = ("", 0), 0
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(LIBRARIES):
            inside += 1
        else:
            place, inside = (code.co_name, trace.tb_lineno), 0
        trace = trace.tb_next
    return place, inside


def builtin_class(error: BaseException) -> type:
    """The class of an error, or the nearest that is Python's own."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


@contextlib.contextmanager
def mode_of(name: str) -> Iterator[None]:
    """Lazy, or eager."""
    with jtorch.debug.eager() if name == "eager" else contextlib.nullcontext():
        yield


def problems(row: Row, mode: str) -> list[str]:
    """What is wrong with the way in which jtorch refuses a program; [] if nothing."""
    theirs = execute(torch, row.run)
    with mode_of(mode):
        ours = execute(jtorch, row.run)
    if theirs.error is None:
        return [f"PyTorch accepts it; jtorch: {ours.error!r}"]
    if ours.error is None:
        return [f"no error, but {theirs.error!r}"]
    found = list(_text_problems(row, theirs.error, ours.error))
    if ours.place != theirs.place:
        found.append(f"raised at {ours.place}, PyTorch at {theirs.place}")
    if ours.inside > MOST_FRAMES:
        found.append(f"{ours.inside} frames of the library below the user's line")
    shown = "".join(traceback.format_exception(ours.error))
    if f"{os.sep}jax{os.sep}" in shown:
        found.append("frames of JAX are shown")
    change = difference(theirs.seen, ours.seen)
    if not change and row.run.__name__ == "<lambda>":
        change = difference(untouched(), ours.seen)
    return [*found, change] if change else found


@functools.cache
def untouched() -> list[tuple[str, Any]]:
    """What is seen of PyTorch's World where nothing was wrong."""
    return execute(torch, lambda world: None).seen


def _text_problems(row: Row, theirs: BaseException, ours: BaseException) -> Iterator[str]:
    if not isinstance(ours, builtin_class(theirs)):
        yield f"{ours!r} instead of {theirs!r}"
    for words in row.words.split("..."):
        for who, error in (("PyTorch", theirs), ("jtorch", ours)):
            if words.strip().lower() not in str(error).lower():
                yield f"{words!r} is not in {who}'s {error}"


def each(rows: list[Row]) -> Callable:
    """Run a test for each row of a table, in each mode."""

    def decorate(test: Callable) -> Callable:
        test = pytest.mark.parametrize("place", range(len(rows)))(test)
        return pytest.mark.parametrize("mode", MODES)(test)

    return decorate
