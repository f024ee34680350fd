"""How long `import jtorch` takes beside `import jax`, in fresh interpreters that take turns.

python -m benchmarks.import_time
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

PROGRAM = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""


def seconds(module: str) -> float:
    """The time of one import in a new interpreter, which finds and keeps bytecode as usual."""
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    settings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=settings)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="import jtorch against import jax")
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    seconds("jtorch")  # writes the bytecode and fills the file cache
    turns = [(seconds("jax"), seconds("jtorch")) for _ in range(rounds)]
    print(f"import jax     {statistics.median(jax for jax, _ in turns):.3f} s")
    print(f"import jtorch  {statistics.median(jtorch for _, jtorch in turns):.3f} s")
    print(f"ratio          {statistics.median(jtorch / jax for jax, jtorch in turns):.2f}")


if __name__ == "__main__":
    main()
