"""A multilayer perceptron with Adam, of the size that people use for MNIST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "MLP 784-512-512-10, batch 128, Adam"

SIZES = (784, 512, 512, 10)
BATCH = 128


def batch() -> tuple[np.ndarray, np.ndarray]:
    # Every image comes twice, with two labels: a loss that can't vanish keeps denormal numbers
    # away.
    random = np.random.RandomState(0)
    images = random.standard_normal((BATCH // 2, SIZES[0])).astype(np.float32)
    return np.concatenate([images, images]), random.randint(0, SIZES[-1], BATCH)


def setup(torch: Any) -> Callable[[], Any]:
    nn = torch.nn
    torch.manual_seed(0)
    images, labels = (torch.tensor(array) for array in batch())
    model = nn.Sequential(
        nn.Linear(SIZES[0], SIZES[1]),
        nn.ReLU(),
        nn.Linear(SIZES[1], SIZES[2]),
        nn.ReLU(),
        nn.Linear(SIZES[2], SIZES[3]),
    )
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> Any:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax

    from ..jax_training import Initial, cross_entropy, linear, trainer

    initial = Initial()
    parameters = [initial.linear(i, o) for i, o in zip(SIZES[:-1], SIZES[1:], strict=True)]

    def loss_of(parameters: Any, images: Any, labels: Any) -> Any:
        x = images
        for layer in parameters[:-1]:
            x = jax.nn.relu(linear(layer, x))
        return cross_entropy(linear(parameters[-1], x), labels)

    return trainer(loss_of, parameters, "adam", jax.device_put(batch()))
