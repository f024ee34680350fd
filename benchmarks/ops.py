"""Common operators under PyTorch eager, jtorch and plain JAX, forward and with backward.

    python -m benchmarks.ops                        all families, into benchmarks/ops.json
    python -m benchmarks.ops --only fft             one family, printed only
    python -m benchmarks.ops --iterations 1         what continuous integration runs

Each library has one process for all cases, and they take turns at each case. What takes more than
1.5 times PyTorch's time is listed at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from .run import duration, machine
from .workers import DEVICES, LIBRARIES, Worker
from .workloads.ops import CASES, Case

HERE = Path(__file__).resolve().parent
RESULTS = {"cpu": HERE / "ops.json", "cuda": HERE / "ops_cuda.json"}
SLOW = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", help="a family; may be repeated")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library")
    parser.add_argument("--iterations", type=int, help="calls of a turn; else enough for --seconds")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a turn")
    options = parser.parse_args()
    workers = [
        Worker("ops", library, in_parts=True, device=options.device)
        for library in options.libraries
    ]
    found = []
    for case in CASES:
        if options.only and case.family not in options.only:
            continue
        for backward in (False, True)[: 1 + case.grad]:
            found.append(measure(case, backward, workers, options))
            print(line_of(found[-1]), flush=True)
    for worker in workers:
        worker.close()
    slow = [row for row in found if row.get("ratio", 0) > SLOW]
    print(f"\n{len(slow)} of {len(found)} take more than {SLOW} times PyTorch's time")
    for row in sorted(slow, key=lambda row: -row["ratio"]):
        print(line_of(row))
    if not options.only and options.iterations is None:
        report = {"machine": machine(options.device), "cases": found}
        RESULTS[options.device].write_text(json.dumps(report, indent=1) + "\n")


def measure(case: Case, backward: bool, workers: list[Worker], options: Any) -> dict[str, Any]:
    """Time one case under all libraries."""
    row = {"family": case.family, "name": case.name, "backward": backward}
    return {**row, **in_turns([case.name, backward], workers, options)}


def in_turns(part: list[Any], workers: list[Worker], options: Any) -> dict[str, Any]:
    """Time one part of a workload under all libraries, in turns: the median seconds of each, and
    the median ratio of jtorch to PyTorch."""
    turns: dict[str, list[float]] = {}
    steps: dict[str, int] = {}
    for worker in workers:
        worker.ask("load", part=part)
        turns[worker.library] = []
        steps[worker.library] = options.iterations or 1
        if options.iterations is None:
            step = worker.ask("warm")["step"]
            steps[worker.library] = max(2, round(options.seconds / step))
    rounds = options.rounds if options.iterations is None else 1
    for _ in range(rounds):
        for worker in workers:
            seconds = worker.ask("time", steps=steps[worker.library], rest=0.02)["step"]
            turns[worker.library].append(seconds)
    row: dict[str, Any] = {}
    row["seconds"] = {library: statistics.median(times) for library, times in turns.items()}
    if {"torch", "jtorch"} <= set(turns):
        pairs = zip(turns["jtorch"], turns["torch"], strict=True)
        row["ratio"] = statistics.median(ours / theirs for ours, theirs in pairs)
    return row


def line_of(row: dict[str, Any]) -> str:
    """One case, for the terminal."""
    title = f"{row['family']}: {row['name']}{' + backward' if row['backward'] else ''}"
    times = "".join(f"{library} {duration(s):>9}  " for library, s in row["seconds"].items())
    return f"{title:40}{times}{row.get('ratio', float('nan')):6.2f}"


if __name__ == "__main__":
    main()
