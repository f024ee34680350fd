"""The classic loop: a straight line fitted to three points, where nearly all time is overhead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "classic loop: Linear(1, 1), 3 points, SGD"

INPUT = np.array([[1.0], [2.0], [3.0]], np.float32)
TARGET = np.array([[2.0], [4.0], [6.0]], np.float32)


def setup(torch: Any) -> Callable[[], Any]:
    torch.manual_seed(0)
    a = torch.tensor(INPUT)
    b = torch.tensor(TARGET)
    model = torch.nn.Linear(1, 1)
    loss_fn = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> Any:
        pred = model(a)
        loss = loss_fn(pred, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ..jax_training import trainer

    def loss_of(parameters: Any, a: Any, b: Any) -> Any:
        pred = a @ parameters["weight"] + parameters["bias"]
        return jnp.mean((pred - b) ** 2)

    parameters = {"weight": jnp.full((1, 1), 0.5), "bias": jnp.zeros(1)}
    return trainer(loss_of, parameters, "sgd", jax.device_put((INPUT, TARGET)))
