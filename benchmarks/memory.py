"""Peak memory of the GPT's training step, against plain JAX with the same donation and PyTorch.

    python -m benchmarks.memory

What stays between the steps (parameters, optimizer state, gradients, batch) is counted exactly,
array by array. What a step needs besides is the rise of the process's resident memory during
settled steps; large blocks are given back to the system at once (MALLOC_MMAP_THRESHOLD_), so that
every step shows its rise. The loss is read between forward and backward in the runs marked so:
PyTorch is what they are held against. Linux only, because of the peak that can be reset.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from . import resident
from .workloads import gpt

RUNS = (("jax", False), ("jtorch", False), ("torch", False), ("jtorch", True), ("torch", True))
MEBIBYTE = 2**20


def measure(library: str, read_loss: bool, iterations: int) -> dict[str, int]:
    """In this process: what stays between steps, what a step needs besides, the gradients."""
    if library == "jax":
        step = gpt.setup_jax()
    else:
        step = gpt.setup(importlib.import_module(library), read_loss)
    for _ in range(5):
        float(step().item())
    gc.collect()
    rises = []
    for _ in range(iterations):
        resident.reset_peak()
        before = resident.now()
        float(step().item())
        rises.append(resident.peak() - before)
    gradients = sum(p.grad.nbytes for p in getattr(step, "parameters", ()) if p.grad is not None)
    stays = bytes_of_torch() if library == "torch" else bytes_of_jax()
    return {"stays": stays, "rises": max(rises), "gradients": gradients}


def bytes_of_jax() -> int:
    """All arrays of JAX that are alive, jtorch's among them."""
    import jax

    return sum(array.nbytes for array in jax.live_arrays())


def bytes_of_torch() -> int:
    """All storages of PyTorch's tensors that are alive."""
    import torch

    tensors: Iterable[Any] = (o for o in gc.get_objects() if issubclass(type(o), torch.Tensor))
    storages = {}
    for tensor in tensors:
        for held in (tensor, tensor.grad if tensor.is_leaf else None):
            if held is not None:
                storage = held.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def run(library: str, read_loss: bool, iterations: int) -> dict[str, int]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--iterations", str(iterations)]
    command += ["--measure", library] + ["--read-loss"] * read_loss
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="peak memory of the GPT's training step")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--measure", choices=("jax", "jtorch", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--read-loss", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.read_loss, options.iterations)))
        return
    if sys.platform != "linux":
        sys.exit("peak memory can be measured on Linux only")
    peaks = {}
    bare = {}
    print(f"{'MiB':20} {'stays':>8} {'rises':>8} {'peak':>8} {'gradients':>10}")
    for library, read_loss in RUNS:
        found = run(library, read_loss, options.iterations)
        peaks[library, read_loss] = found["stays"] + found["rises"]
        bare[library, read_loss] = peaks[library, read_loss] - found["gradients"]
        name = library + (", loss read" if read_loss else "")
        figures = (found["stays"], found["rises"], peaks[library, read_loss], found["gradients"])
        print(f"{name:20}", *(f"{figure / MEBIBYTE:8.1f}" for figure in figures))
    print(f"jtorch / jax: {peaks['jtorch', False] / peaks['jax', False]:.2f},", end=" ")
    print(f"without the gradients that stay: {bare['jtorch', False] / peaks['jax', False]:.2f}")
    print(f"jtorch / torch: {peaks['jtorch', False] / peaks['torch', False]:.2f},", end=" ")
    print(f"loss read before backward: {peaks['jtorch', True] / peaks['torch', True]:.2f}")


if __name__ == "__main__":
    main()
