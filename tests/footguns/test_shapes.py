"""Footguns 5 to 8: changing shapes, branches and exceptions, dropout, and what must not keep a
graph alive."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest

import jtorch

from ..comparison import as_it_is, footgun


def network(torch: Any) -> tuple:
    """A model of two layers and its optimizer."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    return model, torch.optim.Adam(model.parameters(), lr=0.05)


def training(torch: Any, repeated: Any, model: Any, optimizer: Any) -> Any:
    """A function that makes one step with a batch, and returns the loss."""

    @repeated
    def train(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return train


# ---------------------------------------------------------------------------- 5: shapes that change


@footgun(
    programs=6,
    because=[("shape", "for a, b in loader:"), ("shape", "cross_entropy(model(x), y)")],
    runs=3,
)
def test_05_an_odd_last_batch(torch: Any, repeated: Any) -> list:
    """20 rows in batches of 8, for four epochs: for each of two shapes, one program
    for the rows and one for the step; one for what comes first, one for the detached loss."""
    model, optimizer = network(torch)
    train = training(torch, repeated, model, optimizer)
    x, y = torch.randn(20, 3), torch.randint(0, 2, (20,))
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    found = []
    for _ in range(4):
        for a, b in loader:
            found.append(train(a, b).item())
    return [found, *model.parameters()]


@footgun(programs=7, because=[("shape", "cross_entropy(model(x), y)")], runs=6)
def test_05_lengths_that_change(torch: Any, repeated: Any) -> list:
    """Sequences of five lengths, twice: one program a length, one for what comes first, one for
    detach()."""
    model, optimizer = network(torch)
    train = training(torch, repeated, model, optimizer)
    found = []
    for length in [4, 5, 6, 7, 8] * 2:
        x, y = torch.randn(length, 3), torch.randint(0, 2, (length,))
        found.append(train(x, y).item())
    return [found, *model.parameters()]


# ---------------------------------------------------------------------------------- 6: control flow


@footgun(programs=5, runs=9, reason="a value is needed before the function has ended")
def test_06_a_branch_on_a_value(torch: Any, repeated: Any) -> list:
    """The value of a loss decides what is computed next, and when to stop."""
    model, optimizer = network(torch)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))

    @repeated
    def train() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        if loss > 0.5:
            loss = loss * 2
        elif loss < 0.2:
            return None
        loss.backward()
        optimizer.step()
        return loss

    found = []
    for _ in range(40):
        loss = train()
        if loss is None:
            break
        found.append(loss.item())
    return [found, *model.parameters()]


@footgun(programs=3, because=[("op", "cross_entropy(model(x), y)")], runs=11)  # 8 raise
def test_06_an_exception_in_the_middle(torch: Any, repeated: Any) -> list:
    """A step is left before backward, and another between backward and step; training goes on."""
    model, optimizer = network(torch)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))

    @repeated
    def train(step: int) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        if step == 1:
            raise StopIteration
        loss.backward()
        if step == 2:
            model(torch.ones(2, 4))
        optimizer.step()
        return loss

    found = []
    for step in range(16):
        try:
            found.append(train(step % 4).item())
        except StopIteration:
            found.append("stopped")
        except RuntimeError as error:
            found.append(type(error).__name__)
    return [found, *model.parameters()]


# --------------------------------------------------------------------------------------- 7: dropout


@footgun(programs=2, runs=3, reason="it records nothing")  # in eval mode
def test_07_dropout(torch: Any, repeated: Any) -> list:
    """A new mask each step, the same masks for the same seed."""
    layer = repeated(torch.nn.Dropout(0.5))
    x = torch.ones(40)
    seen = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        seen.append([layer(x).tolist() for _ in range(4)])
    same, again, other = seen
    return [seen, same == again, same == other, same[0] == same[1], layer.eval()(x)]


@footgun(programs=4, runs=2)
def test_07_dropout_in_training(torch: Any, repeated: Any) -> list:
    """A model with dropout, trained, and evaluated in between."""
    model, _ = network(torch)
    model.insert(1, torch.nn.Dropout(0.3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train = training(torch, repeated, model, optimizer)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))
    found = []
    for step in range(6):
        found.append(train(x, y).item())
        if step % 2:
            with torch.no_grad():
                found.append(model.eval()(x).sum().item())
            model.train()
    return [found, *model.parameters()]


# --------------------------------------------------------- 8: statistics, averages, sums of metrics


@footgun(programs=5, because=[("number", "x + step")], runs=2, extra=1)
def test_08_batch_norm(torch: Any, repeated: Any) -> list:
    """Running statistics in train and eval."""
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train = training(torch, repeated, model, optimizer)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))
    found = []
    for step in range(6):
        found.append(train(x + step, y).item())
    model.eval()
    with torch.no_grad():
        found.append(model(x))
    norm = model[1]
    return [found, norm.running_mean, norm.running_var, norm.num_batches_tracked]


@footgun(programs=3, because=[("end", "a.mul_(0.9).add_(p, alpha=0.1)")], runs=4)
def test_08_average_of_the_weights(torch: Any, repeated: Any) -> list:
    """An exponential moving average, a copy that is updated in place after each step."""
    model, optimizer = network(torch)
    average = copy.deepcopy(model)
    train = training(torch, repeated, model, optimizer)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))

    @repeated
    @torch.no_grad()
    def follow() -> None:
        for a, p in zip(average.parameters(), model.parameters(), strict=True):
            a.mul_(0.9).add_(p, alpha=0.1)

    for _ in range(6):
        train(x, y)
        follow()
    return [*average.parameters(), *model.parameters()]


@footgun(
    programs=4,
    because=[
        ("inputs", "hits += (output.argmax(1) == y).sum()"),
        ("end", "total += loss.detach() * len(y)"),
    ],
    runs=2,
)
def test_08_sums_of_metrics(torch: Any, repeated: Any) -> list:
    """Hits and losses are added up over an epoch, some with their graph attached."""
    model, optimizer = network(torch)
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))

    @repeated
    def train() -> tuple:
        optimizer.zero_grad()
        output = model(x)
        loss = torch.nn.functional.cross_entropy(output, y)
        loss.backward()
        optimizer.step()
        return output, loss

    hits, total = 0, torch.zeros(())
    for _ in range(6):
        output, loss = train()
        hits += (output.argmax(1) == y).sum()
        total += loss.detach() * len(y)
    return [hits, total]


@pytest.mark.parametrize("repeated", [as_it_is, jtorch.compile])
def test_08_nothing_keeps_the_graph_alive(repeated: Any) -> None:
    """After training with batch norm, an average and a sum, no more arrays live than the model
    has."""
    model = jtorch.nn.Sequential(jtorch.nn.Linear(3, 4), jtorch.nn.BatchNorm1d(4))
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    train = training(jtorch, repeated, model, optimizer)
    x, y = jtorch.randn(8, 3), jtorch.randint(0, 4, (8,))
    total = jtorch.zeros(())
    counts = []
    for _ in range(12):
        loss = train(x, y)
        total += loss
        del loss
        jtorch.synchronize()
        gc.collect()
        counts.append(len(jax_arrays()))
    assert counts[3:] == counts[3:4] * 9


def jax_arrays() -> list:
    """The arrays alive in this process."""
    import jax

    return [a for a in jax.live_arrays() if not a.is_deleted()]
