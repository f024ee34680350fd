"""What an optimizer's step does to the Tensors it updates: aliases, views, graphs, counters."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import jtorch

LIBRARIES = (torch, jtorch)


def values(tensors: Any) -> list:
    """Tensors as lists of numbers, rounded to what float32 can tell."""
    return [[round(v, 5) for v in t.reshape(-1).tolist()] for t in tensors]


class Two:
    """Two weights under one optimizer. uses: which of them the loss of a step has."""

    def __init__(self, lib: Any, kind: str = "Adam", **options: Any) -> None:
        self.weights = [lib.arange(1.0, 4.0).requires_grad_(), lib.ones(2, 2).requires_grad_()]
        self.optimizer = getattr(lib.optim, kind)(self.weights, lr=0.1, **options)

    def step(self, *uses: int) -> None:
        self.optimizer.zero_grad()
        sum((self.weights[k] ** 2).sum() for k in uses).backward()
        self.optimizer.step()

    def counts(self) -> list:
        return [self.optimizer.state[w].get("step", -1) for w in self.weights]

    def summary(self) -> list:
        return [values(self.weights), [float(c) for c in self.counts()]]


@pytest.mark.parametrize("kind", ["Adam", "NAdam", "ASGD", "RMSprop"])
def test_counters_part_where_gradients_are_missing(kind: str) -> None:
    """The step count of a parameter is its own, though those that agree are one number inside."""
    found = []
    for lib in LIBRARIES:
        two = Two(lib, kind)
        for uses in [(0, 1), (0, 1), (0,), (0, 1), (1,)]:
            two.step(*uses)
        found.append(two.summary())
    assert found[0] == found[1]


def test_a_counter_can_be_written_to() -> None:
    found = []
    for lib in LIBRARIES:
        two = Two(lib)
        two.step(0, 1)
        two.optimizer.state[two.weights[0]]["step"].fill_(10)
        two.step(0, 1)
        found.append(two.summary())
    assert found[0] == found[1]


def test_a_loaded_counter_is_nobody_elses() -> None:
    found = []
    for lib in LIBRARIES:
        two, other = Two(lib), Two(lib)
        two.step(0, 1)
        other.optimizer.load_state_dict(two.optimizer.state_dict())
        other.step(0, 1)
        other.step(0)
        found.append(other.summary())
    assert found[0] == found[1]


def test_aliases_see_the_step() -> None:
    found = []
    for lib in LIBRARIES:
        two = Two(lib)
        aliases = [two.weights[0].detach(), two.weights[1].data, two.weights[1].detach()[0]]
        copies = [two.weights[0].detach().clone()]
        two.step(0, 1)
        two.step(0, 1)
        found.append(values([*aliases, *copies]))
    assert found[0] == found[1]


def test_a_view_is_updated_in_its_base() -> None:
    found = []
    for lib in LIBRARIES:
        base = lib.arange(6.0)
        part = base[1:4]
        part.grad = lib.ones(3)
        optimizer = lib.optim.SGD([part], lr=0.5)
        optimizer.step()
        optimizer.step()
        found.append(values([base, part]))
    assert found[0] == found[1]


def test_a_weight_written_to_before_the_step() -> None:
    """What is pending when the step is recorded, as after a decay by hand."""
    found = []
    for lib in LIBRARIES:
        two = Two(lib)
        for _ in range(3):
            with lib.no_grad():
                two.weights[0].mul_(0.9)
            two.step(0, 1)
        found.append(values(two.weights))
    assert found[0] == found[1]


@pytest.mark.parametrize("read", [True, False])
def test_graphs_that_outlive_the_step(read: bool) -> None:
    """One that needs the old weight is refused, one that doesn't goes on."""
    found = []
    for lib in LIBRARIES:
        two = Two(lib)
        needs, needs_not = (two.weights[0] ** 2).sum(), (two.weights[0] * 3).sum()
        if read:
            needs.item(), needs_not.item()
        two.step(0, 1)
        two.optimizer.zero_grad()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            needs.backward()
        needs_not.backward()
        found.append(values([two.weights[0], two.weights[0].grad]))
    assert found[0] == found[1]


def test_no_step_inside_of_vmap() -> None:
    two = Two(jtorch)
    two.step(0, 1)

    def inside(x: Any) -> Any:
        two.optimizer.step()
        return x

    with pytest.raises(RuntimeError, match="not possible inside"):
        jtorch.func.vmap(inside)(jtorch.ones(2))


def test_a_failed_program_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from jtorch._core import program

    two = Two(jtorch)
    two.step(0, 1)
    kept = two.weights[0].detach()  # an alias: this weight gets a new cell, the other keeps its own
    before = two.summary()

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(program, "_run", fail)
        with pytest.raises(jtorch.ProgramError):
            two.step(0, 1)
    assert two.summary() == before and kept.tolist() == two.weights[0].tolist()
    two.step(0, 1)
    assert two.summary() != before and kept.tolist() == two.weights[0].tolist()


def test_an_interrupt_before_the_program_runs_takes_the_step_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from jtorch.optim import _step

    two = Two(jtorch)
    two.step(0, 1)
    kept = two.weights[0].detach()
    before = two.summary()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_step, "materialise", interrupted)
        with pytest.raises(KeyboardInterrupt):
            two.step(0, 1)
    assert two.summary() == before and kept.tolist() == two.weights[0].tolist()
    two.step(0, 1)
    assert two.summary() != before
