"""SGD, Adam and AdamW against PyTorch: every option over several steps, groups, state dicts, optax,
failures."""

from __future__ import annotations

import copy
from typing import Any

import jax
import numpy as np
import optax
import pytest
import torch

import jtorch

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
]
IDS = [f"{name}-{'-'.join(map(str, options))}" for name, options in CASES]


class Task:
    """Two weights and a loss that needs both; the same numbers for every library."""

    def __init__(self, lib: Any, name: str, options: dict[str, Any]) -> None:
        random = np.random.RandomState(0)
        self.lib = lib
        shapes = ((3, 4), (4,))
        arrays = [random.standard_normal(s).astype(np.float32) for s in shapes]
        self.weights = [lib.tensor(a).requires_grad_() for a in arrays]
        self.input = lib.tensor(random.standard_normal((5, 3)).astype(np.float32))
        self.optimizer = getattr(lib.optim, name)(self.weights, **options)

    def loss(self) -> Any:
        matrix, vector = self.weights
        return ((self.input @ matrix + vector).tanh() ** 2).mean()

    def step(self) -> float:
        loss = self.loss()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def values(self) -> list[np.ndarray]:
        return [w.detach().numpy() for w in self.weights]


def both(name: str, options: dict[str, Any]) -> tuple[Task, Task]:
    return Task(torch, name, options), Task(jtorch, name, options)


def assert_same(a: Task, b: Task) -> None:
    for expected, found in zip(a.values(), b.values(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("eager", [False, True])
def test_steps(name: str, options: dict[str, Any], eager: bool) -> None:
    with jtorch.debug.eager(eager):
        theirs, ours = both(name, options)
        for _ in range(6):
            np.testing.assert_allclose(ours.step(), theirs.step(), rtol=1e-5)
            assert_same(theirs, ours)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_state_dict(name: str, options: dict[str, Any]) -> None:
    theirs, ours = both(name, options)
    for _ in range(3):
        theirs.step()
        ours.step()
    expected, found = theirs.optimizer.state_dict(), ours.optimizer.state_dict()
    assert found["param_groups"] == expected["param_groups"]
    assert found["state"].keys() == expected["state"].keys()
    for key, state in expected["state"].items():
        assert found["state"][key].keys() == state.keys()
        for entry, value in state.items():
            other = found["state"][key][entry]
            assert tuple(other.shape) == tuple(value.shape)
            assert str(other.dtype) == str(value.dtype)
            np.testing.assert_allclose(other.numpy(), value.numpy(), rtol=2e-6, atol=1e-7)


def test_continues_from_torch() -> None:
    theirs, ours = both("Adam", {"lr": 0.01})
    for _ in range(3):
        theirs.step()
    for weight, other in zip(ours.weights, theirs.weights, strict=True):
        weight.data = jtorch.tensor(other.detach().numpy())
    ours.optimizer.load_state_dict(copy.deepcopy(theirs.optimizer.state_dict()))
    for _ in range(3):
        theirs.step()
        ours.step()
    assert_same(theirs, ours)


def test_hyper_parameters_compile_nothing() -> None:
    task = Task(jtorch, "AdamW", {"lr": 0.01})
    task.step()
    task.step()
    before = jtorch.debug.statistics()["programs_compiled"]
    for k in range(5):
        task.optimizer.param_groups[0].update(
            lr=0.01 / (k + 1), weight_decay=0.1 * (k + 1), betas=(0.8, 0.9 + 0.01 * k), eps=1e-7
        )
        task.step()
    assert jtorch.debug.statistics()["programs_compiled"] == before


def test_groups_and_frozen_parameters() -> None:
    def run(lib: Any) -> list[Any]:
        a, b, c = (lib.tensor([float(k), 1.0]).requires_grad_() for k in range(3))
        optimizer = lib.optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
        (a * b).sum().backward()
        optimizer.step()
        optimizer.add_param_group({"params": [c], "momentum": 0.9})
        optimizer.zero_grad()
        (b * c).sum().backward()  # a has no gradient: it stays
        optimizer.step()
        return [a.tolist(), b.tolist(), c.tolist(), a.grad is None, len(optimizer.state)]

    assert run(jtorch) == run(torch)


def test_optax() -> None:
    start = np.linspace(-1, 1, 6, dtype=np.float32)
    weight = jtorch.tensor(start).requires_grad_()
    transformation = optax.lion(0.01)
    optimizer = jtorch.optim.Optax([weight], transformation)
    plain, state = start, transformation.init(start)
    for _ in range(4):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
        updates, state = transformation.update(2 * plain, state, plain)
        plain = np.asarray(optax.apply_updates(plain, updates))
    np.testing.assert_allclose(weight.detach().numpy(), plain, rtol=1e-6)
    assert set(optimizer.state[weight]) == {"count", "mu"}


def test_closure_and_hooks() -> None:
    task = Task(jtorch, "SGD", {"lr": 0.1})
    calls = []
    task.optimizer.register_step_pre_hook(lambda *_: calls.append("pre"))
    task.optimizer.register_step_post_hook(lambda *_: calls.append("post"))

    def closure() -> Any:
        task.optimizer.zero_grad()
        loss = task.loss()
        loss.backward()
        return loss

    first = task.optimizer.step(closure).item()
    assert task.optimizer.step(closure).item() < first
    assert calls == ["pre", "post"] * 2


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("make", [jtorch.optim.SGD, jtorch.optim.AdamW])
def test_a_training_loop_is_compiled_once(make: Any, scheduled: bool) -> None:
    """By XLA itself: the first step has the same program as all others, for the same kinds of
    buffers, though weights, running statistics and optimizer state are new in it and the learning
    rate changes."""
    compiled = []

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jtorch.manual_seed(0)
    model = jtorch.nn.Sequential(
        jtorch.nn.Linear(5, 7),
        jtorch.nn.BatchNorm1d(7),
        jtorch.nn.LayerNorm(7),
        jtorch.nn.Dropout(0.1),
        jtorch.nn.Linear(7, 3),
    )
    options = {"momentum": 0.9} if make is jtorch.optim.SGD else {}
    optimizer = make(model.parameters(), lr=0.1, **options)
    schedule = jtorch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    counts = []
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(4):
            loss = model(jtorch.randn(4, 5)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduled:
                schedule.step()
            counts.append(len(compiled))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert counts[0] <= 2  # the step, and the zeros of the optimizer's state
    assert counts[1:] == counts[:1] * 3
