"""SGD, Adam and AdamW against PyTorch over several steps, lazy and eager; groups, hooks, and how
often a loop is compiled. What all optimizers share is in test_rules.py."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import torch

import jtorch

from .task import Task, assert_same, both

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


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("eager", [False, True])
def test_steps(name: str, options: dict[str, Any], eager: bool) -> None:
    with jtorch.debug.eager(eager):
        theirs, ours = both(name, options)
        for _ in range(6):
            np.testing.assert_allclose(ours.step(), theirs.step(), rtol=1e-5)
            assert_same(theirs, ours)


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


def test_closure_and_hooks() -> None:
    def run(lib: Any) -> list[Any]:
        task = Task(lib, "SGD", {"lr": 0.1})
        optimizer, calls = task.optimizer, []

        def note(name: str) -> Any:
            def hook(owner: Any, args: tuple, kwargs: dict) -> None:
                assert owner is optimizer
                assert args[0] is optimizer
                calls.append((name, len(args), sorted(kwargs)))

            return hook

        handle = optimizer.register_step_pre_hook(note("before"))
        optimizer.register_step_post_hook(note("after"))
        optimizer.register_state_dict_pre_hook(lambda owner: calls.append("saving"))
        losses = [optimizer.step(task.closure).item()]
        handle.remove()
        losses.append(optimizer.step(closure=task.closure).item())
        optimizer.step()
        optimizer.state_dict()
        assert losses[1] < losses[0]
        optimizer.register_step_pre_hook(lambda owner, args, kwargs: ((owner, task.closure), {}))
        assert optimizer.step() is not None
        return calls

    assert run(jtorch) == run(torch)


def test_learning_rate_in_a_tensor() -> None:
    """It may be changed in place."""
    seen = []
    for lib in (torch, jtorch):
        task = Task(lib, "SGD", {"lr": lib.tensor(0.1)})
        task.step()
        task.optimizer.param_groups[0]["lr"].fill_(0.01)
        task.step()
        seen.append(task)
    assert_same(*seen)


def test_dampening_begins_with_the_second_gradient_of_each_parameter() -> None:
    def run(lib: Any) -> list[Any]:
        a, b = (lib.tensor([float(k), 1.0]).requires_grad_() for k in range(2))
        optimizer = lib.optim.SGD([a, b], lr=0.1, momentum=0.9, dampening=0.5)
        for used in ((a,), (a, b), (b,), (a, b)):
            optimizer.zero_grad()
            sum((p**2).sum() for p in used).backward()
            optimizer.step()
        return [a.tolist(), b.tolist()]

    np.testing.assert_allclose(run(jtorch), run(torch), rtol=1e-6)


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
