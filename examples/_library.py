"""What the examples share: which library runs them, and how both are compared.

`--with torch` runs the very same code under PyTorch. `--compare` runs both from one seed, in two
processes that take turns, and shows the loss curves, their largest difference and the ratio of the
speeds. Nothing here is needed to understand an example: `run.torch` is jtorch or PyTorch,
`run.log(loss)` keeps a loss.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from typing import Any

TURNS = 8
MARK = "@turn "


class Run:
    """One run of an example: its library, its options, its losses."""

    def __init__(self, description: str | None, **defaults: Any) -> None:
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--with", dest="library", choices=("jtorch", "torch"), default="jtorch")
        parser.add_argument("--compare", action="store_true", help="run both, from one seed")
        parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)
        for name, default in defaults.items():
            parser.add_argument(f"--{name}", type=type(default), default=default)
        self.options = parser.parse_args()
        if self.options.compare:
            compare(self.options.steps)
            sys.exit()
        self.torch = importlib.import_module(self.options.library)
        self.losses: list[Any] = []
        self.sent = 0
        self.turn = max(1, self.options.steps // TURNS)
        self.wait()

    def log(self, loss: Any) -> None:
        """Keep the loss of this step as a Tensor; it is read at the end of a turn."""
        self.losses.append(loss.detach())
        if self.options.turns and len(self.losses) % self.turn == 0:
            self.hand_over()
            self.wait()

    def finish(self) -> list[float]:
        """The losses as numbers, at the end of the training loop."""
        seconds = self.hand_over()
        if not self.options.turns:
            print(f"{self.options.library}: {len(self.losses)} steps in {seconds:.2f} s")
        return self.losses

    def wait(self) -> None:
        """Wait for this process's turn, where there are two of them."""
        if self.options.turns:
            sys.stdin.readline()
        self.started = time.perf_counter()

    def hand_over(self) -> float:
        """Read the losses of this turn, and pass them to the process that compares."""
        self.losses[self.sent :] = [loss.item() for loss in self.losses[self.sent :]]
        seconds = time.perf_counter() - self.started
        if self.options.turns and self.sent < len(self.losses):
            message = {"losses": self.losses[self.sent :], "seconds": seconds}
            print(MARK + json.dumps(message), flush=True)
        self.sent = len(self.losses)
        return seconds


def compare(steps: int) -> None:
    """Run the example under PyTorch and jtorch, a few steps each in turn, and show both."""
    children = {library: start(library) for library in ("torch", "jtorch")}
    losses: dict[str, list[float]] = {library: [] for library in children}
    seconds: dict[str, list[float]] = {library: [] for library in children}
    while len(losses["jtorch"]) < steps:
        for library, child in children.items():
            turn = take_turn(child)
            losses[library] += turn["losses"]
            seconds[library].append(turn["seconds"] / len(turn["losses"]))
    for child in children.values():
        child.communicate("\n")
    show(losses["torch"], losses["jtorch"])
    first = {library: times[0] * 1e3 for library, times in seconds.items()}
    later = {
        library: statistics.median(times[1:] or times) * 1e3 for library, times in seconds.items()
    }
    for title, times in (("first turn, with compiling", first), ("later turns, median", later)):
        print(f"{title}: torch {times['torch']:.3f} ms a step, jtorch {times['jtorch']:.3f} ms")
    print(f"speed ratio: {later['jtorch'] / later['torch']:.2f} (below 1: jtorch is faster)")


def start(library: str) -> subprocess.Popen[str]:
    """This example in a process of its own, which waits for its turn."""
    arguments = [argument for argument in sys.argv if argument != "--compare"]
    return subprocess.Popen(
        [sys.executable, *arguments, "--with", library, "--turns"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )


def take_turn(child: subprocess.Popen[str]) -> dict[str, Any]:
    """Let one process run its next steps."""
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    for line in child.stdout:
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    sys.exit(f"the run ended early with status {child.wait()}: {' '.join(map(str, child.args))}")


def show(expected: list[float], found: list[float]) -> None:
    """Print both loss curves at some twenty steps, and their largest relative difference."""
    differences = [abs(f - e) / max(abs(e), 1e-30) for e, f in zip(expected, found, strict=True)]
    print(f"{'step':>6}  {'torch':>12}  {'jtorch':>12}  difference")
    every = math.ceil(len(expected) / 20)
    for step, (e, f, difference) in enumerate(zip(expected, found, differences, strict=True)):
        if step % every == 0 or step == len(expected) - 1:
            print(f"{step:6d}  {e:12.7f}  {f:12.7f}  {difference:.1e}")
    worst = max(range(len(differences)), key=differences.__getitem__)
    print(f"largest relative difference: {differences[worst]:.2e}, at step {worst}")
