"""Sparse gradients: of nn.Embedding(sparse=True), and what optimizers do with them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compilations
from .task import assert_same_state

BATCHES = ([[1, 3], [3, 0]], [[2, 2], [4, 0]], [[1, 1], [1, 1]])
CASES = [
    ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("SGD", {"lr": 0.1}),
    ("LBFGS", {"lr": 0.1, "max_iter": 2}),
]


class Lookup:
    """A table of which some rows are trained in each step."""

    def __init__(self, lib: Any, name: str, options: dict[str, Any]) -> None:
        self.lib = lib
        self.table = lib.nn.Embedding(6, 3, sparse=True)
        start = np.random.RandomState(0).standard_normal((6, 3)).astype(np.float32)
        self.table.weight.data = lib.tensor(start)
        self.optimizer = getattr(lib.optim, name)(self.table.parameters(), **options)

    def step(self, batch: Any) -> None:
        def closure() -> Any:
            self.optimizer.zero_grad()
            loss = (self.table(self.lib.tensor(batch)) ** 2).sum()
            loss.backward()
            return loss

        self.optimizer.step(closure)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps(name: str, options: dict[str, Any]) -> None:
    theirs, ours = Lookup(torch, name, options), Lookup(jtorch, name, options)
    for batch in BATCHES:
        theirs.step(batch)
        ours.step(batch)
        np.testing.assert_allclose(
            ours.table.weight.detach().numpy(), theirs.table.weight.detach().numpy(), rtol=1e-5
        )
    expected, found = theirs.optimizer.state_dict(), ours.optimizer.state_dict()
    assert_same_state(expected, found, rtol=1e-5, atol=1e-6)
    if name == "SparseAdam":
        again = Lookup(jtorch, name, options)
        again.table.load_state_dict(ours.table.state_dict())
        again.optimizer.load_state_dict(copy.deepcopy(found))
        for lookup in (ours, again):
            lookup.step(BATCHES[0])
        before = compilations()
        ours.step(BATCHES[1])
        assert compilations() == before
        again.step(BATCHES[1])
        np.testing.assert_array_equal(again.table.weight.tolist(), ours.table.weight.tolist())


def test_the_gradient_of_an_embedding() -> None:
    def run(lib: Any) -> list[Any]:
        table = lib.arange(8.0).reshape(4, 2).requires_grad_()
        other = lib.ones(4, 2).requires_grad_()
        index = lib.tensor([[1, 3], [3, 0]])
        seen = []
        for _ in range(2):
            rows = lib.nn.functional.embedding(index, table, sparse=True)
            (rows**2 * lib.arange(1.0, 9.0).reshape(2, 2, 2)).sum().backward()
            gradient = table.grad
            seen += [gradient.is_sparse, gradient.coalesce()._indices().tolist()]
            seen += [gradient.coalesce()._values().tolist(), rows.requires_grad, rows.is_leaf]
            if len(seen) < 6:
                seen += [gradient.is_coalesced(), gradient._nnz()]
                seen += [gradient._indices().tolist(), gradient._values().tolist()]
        (table.sum() + lib.nn.functional.embedding(index, other, 3, sparse=True).sum()).backward()
        seen += [table.grad.is_sparse, table.grad.tolist()]
        seen += [other.grad.is_sparse, other.grad.to_dense().tolist()]
        with lib.no_grad():
            seen.append(lib.nn.functional.embedding(index, table, sparse=True).requires_grad)
        return seen

    assert run(jtorch) == run(torch)


def test_a_parameter_of_another_layout_is_refused() -> None:
    seen = []
    for lib in (torch, jtorch):
        messages = []
        for param in (lib.ones(2).to_sparse(), lib.ones(2, dtype=lib.complex64)):
            with pytest.raises(ValueError) as error:
                lib.optim.SparseAdam([lib.ones(1), param.requires_grad_()])
            messages.append(str(error.value))
        seen.append(messages)
    assert seen[0] == seen[1]
