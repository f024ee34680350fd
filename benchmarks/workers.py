"""Processes that take turns: one for each library, waiting while another one works.

`Worker` starts `python -m benchmarks.workers WORKLOAD LIBRARY DEVICE` and talks to it in lines of
JSON: "load" chooses a part of a workload that has several, "warm" runs steps until they cost the
same, "time" runs a number of steps and says how long they took, "memory" gives the peak of the
resident memory. A turn starts after a short rest, in which the threads of the other settle.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# "compiled" is jtorch with the step under torch.compile.
LIBRARIES = ("torch", "jtorch", "compiled", "jax")
DEVICES = ("cpu", "cuda")
REST = 0.25


class Worker:
    """A process that runs one workload under one library, on request."""

    def __init__(
        self, workload: str, library: str, in_parts: bool = False, device: str = "cpu"
    ) -> None:
        self.library = library
        command = [sys.executable, "-m", "benchmarks.workers", workload, library, device]
        self.process = subprocess.Popen(
            [*command, "in parts"] if in_parts else command,
            # The memory of one GPU is shared by two processes with JAX and one with PyTorch.
            env={**os.environ, "JAX_PLATFORMS": device, "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.3"},
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


def use(library: str, device: str) -> None:
    """Make a device the default. On a GPU all libraries use TensorFloat-32, as JAX does anyway."""
    if library != "jax" and device != "cpu":
        torch = importlib.import_module(_package(library))
        torch.set_default_device(device)
        torch.set_float32_matmul_precision("high")


def _package(library: str) -> str:
    return "jtorch" if library == "compiled" else library


def load(workload: str, library: str, *part: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """The step of a workload, and the function that waits for a loss to be computed."""
    module = importlib.import_module(f"benchmarks.workloads.{workload}")
    if library == "jax":
        step = module.setup_jax(*part)
    else:
        torch = importlib.import_module(_package(library))
        step = module.setup(torch, *part)
        step = torch.compile(step) if library == "compiled" else step
    if part:  # a step of a part is computed to its end by itself
        return step, lambda result: None
    if library == "jax":
        return step, lambda loss: float(loss)
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
    workload, library, device, *parts = sys.argv[1:]
    use(library, device)
    step, wait = (None, None) if parts else load(workload, library)
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        if request["question"] == "load":
            step, wait = load(workload, library, *request["part"])
            answer = {}
        elif request["question"] == "warm":
            answer = warm(step, wait)
        elif request["question"] == "time":
            time.sleep(request.get("rest", REST))
            seconds = seconds_of(request["steps"], step, wait)
            answer = {"step": seconds / request["steps"]}
        else:
            answer = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
