"""An LSTM of two layers that reads 50 characters and says which comes next, with Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "LSTM, 2 layers, width 128, 32x50 characters, Adam"

LAYERS, WIDTH, LENGTH, BATCH, CHARACTERS = 2, 128, 50, 32, 80


def batch() -> tuple[np.ndarray, np.ndarray]:
    text = np.random.RandomState(0).randint(0, CHARACTERS, (LENGTH + 1, BATCH))
    return text[:-1].copy(), text[1:].copy()


def setup(torch: Any) -> Callable[[], Any]:
    nn = torch.nn
    torch.manual_seed(0)
    characters, following = (torch.tensor(array) for array in batch())
    embedding = nn.Embedding(CHARACTERS, WIDTH)
    network = nn.LSTM(WIDTH, WIDTH, LAYERS)
    head = nn.Linear(WIDTH, CHARACTERS)
    parameters = [p for part in (embedding, network, head) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step() -> Any:
        output, _ = network(embedding(characters))
        scores = head(output).view(-1, CHARACTERS)
        loss = nn.functional.cross_entropy(scores, following.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ..jax_training import Initial, cross_entropy, linear, trainer

    initial = Initial()
    parameters = {
        "embedding": initial.normal(CHARACTERS, WIDTH),
        "layers": [
            {"input": initial.linear(WIDTH, 4 * WIDTH), "state": initial.linear(WIDTH, 4 * WIDTH)}
            for _ in range(LAYERS)
        ],
        "head": initial.linear(WIDTH, CHARACTERS),
    }

    def unrolled(layer: Any, x: Any) -> Any:
        """The input's part of the gates for all steps at once, then a scan."""

        def advance(state: Any, given: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(given + h @ layer["state"]["weight"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        given = linear(layer["input"], x) + layer["state"]["bias"]
        zeros = jnp.zeros((BATCH, WIDTH))
        return jax.lax.scan(advance, (zeros, zeros), given)[1]

    def loss_of(parameters: Any, characters: Any, following: Any) -> Any:
        x = parameters["embedding"][characters]
        for layer in parameters["layers"]:
            x = unrolled(layer, x)
        scores = linear(parameters["head"], x)
        return cross_entropy(scores.reshape(-1, CHARACTERS), following.reshape(-1))

    return trainer(loss_of, parameters, "adam", jax.device_put(batch()))
