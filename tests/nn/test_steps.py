"""A training step through a layer compiles while it is new, and never again."""

from __future__ import annotations

from typing import Any

import pytest

import jtorch
from jtorch import nn

from ..comparison import compiled

parametrizations, prune = nn.utils.parametrizations, nn.utils.prune

LAYERS = {
    "weight_norm": lambda: parametrizations.weight_norm(nn.Linear(3, 4)),
    "spectral_norm": lambda: parametrizations.spectral_norm(nn.Linear(3, 4)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(3, 4)),
    "hook": lambda: nn.utils.spectral_norm(nn.Linear(3, 4)),
    "pruned": lambda: prune.l1_unstructured(nn.Linear(3, 4), "weight", 3),
    "sync": lambda: nn.Sequential(nn.Linear(3, 4), nn.SyncBatchNorm(4, momentum=None)),
    "bag": lambda: nn.EmbeddingBag(10, 4, max_norm=1.0),
    "loss": lambda: nn.LinearCrossEntropyLoss(3, 4),
    "adaptive": lambda: nn.AdaptiveLogSoftmaxWithLoss(3, 10, [3, 6], 1.0),
}


def inputs(name: str, step: int) -> tuple[Any, ...]:
    """Other values in each step, of the same shapes."""
    numbers = jtorch.tensor([step % 4, 3, 1, 2])
    if name == "bag":
        return numbers, jtorch.tensor([0, 1 + step % 2])
    x = jtorch.ones(4, 3) * (step + 1)
    return (x, numbers) if name in ("loss", "adaptive") else (x,)


@pytest.mark.parametrize("name", LAYERS)
def test_compilations(name: str) -> None:
    layer = LAYERS[name]()
    optimizer = jtorch.optim.SGD(layer.parameters(), lr=0.01)

    def step(number: int) -> None:
        optimizer.zero_grad()
        output = layer(*inputs(name, number))
        output = output[0] if isinstance(output, tuple) else output
        output.square().mean().backward()
        optimizer.step()

    counts = [compiled(lambda n=number: step(n)) for number in range(8)]
    assert 0 < sum(counts[:3])
    assert sum(counts[3:]) == 0, counts
