"""One step of every optimizer over 200 tensors, under PyTorch with its defaults, jtorch, and JAX
with optax where it has the same one.

    python -m benchmarks.optimizers                   all, into benchmarks/optimizers.json
    python -m benchmarks.optimizers --only Adam       one, printed only
    python -m benchmarks.optimizers --iterations 1    what continuous integration runs

Each library has one process, and they take turns at each optimizer. What takes more than 0.6 of
PyTorch's time is listed at the end.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .ops import in_turns
from .run import duration, machine
from .workers import DEVICES, Worker
from .workloads.optimizers import CASES, OPTAX

HERE = Path(__file__).resolve().parent
RESULTS = {"cpu": HERE / "optimizers.json", "cuda": HERE / "optimizers_cuda.json"}
SLOW = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=CASES, help="may be repeated")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library")
    parser.add_argument("--iterations", type=int, help="steps of a turn; else enough for --seconds")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    options = parser.parse_args()
    workers = [
        Worker("optimizers", library, in_parts=True, device=options.device)
        for library in ("torch", "jtorch", "jax")
    ]
    found = []
    for name in options.only or CASES:
        asked = workers if name in OPTAX else workers[:2]
        found.append({"name": name, **in_turns([name], asked, options)})
        print(line_of(found[-1]), flush=True)
    for worker in workers:
        worker.close()
    slow = [row for row in found if row["ratio"] > SLOW]
    print(f"\n{len(slow)} of {len(found)} take more than {SLOW} times PyTorch's time")
    for row in sorted(slow, key=lambda row: -row["ratio"]):
        print(line_of(row))
    if not options.only and options.iterations is None:
        report = {"machine": machine(options.device), "cases": found}
        RESULTS[options.device].write_text(json.dumps(report, indent=1) + "\n")


def line_of(row: dict[str, Any]) -> str:
    """One optimizer, for the terminal."""
    times = "".join(f"{library} {duration(s):>9}  " for library, s in row["seconds"].items())
    return f"{row['name']:20}{times}{row['ratio']:6.2f}"


if __name__ == "__main__":
    main()
