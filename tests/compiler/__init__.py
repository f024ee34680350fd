"""Compiled functions: small programs, compared with PyTorch, and how often their Python ran.

Each is a function of (library, compile) that returns what is compared. `compile` is the library's,
and the identity under PyTorch; `compared` runs both and counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import jtorch

from ..comparison import Repeated, as_it_is, compilations, difference, forget, plain

Program = Callable[[Any, Callable], Any]


def compared(
    runs: int, reason: str | None = None, programs: int | None = None, tolerance: float = 1e-5
) -> Callable[[Program], Callable[[], None]]:
    """Make a test of a program that compiles functions or Modules.

    runs: how often their Python runs in all.  reason: words of why it isn't captured, if so.
    programs: how many XLA programs may be compiled.
    """

    def declare(program: Program) -> Callable[[], None]:
        def test() -> None:
            torch.manual_seed(0)
            expected = plain(program(torch, as_it_is), torch)
            forget()
            jtorch.manual_seed(0)
            before = compilations()
            compile = Repeated()
            found = plain(program(jtorch, compile), jtorch)
            count = compilations() - before
            assert not (what := difference(expected, found, tolerance=tolerance)), what
            compile.assert_runs(runs, reason)
            assert programs is None or count <= programs, count

        test.__name__ = program.__name__
        test.__doc__ = program.__doc__
        return test

    return declare
