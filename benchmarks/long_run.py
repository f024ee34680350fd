"""10,000 iterations of the classic loop, with everything that changes from step to step.

    python -m benchmarks.long_run
    python -m benchmarks.long_run --with torch

A scheduler moves the learning rate, the loss has a weight that is another Python number in every
step, and every hundredth loss is printed. The number of compiled programs must stay small and the
memory flat.
"""

from __future__ import annotations

import argparse
import importlib
import time

from . import resident
from .workloads.classic_loop import INPUT, TARGET


def main() -> None:
    parser = argparse.ArgumentParser(description="the classic loop for a long time")
    parser.add_argument("--with", dest="library", choices=("jtorch", "torch"), default="jtorch")
    parser.add_argument("--iterations", type=int, default=10_000)
    options = parser.parse_args()
    torch = importlib.import_module(options.library)
    torch.manual_seed(0)
    a = torch.tensor(INPUT)
    b = torch.tensor(TARGET)
    model = torch.nn.Linear(1, 1)
    loss_fn = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.iterations)
    early = options.iterations // 10
    memory = {}
    started = time.perf_counter()
    for step in range(1, options.iterations + 1):
        weight = 1 - 0.5 * step / options.iterations
        loss = loss_fn(model(a), b) * weight
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step:6d}  loss {loss.item():.6g}")
        if step in (early, options.iterations):
            memory[step] = resident.now()
            print(f"step {step:6d}  resident memory {memory[step] / 2**20:.1f} MiB")
    seconds = time.perf_counter() - started
    print(f"{seconds / options.iterations * 1e6:.1f} µs an iteration, compiling included")
    print(f"resident memory grew by {(memory[options.iterations] - memory[early]) / 2**10:.0f} KiB")
    if options.library == "jtorch":
        debug = importlib.import_module("jtorch.debug")
        print(f"programs compiled: {debug.statistics()['programs_compiled']}")


if __name__ == "__main__":
    main()
