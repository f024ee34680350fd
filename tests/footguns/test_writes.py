"""Footguns 9, 10 and 13: in-place writes, old values kept across a step, and copies of models."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import jtorch

from ..comparison import as_it_is, footgun

# ------------------------------------------------------------------------------- 9: in-place writes


@footgun(programs=3, because=[("number", "y.add_(number)")], runs=3)
def test_09_write_through_a_view(torch: Any, repeated: Any) -> list:
    """`y = x.view(-1); y.add_(1)` on what a model made, then backward."""
    layer = torch.nn.Linear(3, 4)

    @repeated
    def change(number: int) -> tuple:
        layer.zero_grad()
        x = layer(torch.ones(2, 3)) * 1.0
        y = x.view(-1)
        y.add_(number)
        y[:3].mul_(2)
        (x * x).sum().backward()
        return x, y.clone()

    found = []
    for step in range(6):
        x, y = change(step % 2 + 1)
        found += [x, y.tolist(), layer.weight.grad.clone(), x._version]
    return found


@footgun(programs=2, runs=6, reason="it returns a view of a Tensor that lives on")
def test_09_views_that_are_returned(torch: Any, repeated: Any) -> list:
    """The same, and the view is written to once more."""
    layer = torch.nn.Linear(3, 4)

    @repeated
    def change() -> tuple:
        x = layer(torch.ones(2, 3)) * 1.0
        y = x.view(-1)
        y.add_(1)
        return x, y

    found = []
    for _ in range(6):
        x, y = change()
        y.mul_(2)
        found += [x, y]
    return found


@footgun(programs=3, because=[("number", "row[:, step % 3] += 5")], runs=5)
def test_09_slices_and_masks(torch: Any, repeated: Any) -> list:
    """Slice assignment, `x[mask] = 0` and a masked update in a loop."""
    weight = torch.arange(6.0).requires_grad_()
    state = torch.zeros(4, 3)

    @repeated
    def change(step: int) -> tuple:
        row = weight.view(2, 3) * 2
        row[1] = -1
        row[row < 0] = 0
        row[:, step % 3] += 5
        state[step] = row.detach().sum(0)
        loss = (row * row).sum()
        (grad,) = torch.autograd.grad(loss, weight)
        return row, grad

    found = []
    for step in [0, 1, 2, 3] * 3:
        row, grad = change(step)
        found += [row, grad.tolist()]
    return [found, state]


@footgun(programs=2, runs=2)
def test_09_update_by_hand(torch: Any, repeated: Any) -> list:
    """`p -= lr * p.grad` and `p += noise` under no_grad: an optimizer written by hand."""
    weight = torch.randn(3, 2, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    x, y = torch.randn(5, 3), torch.randn(5, 2)

    @repeated
    def update() -> Any:
        loss = (x @ weight + bias - y).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (weight, bias):
                p -= 0.1 * p.grad
                p.grad.zero_()
        return loss

    return [[update().item() for _ in range(6)], weight, bias, weight.is_leaf]


@footgun(programs=1, runs=2, extra=1)
def test_09_update_through_data(torch: Any, repeated: Any) -> list:
    """The same through `p.data`, and weights clipped in place, as in a Wasserstein critic."""
    layer = torch.nn.Linear(3, 2)
    x = torch.randn(5, 3)

    @repeated
    def update() -> None:
        loss = layer(x).pow(2).mean()
        layer.zero_grad()
        loss.backward()
        for p in layer.parameters():
            p.data.add_(p.grad.data, alpha=-0.5)
            p.data.clamp_(-0.3, 0.3)

    for _ in range(4):
        update()
    return list(layer.parameters())


# --------------------------------------------------------------------- 10: old values across a step


def summing(torch: Any, repeated: Any, layer: Any, momentum: float = 0.0) -> Any:
    """A function that makes the sum of what a layer returns smaller."""
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=momentum)

    @repeated
    def update() -> None:
        optimizer.zero_grad()
        layer(torch.ones(3, 2)).sum().backward()
        optimizer.step()

    return update


@footgun(programs=3, because=[("end", "found += [detached.clone()")], runs=2, extra=1)
def test_10_aliases_show_the_new_values(torch: Any, repeated: Any) -> list:
    """detach() and data share storage with the parameter; clone() doesn't."""
    layer = torch.nn.Linear(2, 1)
    update = summing(torch, repeated, layer, momentum=0.9)
    detached, data = layer.weight.detach(), layer.weight.data
    row, copied = layer.weight.detach()[0], layer.weight.detach().clone()
    found = []
    for _ in range(5):
        update()
        found += [detached.clone(), data.clone(), row.clone(), copied.clone()]
    return found


def adam(repeated: Any) -> tuple:
    """A layer, its optimizer, and a function that makes a step."""
    layer = jtorch.nn.Linear(2, 3)
    optimizer = jtorch.optim.Adam(layer.parameters(), lr=0.1)

    @repeated
    def update() -> None:
        optimizer.zero_grad()
        layer(jtorch.ones(4, 2)).pow(2).sum().backward()
        optimizer.step()

    return layer, optimizer, update


@pytest.mark.parametrize("repeated", [as_it_is, jtorch.compile])
def test_10_snapshots_stay(repeated: Any) -> None:
    """numpy(), a `jax.Array` and DLPack keep the values that they had, and stay readable."""
    layer, _, update = adam(repeated)
    kept = []
    for _ in range(5):
        snapshots = (
            layer.weight.detach().numpy(),
            layer.weight.jax(),
            layer.weight.detach().jax(),
            np.from_dlpack(layer.weight.detach()),
        )
        kept.append((layer.weight.tolist(), snapshots))
        update()
    for values, snapshots in kept:
        for snapshot in snapshots:
            assert np.asarray(snapshot).tolist() == values
    assert kept[0][0] != kept[1][0] != layer.weight.tolist()


@pytest.mark.parametrize("repeated", [as_it_is, jtorch.compile])
def test_10_state_and_gradients_as_arrays(repeated: Any) -> None:
    """Optimizer state and gradients that the user took as `jax.Array` are never donated either."""
    layer, optimizer, update = adam(repeated)
    kept = []
    for _ in range(5):
        update()
        state = optimizer.state[layer.weight]
        arrays = [state["exp_avg"].jax(), state["exp_avg_sq"].jax(), layer.weight.grad.jax()]
        kept += [(a, np.array(a)) for a in arrays]
    assert all(np.array_equal(np.asarray(a), before) for a, before in kept)


@footgun(programs=4, runs=2)
def test_10_old_state_dict(torch: Any, repeated: Any) -> list:
    """The best weights so far, kept by deepcopy and by reference."""
    layer = torch.nn.Linear(2, 1)
    update = summing(torch, repeated, layer)
    best, alias = copy.deepcopy(layer.state_dict()), layer.state_dict()
    for _ in range(4):
        update()
    found = [alias["weight"].clone(), layer.weight.detach().clone()]
    layer.load_state_dict(best)
    update()
    return [*found, best["weight"], layer.weight, alias["weight"]]


# -------------------------------------------------------------------- 13: copies and shared weights


class Tied:
    """Makes a model whose two ends share a weight."""

    @staticmethod
    def model(torch: Any) -> Any:
        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding = torch.nn.Embedding(5, 3)
                self.head = torch.nn.Linear(3, 5, bias=False)
                self.head.weight = self.embedding.weight

            def forward(self, x: Any) -> Any:
                return self.head(self.embedding(x))

        return Net()


def steps(torch: Any, repeated: Any, model: Any, x: Any, y: Any, count: int = 4) -> list:
    """Train for some steps; the losses."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

    @repeated
    def update() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return [update().item() for _ in range(count)]


@footgun(programs=2, runs=4)
def test_13_tied_weights(torch: Any, repeated: Any) -> list:
    """One parameter, used twice: its gradient is the sum, it is updated once, a copy keeps it
    tied."""
    model = Tied.model(torch)
    x, y = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    twin = copy.deepcopy(model)
    found = [steps(torch, repeated, model, x, y), len(list(model.parameters()))]
    found += [twin.head.weight is twin.embedding.weight, twin.head.weight is model.head.weight]
    found.append(steps(torch, repeated, twin, x, y, 3))
    return [*found, model.head.weight, twin.head.weight]


@footgun(programs=3, runs=4)
def test_13_deepcopy_in_the_middle(torch: Any, repeated: Any) -> list:
    """A copied model and optimizer state go on by themselves, gradients included."""
    model = torch.nn.Linear(3, 2)
    x, y = torch.randn(4, 3), torch.randint(0, 2, (4,))
    found = [steps(torch, repeated, model, x, y)]
    twin = copy.deepcopy(model)
    found += [twin.weight.grad, twin.weight.requires_grad, twin.weight.is_leaf]
    return [*found, steps(torch, repeated, twin, x, y), model.weight, twin.weight]


@footgun(programs=4, runs=4)
def test_13_pickles(torch: Any, repeated: Any) -> list:
    """A model through pickle, in the middle of training."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    x, y = torch.randn(4, 3), torch.randint(0, 2, (4,))
    found = [steps(torch, repeated, model, x, y)]
    file = io.BytesIO()
    pickle.dump(model, file)
    twin = pickle.loads(file.getvalue())
    return [*found, steps(torch, repeated, twin, x, y), twin[1].running_mean, model[0].weight]


@footgun(programs=2, runs=2)
def test_13_a_layer_applied_twice(torch: Any, repeated: Any) -> list:
    """The same layer at two places of a model."""
    layer = torch.nn.Linear(3, 3)
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), layer)
    x, y = torch.randn(4, 3), torch.randint(0, 3, (4,))
    return [steps(torch, repeated, model, x, y), layer.weight, layer.weight.grad]
