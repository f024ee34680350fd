"""A GPT of 4 layers, width 128, on 8 texts of 128 characters: that of examples/03_text.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "GPT, 4 layers, width 128, 8x128 tokens, AdamW"

LAYERS, WIDTH, HEADS, LENGTH, BATCH, CHARACTERS = 4, 128, 4, 128, 8, 80


def batch() -> tuple[np.ndarray, np.ndarray]:
    text = np.random.RandomState(0).randint(0, CHARACTERS, (BATCH, LENGTH + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def build(torch: Any, layers: int = LAYERS, checkpointed: bool = False) -> Any:
    """checkpointed: each block is computed again for its backward."""
    nn = torch.nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(WIDTH, 3 * WIDTH)
            self.merge = nn.Linear(WIDTH, WIDTH)
            self.register_buffer("past", torch.tril(torch.ones(LENGTH, LENGTH)).bool())

        def forward(self, x: Any) -> Any:
            parts = self.project(x).view(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            scores = (q @ k.transpose(-2, -1)) * (WIDTH // HEADS) ** -0.5
            weights = scores.masked_fill(~self.past, float("-inf")).softmax(dim=-1)
            return self.merge((weights @ v).transpose(1, 2).reshape(BATCH, LENGTH, WIDTH))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH)
            self.attention = Attention()
            self.norm2 = nn.LayerNorm(WIDTH)
            self.network = nn.Sequential(
                nn.Linear(WIDTH, 4 * WIDTH),
                nn.GELU(),
                nn.Linear(4 * WIDTH, WIDTH),
            )

        def forward(self, x: Any) -> Any:
            if checkpointed:
                return torch.utils.checkpoint.checkpoint(self.compute, x, use_reentrant=False)
            return self.compute(x)

        def compute(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.network(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.character = nn.Embedding(CHARACTERS, WIDTH)
            self.position = nn.Embedding(LENGTH, WIDTH)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, CHARACTERS)

        def forward(self, tokens: Any) -> Any:
            x = self.character(tokens) + self.position(torch.arange(LENGTH))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def setup(torch: Any, read_loss: bool = False) -> Callable[[], Any]:
    """read_loss: call `item()` between forward and backward, as many loops do."""
    torch.manual_seed(0)
    tokens, targets = (torch.tensor(array) for array in batch())
    model = build(torch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> Any:
        scores = model(tokens)
        loss = torch.nn.functional.cross_entropy(scores.view(-1, CHARACTERS), targets.view(-1))
        if read_loss:
            loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step.parameters = list(model.parameters())  # type: ignore[attr-defined]
    return step


def setup_jax() -> Callable[[], Any]:
    import jax

    from ..jax_training import trainer

    return trainer(*loss_in_jax(), "adamw", jax.device_put(batch()))


def loss_in_jax(layers: int = LAYERS, checkpointed: bool = False) -> tuple[Callable, Any]:
    """The loss as a function of (parameters, tokens, targets), and initial parameters."""
    import jax
    import jax.numpy as jnp

    from ..jax_training import Initial, cross_entropy, layer_norm, linear

    initial = Initial()

    def block() -> dict[str, Any]:
        return {
            "norm1": initial.norm(WIDTH),
            "project": initial.linear(WIDTH, 3 * WIDTH),
            "merge": initial.linear(WIDTH, WIDTH),
            "norm2": initial.norm(WIDTH),
            "widen": initial.linear(WIDTH, 4 * WIDTH),
            "narrow": initial.linear(4 * WIDTH, WIDTH),
        }

    parameters = {
        "character": initial.normal(CHARACTERS, WIDTH),
        "position": initial.normal(LENGTH, WIDTH),
        "blocks": [block() for _ in range(layers)],
        "norm": initial.norm(WIDTH),
        "head": initial.linear(WIDTH, CHARACTERS),
    }
    past = np.tril(np.ones((LENGTH, LENGTH), bool))

    def attention(block: Any, x: Any) -> Any:
        parts = linear(block["project"], x).reshape(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
        q, k, v = parts.transpose(2, 0, 3, 1, 4)
        scores = (q @ k.swapaxes(-2, -1)) * (WIDTH // HEADS) ** -0.5
        weights = jax.nn.softmax(jnp.where(past, scores, -jnp.inf))
        mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, WIDTH)
        return linear(block["merge"], mixed)

    def layer(block: Any, x: Any) -> Any:
        x = x + attention(block, layer_norm(block["norm1"], x))
        y = linear(block["widen"], layer_norm(block["norm2"], x))
        return x + linear(block["narrow"], jax.nn.gelu(y, approximate=False))

    through = jax.checkpoint(layer) if checkpointed else layer

    def loss_of(parameters: Any, tokens: Any, targets: Any) -> Any:
        x = parameters["character"][tokens] + parameters["position"]
        for block in parameters["blocks"]:
            x = through(block, x)
        scores = linear(parameters["head"], layer_norm(parameters["norm"], x))
        return cross_entropy(scores.reshape(-1, CHARACTERS), targets.reshape(-1))

    return loss_of, parameters
