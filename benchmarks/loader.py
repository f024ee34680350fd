"""A DataLoader with two workers that decode JPEGs: images a second, and how soon a batch is there.

    python -m benchmarks.loader

Every turn is a process of its own, PyTorch's and jtorch's alternate. A process makes the loader
first and the model later, or, as "after a model", the other way round: by then JAX has threads. It
says how long the first batch took from `iter` on, the first batch of later epochs, the first batch
from the start of the process on (imports included), and how many images a second later epochs gave.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
from PIL import Image

LIBRARIES = ("torch", "jtorch")
BATCH = 32
WORKERS = 2
SIZE = 224
EPOCHS = 3


def pictures(count: int) -> list[bytes]:
    """JPEGs of 256 by 256 pixels, smooth with some noise."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
        noise = random.integers(0, 24, (256, 256, 3), np.uint8)
        stream = io.BytesIO()
        Image.fromarray(np.asarray(image) // 2 + noise).save(stream, "JPEG", quality=90)
        made.append(stream.getvalue())
    return made


def dataset_of(data: Any, batches: int) -> Any:
    """Decodes, crops and flips at random, and gives float32 arrays of (3, SIZE, SIZE)."""

    class Pictures(data.Dataset):
        def __init__(self) -> None:
            self.files = pictures(64)

        def __len__(self) -> int:
            return batches * BATCH

        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            image = Image.open(io.BytesIO(self.files[index % len(self.files)])).convert("RGB")
            left, top = np.random.randint(0, 256 - SIZE, 2)
            pixels = np.asarray(image.crop((left, top, left + SIZE, top + SIZE)))
            if np.random.rand() < 0.5:
                pixels = pixels[:, ::-1]
            return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 255, index % 10

    return Pictures()


def turn(library: str, batches: int, after_model: bool) -> dict[str, float]:
    """What one process measures."""
    torch = importlib.import_module(library)
    data = importlib.import_module(f"{library}.utils.data")
    if after_model:
        torch.nn.Linear(8, 8)(torch.ones(4, 8)).sum().item()
    torch.manual_seed(0)
    loader = data.DataLoader(dataset_of(data, batches), BATCH, shuffle=True, num_workers=WORKERS)
    firsts, rates = [], []
    ready = 0.0
    for _ in range(EPOCHS):
        started = time.perf_counter()
        for number, (images, _) in enumerate(loader):
            assert images.shape == (BATCH, 3, SIZE, SIZE)
            if number == 0:
                firsts.append(time.perf_counter() - started)
                ready = ready or time.time()
        rates.append(batches * BATCH / (time.perf_counter() - started))
    return {
        "first batch": firsts[0],
        "first batch of later epochs": statistics.median(firsts[1:]),
        "first batch, from the start of the process": ready,
        "images a second": statistics.median(rates[1:]),
    }


def measured(library: str, batches: int, after_model: bool) -> dict[str, float]:
    """The figures of a new process."""
    command = [sys.executable, "-m", "benchmarks.loader", "--turn", library]
    command += ["--iterations", str(batches), *(["--after-model"] if after_model else [])]
    started = time.time()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(done.stdout)
    figures["first batch, from the start of the process"] -= started
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="loaders with workers")
    parser.add_argument("--iterations", type=int, default=40, help="batches in an epoch")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library")
    parser.add_argument("--turn", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--after-model", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(turn(options.turn, options.iterations, options.after_model)))
        return
    for after_model in (False, True):
        print("after a model:" if after_model else "before anything else:")
        turns: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
        for _ in range(options.rounds):
            for library in LIBRARIES:
                turns[library].append(measured(library, options.iterations, after_model))
        for name in turns["torch"][0]:
            torch, jtorch = (statistics.median(t[name] for t in turns[lib]) for lib in LIBRARIES)
            print(f"  {name:43} PyTorch {torch:9.3f}  jtorch {jtorch:9.3f}  {jtorch / torch:5.2f}")


if __name__ == "__main__":
    main()
