"""Processes that take turns: one for each library, waiting while another one works.

`Worker` starts `python -m benchmarks.workers WORKLOAD LIBRARY` and talks to it in lines of JSON:
"warm" runs steps until they cost the same, "time" runs a number of steps and says how long they
took, "memory" gives the peak of the resident memory. A turn starts after a short rest, in which the
threads of the other settle.
"""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

LIBRARIES = ("torch", "jtorch", "jax")
REST = 0.25


class Worker:
    """A process that runs one workload under one library, on request."""

    def __init__(self, workload: str, library: str) -> None:
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers", workload, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str, **arguments: Any) -> dict[str, Any]:
        """One turn of this worker: its answer, or RuntimeError if it died."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps({"question": question, **arguments}) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker for {self.library} ended with {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        self.process.communicate()


def load(workload: str, library: str) -> tuple[Callable[[], Any], Callable[[Any], float]]:
    """The step of a workload, and the function that waits for a loss to be computed."""
    module = importlib.import_module(f"benchmarks.workloads.{workload}")
    if library == "jax":
        return module.setup_jax(), lambda loss: float(loss)
    torch = importlib.import_module(library)
    step = module.setup(torch)
    if library == "torch":
        return step, lambda loss: loss.item()

    def wait(loss: Any) -> float:
        torch.synchronize()
        return loss.item()

    return step, wait


def seconds_of(steps: int, step: Callable[[], Any], wait: Callable[[Any], float]) -> float:
    """How long `steps` steps take, with everything computed at the end."""
    started = time.perf_counter()
    loss = None
    for _ in range(steps):
        loss = step()
    wait(loss)
    return time.perf_counter() - started


def warm(step: Callable[[], Any], wait: Callable[[Any], float]) -> dict[str, float]:
    """Run until steps cost the same; what the first ones cost beyond that is compiling."""
    cold = [seconds_of(1, step, wait) for _ in range(3)]
    # Steps that are not waited for may run along other paths: they are warmed up too.
    cold.append(seconds_of(3, step, wait))
    steps = 3
    settled = min(seconds_of(steps, step, wait) / steps for _ in range(2))
    while settled * steps < 0.05:
        steps *= 4
        settled = min(settled, seconds_of(steps, step, wait) / steps)
    return {"compile": max(0.0, sum(cold) - (len(cold) + 2) * settled), "step": settled}


def main() -> None:
    """Answer the questions that come in, line by line."""
    workload, library = sys.argv[1:]
    step, wait = load(workload, library)
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        if request["question"] == "warm":
            answer = warm(step, wait)
        elif request["question"] == "time":
            time.sleep(REST)
            seconds = seconds_of(request["steps"], step, wait)
            answer = {"step": seconds / request["steps"]}
        else:
            answer = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
