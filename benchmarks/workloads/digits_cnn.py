"""The convolutional network of examples/02_digits.py, dropout on, on digits of the same size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "digits CNN, 1x8x8, batch 64, dropout, Adam"

BATCH = 64


def batch() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    return (
        random.uniform(size=(BATCH, 1, 8, 8)).astype(np.float32),
        random.randint(0, 10, BATCH),
    )


def setup(torch: Any) -> Callable[[], Any]:
    nn = torch.nn
    torch.manual_seed(0)
    images, labels = (torch.tensor(array) for array in batch())
    model = nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.GELU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.GELU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 4 * 4, 64),
        nn.GELU(),
        nn.Dropout(0.5),
        nn.Linear(64, 10),
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

    from ..jax_training import Initial, conv, cross_entropy, dropout, linear, trainer

    initial = Initial()
    parameters = {
        "conv1": initial.conv(1, 16, 3),
        "conv2": initial.conv(16, 32, 3),
        "linear1": initial.linear(512, 64),
        "linear2": initial.linear(64, 10),
    }

    def loss_of(parameters: Any, images: Any, labels: Any, key: Any) -> Any:
        key1, key2 = jax.random.split(key)
        x = jax.nn.gelu(conv(parameters["conv1"], images, padding=1), approximate=False)
        x = jax.nn.gelu(conv(parameters["conv2"], x, padding=1), approximate=False)
        x = x.reshape(BATCH, 4, 2, 4, 2, 32).mean((2, 4)).reshape(BATCH, -1)
        x = dropout(key1, x, 0.25)
        x = jax.nn.gelu(linear(parameters["linear1"], x), approximate=False)
        x = dropout(key2, x, 0.5)
        return cross_entropy(linear(parameters["linear2"], x), labels)

    images, labels = batch()
    images = images.transpose(0, 2, 3, 1).copy()
    return trainer(loss_of, parameters, "adam", jax.device_put((images, labels)), random=True)
