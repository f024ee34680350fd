"""300 small weights with SGD: what a step costs that has many buffers and little to compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "300 weights, 8x8, SGD"

COUNT, SIZE = 300, 8


def setup(torch: Any) -> Callable[[], Any]:
    weights = [torch.nn.Parameter(torch.full((SIZE, SIZE), 0.5)) for _ in range(COUNT)]
    x = torch.ones(SIZE, SIZE)
    optimizer = torch.optim.SGD(weights, lr=0.01)

    def step() -> Any:
        loss = torch.stack([(w * x).sum() for w in weights]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ..jax_training import trainer

    def loss_of(weights: Any, x: Any) -> Any:
        return jnp.mean(jnp.stack([(w * x).sum() for w in weights]) ** 2)

    weights = [jnp.full((SIZE, SIZE), 0.5) for _ in range(COUNT)]
    x = np.ones((SIZE, SIZE), np.float32)
    return trainer(loss_of, weights, "sgd", jax.device_put((x,)))
