"""A chain of 100 element-wise operations, forward and backward: the overhead of an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "chain: 100 element-wise operations on 8 numbers"

LENGTH = 100


def setup(torch: Any) -> Callable[[], Any]:
    x = torch.linspace(0.1, 0.9, 8)
    x.requires_grad_()
    optimizer = torch.optim.SGD([x], lr=1e-6)

    def step() -> Any:
        y = x
        for _ in range(LENGTH // 2):
            y = torch.tanh(y)
            y = y * 1.01
        loss = y.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax.numpy as jnp

    from ..jax_training import trainer

    def loss_of(x: Any) -> Any:
        y = x
        for _ in range(LENGTH // 2):
            y = jnp.tanh(y)
            y = y * 1.01
        return y.sum()

    return trainer(loss_of, jnp.asarray(np.linspace(0.1, 0.9, 8, dtype=np.float32)), "tiny_sgd", ())
