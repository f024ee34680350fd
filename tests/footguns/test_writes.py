"""Footguns 9, 10 and 13: in-place writes, old values kept across a step, and copies of models."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np

import jtorch

from ..comparison import footgun

# ------------------------------------------------------------------------------- 9: in-place writes


@footgun(programs=2)
def test_09_write_through_a_view(torch: Any) -> list:
    """`y = x.view(-1); y.add_(1)` on what a model made, then backward."""
    layer = torch.nn.Linear(3, 4)
    found = []
    for step in range(3):
        layer.zero_grad()
        x = layer(torch.ones(2, 3)) * 1.0
        y = x.view(-1)
        y.add_(step + 1)
        y[:3].mul_(2)
        (x * x).sum().backward()
        found += [x, y, layer.weight.grad.clone(), x._version]
    return found


@footgun(programs=1)
def test_09_slices_and_masks(torch: Any) -> list:
    """Slice assignment, `x[mask] = 0` and a masked update in a loop."""
    weight = torch.arange(6.0).requires_grad_()
    state = torch.zeros(4, 3)
    found = []
    for step in range(4):
        row = weight.view(2, 3) * 2
        row[1] = -1
        row[row < 0] = 0
        row[:, step % 3] += 5
        state[step] = row.detach().sum(0)
        loss = (row * row).sum()
        (grad,) = torch.autograd.grad(loss, weight)
        found += [row, grad]
    return [found, state]


@footgun(programs=2)
def test_09_update_by_hand(torch: Any) -> list:
    """`p -= lr * p.grad` and `p += noise` under no_grad: an optimizer written by hand."""
    weight = torch.randn(3, 2, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    found = []
    for _ in range(6):
        loss = (x @ weight + bias - y).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (weight, bias):
                p -= 0.1 * p.grad
                p.grad.zero_()
        found.append(loss.item())
    return [found, weight, bias, weight.is_leaf]


@footgun(programs=1)
def test_09_update_through_data(torch: Any) -> list:
    """The same through `p.data`, and weights clipped in place, as in a Wasserstein critic."""
    layer = torch.nn.Linear(3, 2)
    x = torch.randn(5, 3)
    for _ in range(4):
        loss = layer(x).pow(2).mean()
        layer.zero_grad()
        loss.backward()
        for p in layer.parameters():
            p.data.add_(p.grad.data, alpha=-0.5)
            p.data.clamp_(-0.3, 0.3)
    return list(layer.parameters())


# --------------------------------------------------------------------- 10: old values across a step


@footgun(programs=3, because=[("end", "found += [detached.clone()")])
def test_10_aliases_show_the_new_values(torch: Any) -> list:
    """detach() and data share storage with the parameter; clone() doesn't."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
    detached, data = layer.weight.detach(), layer.weight.data
    row, copied = layer.weight.detach()[0], layer.weight.detach().clone()
    found = []
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(3, 2)).sum().backward()
        optimizer.step()
        found += [detached.clone(), data.clone(), row.clone(), copied.clone()]
    return found


def test_10_snapshots_stay() -> None:
    """numpy(), a `jax.Array` and DLPack keep the values that they had, and stay readable."""
    layer = jtorch.nn.Linear(2, 3)
    optimizer = jtorch.optim.Adam(layer.parameters(), lr=0.1)
    kept = []
    for _ in range(5):
        snapshots = (
            layer.weight.detach().numpy(),
            layer.weight.jax(),
            layer.weight.detach().jax(),
            np.from_dlpack(layer.weight.detach()),
        )
        kept.append((layer.weight.tolist(), snapshots))
        optimizer.zero_grad()
        layer(jtorch.ones(4, 2)).pow(2).sum().backward()
        optimizer.step()
    for values, snapshots in kept:
        for snapshot in snapshots:
            assert np.asarray(snapshot).tolist() == values
    assert kept[0][0] != kept[1][0] != layer.weight.tolist()


def test_10_state_and_gradients_as_arrays() -> None:
    """Optimizer state and gradients that the user took as `jax.Array` are never donated either."""
    layer = jtorch.nn.Linear(2, 3)
    optimizer = jtorch.optim.Adam(layer.parameters(), lr=0.1)
    kept = []
    for _ in range(4):
        optimizer.zero_grad()
        layer(jtorch.ones(4, 2)).pow(2).sum().backward()
        optimizer.step()
        state = optimizer.state[layer.weight]
        arrays = [state["exp_avg"].jax(), state["exp_avg_sq"].jax(), layer.weight.grad.jax()]
        kept += [(a, np.array(a)) for a in arrays]
    assert all(np.array_equal(np.asarray(a), before) for a, before in kept)


@footgun(programs=4)
def test_10_old_state_dict(torch: Any) -> list:
    """The best weights so far, kept by deepcopy and by reference."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    best, alias = copy.deepcopy(layer.state_dict()), layer.state_dict()
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(3, 2)).sum().backward()
        optimizer.step()
    found = [alias["weight"].clone(), layer.weight.detach().clone()]
    layer.load_state_dict(best)
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


def steps(torch: Any, model: Any, x: Any, y: Any, count: int = 4) -> list:
    """Train for some steps; the losses."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    found = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@footgun(programs=2)
def test_13_tied_weights(torch: Any) -> list:
    """One parameter, used twice: its gradient is the sum, it is updated once, a copy keeps it
    tied."""
    model = Tied.model(torch)
    x, y = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    twin = copy.deepcopy(model)
    found = [steps(torch, model, x, y), len(list(model.parameters()))]
    found += [twin.head.weight is twin.embedding.weight, twin.head.weight is model.head.weight]
    return [*found, steps(torch, twin, x, y, 2), model.head.weight, twin.head.weight]


@footgun(programs=3)
def test_13_deepcopy_in_the_middle(torch: Any) -> list:
    """A copied model and optimizer state go on by themselves, gradients included."""
    model = torch.nn.Linear(3, 2)
    x, y = torch.randn(4, 3), torch.randint(0, 2, (4,))
    found = [steps(torch, model, x, y)]
    twin = copy.deepcopy(model)
    found += [twin.weight.grad, twin.weight.requires_grad, twin.weight.is_leaf]
    return [*found, steps(torch, twin, x, y), model.weight, twin.weight]


@footgun(programs=4)
def test_13_pickles(torch: Any) -> list:
    """A model through pickle, in the middle of training."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    x, y = torch.randn(4, 3), torch.randint(0, 2, (4,))
    found = [steps(torch, model, x, y)]
    file = io.BytesIO()
    pickle.dump(model, file)
    twin = pickle.loads(file.getvalue())
    return [*found, steps(torch, twin, x, y), twin[1].running_mean, model[0].weight]


@footgun(programs=2)
def test_13_a_layer_applied_twice(torch: Any) -> list:
    """The same layer at two places of a model."""
    layer = torch.nn.Linear(3, 3)
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), layer)
    x, y = torch.randn(4, 3), torch.randint(0, 3, (4,))
    return [steps(torch, model, x, y), layer.weight, layer.weight.grad]
