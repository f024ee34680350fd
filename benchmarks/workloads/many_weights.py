"""300 small weights with SGD: what a step costs that has many buffers and little to compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    """It hands out the gradients, too, as a step of PyTorch does: as many buffers."""
    import jax
    import jax.numpy as jnp

    def loss_of(weights: Any, x: Any) -> Any:
        return jnp.mean(jnp.stack([(w * x).sum() for w in weights]) ** 2)

    @partial(jax.jit, donate_argnums=0)
    def train(weights: Any, x: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights, x)
        new = [w - 0.01 * g for w, g in zip(weights, gradients, strict=True)]
        return new, gradients, loss

    weights = [jnp.full((SIZE, SIZE), 0.5) for _ in range(COUNT)]
    held = [weights, None, None]
    x = jax.device_put(np.ones((SIZE, SIZE), np.float32))

    def step() -> Any:
        held[:] = train(held[0], x)
        return held[-1]

    return step
