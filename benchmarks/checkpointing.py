"""Memory between forward and backward of a deep GPT whose blocks are checkpointed, against JAX.

    python -m benchmarks.checkpointing

What XLA says a program takes besides its arguments and results: the gradients of the loss in all
parameters, by jtorch with `torch.utils.checkpoint` and by plain JAX with `jax.checkpoint`. On the
CPU jtorch asks for the scheduler that saves memory where something is checkpointed (see
jtorch/_core/building.py); JAX is shown with it and without. For 24 layers of the GPT on 8 texts
of 128 characters: JAX 532 MiB, with the other scheduler 439 MiB, jtorch 168 MiB, where all is kept
484 and 411 MiB. JAX's scan over the layers, where each is a step of one loop, takes 36 MiB: a loop
in Python is no scan. (JAX 0.10.2.)
"""

from __future__ import annotations

import argparse
from typing import Any

import jax

import jtorch
from jtorch._core.building import REGIONS
from jtorch._core.program import materialise
from jtorch._core.trace import local

from .workloads import gpt

MEBIBYTE = 2**20


def in_jax(layers: int, checkpointed: bool, options: dict[str, Any]) -> int:
    """The bytes that JAX's program takes."""
    loss_of, parameters = gpt.loss_in_jax(layers, checkpointed)
    lowered = jax.jit(jax.value_and_grad(loss_of)).lower(parameters, *gpt.batch())
    return lowered.compile(options).memory_analysis().temp_size_in_bytes


def in_jtorch(layers: int, checkpointed: bool) -> int:
    """The bytes that jtorch's program takes."""
    jtorch.manual_seed(0)
    model = gpt.build(jtorch, layers, checkpointed)
    tokens, targets = map(jtorch.tensor, gpt.batch())
    jtorch.synchronize()
    scores = model(tokens).view(-1, gpt.CHARACTERS)
    loss = jtorch.nn.functional.cross_entropy(scores, targets.view(-1))
    loss.backward()
    trace = local.context.trace
    state, structs = trace.state, [cell.aval.struct for cell in trace.leaves]
    materialise(trace)
    (program,) = state.programs.values()
    with jax.enable_x64(True):
        compiled = program.call.lower(*structs).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description="memory of a checkpointed GPT")
    parser.add_argument("--layers", type=int, default=24)
    layers = parser.parse_args().layers
    options = REGIONS if jax.default_backend() == "cpu" else {}
    found = {
        "jax, all is kept": in_jax(layers, False, {}),
        "jax, checkpointed": in_jax(layers, True, {}),
        "jax, checkpointed, the other scheduler": in_jax(layers, True, options),
        "jtorch, all is kept": in_jtorch(layers, False),
        "jtorch, checkpointed": in_jtorch(layers, True),
    }
    for name, size in found.items():
        print(f"{name:40} {size / MEBIBYTE:8.1f} MiB")
    least = min(size for name, size in found.items() if name.startswith("jax"))
    print(f"jtorch / jax at its best: {found['jtorch, checkpointed'] / least:.2f}")


if __name__ == "__main__":
    main()
