"""Compiled functions: small programs, compared with PyTorch, and how often their Python ran.

Each is a function of (library, compile) that returns what is compared. `compile` is the library's,
and the identity under PyTorch; `compared` runs both and counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import jtorch

from ..comparison import difference, forget, plain

Program = Callable[[Any, Callable], Any]


def compared(
    runs: int, reason: str | None = None, programs: int | None = None, tolerance: float = 1e-5
) -> Callable[[Program], Callable[[], None]]:
    """Make a test of a program that compiles one function or Module.

    runs: how often its Python may run.  reason: words of why it isn't captured, if so.  programs:
    how many XLA programs may be compiled.
    """

    def declare(program: Program) -> Callable[[], None]:
        def test() -> None:
            torch.manual_seed(0)
            expected = plain(program(torch, lambda function, **_: function), torch)
            forget()
            jtorch.manual_seed(0)
            made: list[Any] = []

            def compile(function: Any, **options: Any) -> Any:
                made.append(jtorch.compile(function, **options))
                return made[-1]

            before = jtorch.debug.statistics()["programs_compiled"]
            found = plain(program(jtorch, compile), jtorch)
            count = jtorch.debug.statistics()["programs_compiled"] - before
            assert not (what := difference(expected, found, tolerance=tolerance)), what
            compiled = getattr(made[0], "_compiled", made[0])
            reasons = [text for text, _ in compiled.reasons]
            assert compiled.runs == runs, (compiled.runs, reasons)
            if reason is None:
                assert not reasons
            else:
                assert all(reason in text for text in reasons) and reasons
            assert programs is None or count <= programs, count

        test.__name__ = program.__name__
        test.__doc__ = program.__doc__
        return test

    return declare
