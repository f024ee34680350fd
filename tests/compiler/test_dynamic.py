"""`dynamic=True`: a few programs for all sizes, and PyTorch's results at each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import jtorch
from jtorch._core.events import listening

from ..comparison import difference, forget, plain

SIZES = (7, 12, 9, 5)
# At the first size; with a dimension of 16; with one of 8.
PROGRAMS = 3


def batches(library: Any, sizes: Any = SIZES, rounds: int = 2) -> Iterator[tuple[Any, Any]]:
    """Inputs (4, size, 6) and classes (4, size)."""
    rng = np.random.default_rng(0)
    for size in [*sizes] * rounds:
        x = rng.standard_normal((4, size, 6)).astype("float32")
        yield library.tensor(x), library.tensor(rng.integers(0, 5, (4, size)))


def trained(library: Any, model: Any, loss_of: Callable) -> Callable:
    """One step of training."""
    optimizer = library.optim.SGD(model.parameters(), 1e-1)

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(model, x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def classified(library: Any, model: Any) -> Callable:
    """One step of training on classes for each place."""
    cross_entropy = library.nn.functional.cross_entropy
    return trained(library, model, lambda model, x, y: cross_entropy(model(x).mT, y))


def recurrent(library: Any) -> Callable:
    nn = library.nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True)
            self.output = nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            return self.output(self.lstm(x)[0])

    return classified(library, Tagger())


def convolutions(library: Any) -> Callable:
    """With statistics over what is there, pooling that rounds down, and filters with a stride."""
    nn = library.nn
    model = nn.Sequential(
        *(nn.Conv1d(6, 8, 3, padding=1), nn.BatchNorm1d(8), nn.ReLU(), nn.AvgPool1d(3, 2)),
        *(nn.Conv1d(8, 8, 3, padding=1, stride=2), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
        nn.Linear(8, 5),
    )

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(model(x.mT), y[:, 0]) + model[1].running_mean.sum()

    return trained(library, model, loss_of)


def attention(library: Any) -> Callable:
    """With a padding mask, and a loss that leaves places out."""
    nn = library.nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = nn.Linear(6, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.output = nn.Linear(8, 5)

        def forward(self, x: Any, mask: Any) -> Any:
            return self.output(self.layers(self.input(x), src_key_padding_mask=mask))

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        mask = y == 0
        mask[:, 0] = False
        logits = model(x, mask).flatten(0, 1)
        return nn.functional.cross_entropy(logits, y.flatten(), ignore_index=0)

    return trained(library, Encoder(), loss_of)


def causal(library: Any) -> Callable:
    functional = library.nn.functional

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        queries, keys, values = model(x).view(4, -1, 3, 2, 4).permute(2, 0, 3, 1, 4)
        out = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        out = out.transpose(1, 2).reshape(4, -1, 8)
        return out.pow(2).mean() + out[:, -1].sum()

    return trained(library, library.nn.Linear(6, 24), loss_of)


def dropout(library: Any) -> Callable:
    """Random numbers, as many as there are places."""
    nn = library.nn
    model = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 5))
    return classified(library, model)


def weighted(library: Any) -> Callable:
    """The size as a number."""
    nn = library.nn

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        weights = library.linspace(0, 1, x.size(1))
        losses = nn.functional.cross_entropy(model(x).mT, y, reduction="none")
        return (losses * weights).sum() / x.size(1) / weights.sum()

    return trained(library, nn.Linear(6, 5), loss_of)


def ranked(library: Any) -> Callable:
    def loss_of(model: Any, x: Any, y: Any) -> Any:
        scores = model(x).squeeze(-1)
        ordered = scores.sort(1, descending=True).values
        best = scores.topk(3, 1).values.sum() + scores.median() + scores.std()
        places = library.arange(1, x.size(1) + 1)
        return (ordered.cumsum(1) * places).mean() + best + scores.flip(1)[:, 0].sum()

    return trained(library, library.nn.Linear(6, 1), loss_of)


def joined(library: Any) -> Callable:
    """Dimensions that are longer than the size, by a constant and by a factor."""
    functional = library.nn.functional

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        first = library.zeros(4, 1, 6)
        z = functional.pad(library.cat([first, model(x)], 1), (0, 0, 1, 2))
        z = library.cat([z, z.flip(1)], 1)
        return (z * z).mean() + z.unfold(1, 3, 2).mean(-1).pow(2).sum() + z.roll(1, 1)[:, 0].sum()

    return trained(library, library.nn.Linear(6, 6), loss_of)


def resampled(library: Any) -> Callable:
    functional = library.nn.functional

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        up = functional.interpolate(model(x.mT), scale_factor=2, mode="linear")
        return functional.mse_loss(functional.avg_pool1d(up, 2), x.mT)

    return trained(library, library.nn.Conv1d(6, 6, 3, padding=1), loss_of)


def pairs(library: Any) -> Callable:
    """Two dimensions of the size."""

    def loss_of(model: Any, x: Any, y: Any) -> Any:
        embedded = model(x)
        distances = library.cdist(embedded, embedded)
        same = library.eye(x.size(1), dtype=library.bool)
        nearest = distances.masked_fill(same, 10.0).min(-1).values.mean()
        return nearest + library.triu(distances, 1).sum() / 100

    return trained(library, library.nn.Linear(6, 4), loss_of)


def results(library: Any) -> Callable:
    """What is returned has the size."""
    model = library.nn.Linear(6, 5)

    @library.no_grad()
    def evaluate(x: Any, y: Any) -> Any:
        logits = model(x)
        return logits.softmax(-1), x.shape[1], logits.argmax(-1) == y

    return evaluate


def compiled_programs(run: Callable[[], Any]) -> tuple[Any, int]:
    """What it returns, and how many programs were compiled for it."""
    before = jtorch.debug.statistics()["programs_compiled"]
    found = plain(run(), jtorch)
    return found, jtorch.debug.statistics()["programs_compiled"] - before


STEPS = (
    *(recurrent, convolutions, attention, causal, dropout, weighted, ranked, joined),
    *(resampled, pairs, results),
)


@pytest.mark.parametrize("make", STEPS, ids=lambda make: make.__name__)
def test_steps(make: Callable) -> None:
    torch.manual_seed(0)
    expected = plain([step(x, y) for step in [make(torch)] for x, y in batches(torch)], torch)
    forget()
    jtorch.manual_seed(0)
    step = jtorch.compile(make(jtorch), dynamic=True)
    found, programs = compiled_programs(lambda: [step(x, y) for x, y in batches(jtorch)])
    assert not (what := difference(expected, found, tolerance=2e-4)), what
    assert not step.reasons
    assert step.runs == 1 + len(SIZES)
    # A step has another program where no gradient is there yet: the first one.
    assert programs <= PROGRAMS + 1, programs


def language_model(library: Any) -> Any:
    """A Transformer over tokens."""
    nn = library.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(20, 8), nn.Embedding(64, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm, self.output = nn.LayerNorm(8), nn.Linear(8, 20)

        def forward(self, tokens: Any) -> Any:
            length = tokens.shape[1]
            mask = library.triu(library.ones(length, length, dtype=library.bool), 1)
            x = self.tokens(tokens) + self.places(library.arange(length))
            h = self.norm(x)
            x = x + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
            return self.output(x)

    return Model()


def texts(library: Any, lengths: Any) -> Iterator[Any]:
    rng = np.random.default_rng(0)
    for length in lengths:
        yield library.tensor(rng.integers(0, 20, (2, length)))


def losses_of(library: Any, compile: Callable, lengths: Any) -> list[Any]:
    """The losses of a plain loop around a model."""
    library.manual_seed(0)
    model = language_model(library)
    optimizer = library.optim.AdamW(model.parameters(), lr=1e-2)
    called, losses = compile(model), []
    for tokens in texts(library, lengths):
        logits = called(tokens[:, :-1])
        loss = library.nn.functional.cross_entropy(
            logits.reshape(-1, 20), tokens[:, 1:].reshape(-1)
        )
        losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def test_forty_lengths_take_a_few_programs() -> None:
    """Only the model is compiled: the loop around it is part of the programs."""
    lengths = [*np.random.default_rng(1).permutation(np.arange(5, 45))]
    expected = plain(losses_of(torch, lambda model: model, lengths), torch)
    forget()
    found, programs = compiled_programs(
        lambda: losses_of(jtorch, lambda model: jtorch.compile(model, dynamic=True), lengths)
    )
    assert not (what := difference(expected, found, tolerance=1e-4)), what
    assert programs <= 5  # at the first length; dimensions of 8, 16, 32 and 64


def test_without_it_each_length_is_compiled() -> None:
    forget()
    double = jtorch.compile(lambda x: x * 2)
    sizes = [jtorch.tensor(np.ones(size)) for size in SIZES]
    _, programs = compiled_programs(lambda: [double(x) for x in sizes])
    assert programs == len(SIZES)


@pytest.mark.parametrize("dynamic", [None, False])
def test_a_marked_tensor_has_sizes_that_vary(dynamic: bool | None) -> None:
    """Unless the function says that none do."""
    forget()
    double = jtorch.compile(lambda x: x * 2, dynamic=dynamic)

    def run() -> list[Any]:
        found = []
        for size in SIZES:
            x = jtorch.tensor(np.ones(size))
            jtorch._dynamo.mark_dynamic(x, 0)
            found.append(double(x))
        return found

    found, programs = compiled_programs(run)
    assert [values["values"] for values in found] == [[2.0] * size for size in SIZES]
    assert (programs < len(SIZES)) is (dynamic is None)


def test_two_sizes_that_vary() -> None:
    forget()
    total = jtorch.compile(lambda x: x.flatten().softmax(0).mul(x.flatten()).sum(), dynamic=True)
    rng = np.random.default_rng(0)

    def run() -> list[Any]:
        found = []
        for rows, columns in [(3, 9), (5, 12), (6, 10), (7, 16), (2, 11), (8, 13)]:
            x = rng.standard_normal((rows, columns))
            weights = np.exp(x) / np.exp(x).sum()
            found.append(total(jtorch.tensor(x)) - (weights * x).sum())
        return [difference.item() for difference in found]

    found, programs = compiled_programs(run)
    assert np.abs(found).max() < 1e-12
    # One more where the sizes turn out to vary apart, and those of the differences.
    assert programs <= 5


def test_what_cannot_be_shared_compiles_at_each_size() -> None:
    """And says so, once."""
    forget()
    spectrum = jtorch.compile(lambda x: jtorch.fft.fft(x).abs(), dynamic=True)
    told: list[Any] = []
    with listening("graph_break", told.append):
        found = [spectrum(jtorch.arange(size, dtype=jtorch.float32)) for size in SIZES]
    for size, values in zip(SIZES, found, strict=True):
        expected = np.abs(np.fft.fft(np.arange(size)))
        np.testing.assert_allclose(values.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert [event.reason for event in told] == [
        "a program is not shared between sizes: fft of matrices of an open size"
    ]
