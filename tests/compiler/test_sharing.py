"""Tensors that share memory, or are one, in some calls of a compiled function and not in others."""

from __future__ import annotations

from typing import Any

from . import compared


@compared(runs=6, reason="it uses a Tensor that is not reached by its globals or arguments")
def test_arguments_that_are_views_of_one(lib: Any, compile: Any) -> Any:
    """One is written, the other is read."""

    def function(a: Any, b: Any) -> Any:
        a.add_(1)
        return b * 2

    compiled = compile(function)
    found = []
    for k in range(8):
        base = lib.zeros(4)
        a = lib.zeros(2) if k < 4 else base[:2]
        found += [compiled(a, base).tolist(), base]
    return found


@compared(runs=3)
def test_argument_that_is_a_global(lib: Any, compile: Any) -> Any:
    """In some calls the argument is the Tensor that the function reads besides."""
    w = lib.zeros(3)

    def function(a: Any) -> Any:
        a.add_(1)
        return w * 2

    compiled = compile(function)
    found = []
    for k in range(12):
        found += [compiled(w if k % 4 < 2 else lib.zeros(3)).tolist(), w.tolist()]
    return found


@compared(runs=3)
def test_argument_that_is_written_over(lib: Any, compile: Any) -> Any:
    """It is no input of the program, and the other is."""
    w = lib.ones(3)

    def function(a: Any) -> Any:
        a.fill_(5)
        return w * 2

    compiled = compile(function)
    other = lib.zeros(3)
    found = []
    for k in range(12):
        if k % 4 == 0:
            w.fill_(k)
        found += [compiled(other if k % 4 < 2 else w).tolist(), w.tolist()]
    return found
