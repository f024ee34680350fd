"""A hint for scripts that keep compiling: once, at the line concerned, with what to do.

Real scripts compile a handful of programs at a line for one cause: the batches of training and
validation, and the last of each, have four shapes. One that goes on compiling there, and has spent
more than a little time on it, has a number, a shape or a branch that varies without end.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from ._core.building import statistics
from ._core.events import Compilation, listen

# Recompilations at one line for one cause, the seconds that they took, and their share of all
# programs that ran meanwhile.
OFTEN = 6
SECONDS = 20.0
SHARE = 1 / 8

ADVICE = {
    "shape": "Pad to a few sizes (drop_last=True), or compile with dynamic=True: docs/compile.md.",
    "strides": "Call contiguous() on what comes in other layouts.",
    "dtype": "Convert it to one dtype first.",
    "number": "The number is part of the program there: give it as a Tensor.",
    "argument": "The argument is part of the program: let it take few values.",
    "op": "Compute both branches and choose with torch.where, or let the branch take few ways.",
    "outputs": "Keep, or let go of, the same Tensors in every iteration.",
    "graph": "Keep, or let go of, the same losses in every iteration.",
    "end": "Read values (item(), print()) at the same places in every iteration.",
    "inputs": "Let the same Tensors be computed, or be given, in every iteration.",
    "modes": "Let modes (no_grad, autocast) change at fewer places.",
    "requires_grad": "Let requires_grad change less often.",
    "thread": "Let the thread that makes a Tensor read it, or call torch.synchronize().",
}


class CompilationWarning(UserWarning):
    """A script keeps compiling programs. It is given once; silence it with
    `warnings.filterwarnings("ignore", category=jtorch.debug.CompilationWarning)`."""


@dataclass
class _Tally:
    """The recompilations at a line for a cause: their number, their seconds, and how many programs
    had run before the first."""

    before: int
    count: int = 0
    seconds: float = 0.0

    def is_much(self) -> bool:
        """Whether there is no end to them."""
        ran = statistics.programs_run - self.before
        return self.count >= OFTEN and self.seconds >= SECONDS and self.count >= SHARE * ran


class Hint:
    """Listens to compilations until it has something to say."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self.given = False

    def __call__(self, compilation: Compilation) -> None:
        """Count a compilation; warn if it is one too many."""
        cause = compilation.cause
        if self.given or cause not in ADVICE or compilation.trigger == "eager mode":
            return
        key = compilation.line, cause
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = _Tally(statistics.programs_run)
        tally.count += 1
        tally.seconds += compilation.seconds
        if tally.is_much():
            self.given = True
            _warn(compilation, tally)


def _warn(compilation: Compilation, tally: _Tally) -> None:
    file, _, number = compilation.line.rpartition(":")
    module = f" in {compilation.module}" if compilation.module else ""
    warnings.warn_explicit(
        f"jtorch keeps compiling: {tally.count} programs in {tally.seconds:.0f} s because of this "
        f"line{module}, the last since {compilation.reason} [{compilation.cause}]. "
        f"{ADVICE[compilation.cause]} jtorch.debug.explain() shows more; see docs/debugging.md.",
        CompilationWarning,
        file or "<unknown>",
        int(number) if number.isdigit() else 1,
    )


hint = Hint()
listen("compilation", hint)
