"""A Transformer on texts of 40 lengths, its step under `torch.compile(dynamic=True)`: how many
programs are compiled, and how far its losses are from PyTorch's.

    python -m benchmarks.lengths                    2,000 steps
    python -m benchmarks.lengths --iterations 3     what continuous integration runs
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import jtorch

WORDS, WIDTH, HEADS, BATCH = 50, 32, 4, 4
LENGTHS = np.random.default_rng(0).permutation(np.arange(9, 89, 2))


def make_step(library: Any) -> Callable[[Any], Any]:
    """One step of training on a batch of texts; it returns the loss."""
    nn = library.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(128, WIDTH)
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))
            self.output = nn.Linear(WIDTH, WORDS)

        def forward(self, text: Any) -> Any:
            length = text.shape[1]
            mask = library.triu(library.ones(length, length, dtype=library.bool), 1)
            x = self.words(text) + self.places(library.arange(length))
            h = self.first(x)
            x = x + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
            return self.output(x + self.mlp(self.second(x)))

    model = Model()
    optimizer = library.optim.AdamW(model.parameters(), lr=1e-3)

    def step(text: Any) -> Any:
        logits = model(text[:, :-1]).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def losses(library: Any, iterations: int, compile: Callable) -> tuple[np.ndarray, float]:
    """The losses of a run, and the seconds it took."""
    library.manual_seed(0)
    random = np.random.default_rng(0)
    step, found = compile(make_step(library)), []
    began = time.perf_counter()
    for k in range(iterations):
        text = random.integers(0, WORDS, (BATCH, LENGTHS[k % len(LENGTHS)]))
        found.append(step(library.tensor(text)))
    values = np.array([loss.item() for loss in found])
    return values, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--iterations", type=int, default=2000)
    options = parser.parse_args()
    expected, theirs = losses(torch, options.iterations, lambda step: step)
    before = jtorch.debug.statistics()["programs_compiled"]
    found, ours = losses(jtorch, options.iterations, lambda s: jtorch.compile(s, dynamic=True))
    programs = jtorch.debug.statistics()["programs_compiled"] - before
    distance = np.max(np.abs(found - expected) / expected)
    print(f"{options.iterations} steps over {len(set(LENGTHS[: options.iterations]))} lengths")
    print(f"programs compiled: {programs}")
    print(f"losses: at most {distance:.1e} of PyTorch's away")
    print(f"seconds: torch {theirs:.0f}, jtorch {ours:.0f}, compiling included")


if __name__ == "__main__":
    main()
