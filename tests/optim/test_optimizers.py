"""SGD, Adam and AdamW against PyTorch over several steps, lazy and eager; groups, hooks, and how
often a loop is compiled. What all optimizers share is in test_rules.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
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


RATED = ["SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Muon", "NAdam", "RMSprop"]


@pytest.mark.parametrize("name", RATED)
def test_a_learning_rate_in_a_tensor_rounds_in_its_own_dtype(name: str) -> None:
    """PyTorch computes 1 - lr * weight_decay and lr / (1 - beta^t) in the dtype of that Tensor."""
    options = {"weight_decay": 0.3}
    theirs = Task(torch, name, {"lr": torch.tensor(0.0123), **options}, np.float64)
    ours = Task(jtorch, name, {"lr": jtorch.tensor(0.0123), **options}, np.float64)
    for _ in range(4):
        theirs.step()
        ours.step()
        assert_same(theirs, ours, rtol=1e-13, atol=1e-13)


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


def count_compilations(run: Callable[[], None], times: int) -> list[int]:
    """How many programs XLA itself has compiled after each of several runs."""
    compiled, counts = [], []

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(times):
            run()
            counts.append(len(compiled))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return counts


class Loop:
    """A training loop, and what it needs. make: an optimizer; scheduled: whether its lr changes."""

    def __init__(self, make: Any, scheduled: bool = False) -> None:
        jtorch.manual_seed(0)
        repeated = jtorch.nn.Linear(7, 7)
        self.model = jtorch.nn.Sequential(
            jtorch.nn.Linear(5, 7),
            jtorch.nn.BatchNorm1d(7),
            jtorch.nn.LayerNorm(7),
            repeated,
            copy.deepcopy(repeated),
            copy.deepcopy(repeated),
            jtorch.nn.Dropout(0.1),
            jtorch.nn.Linear(7, 3),
        )
        options = {"momentum": 0.9} if make is jtorch.optim.SGD else {}
        self.optimizer = make(self.model.parameters(), lr=0.1, **options)
        self.schedule = jtorch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.9)
        self.scheduled = scheduled

    def step(self) -> None:
        loss = self.model(jtorch.randn(4, 5)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.scheduled:
            self.schedule.step()


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("make", [jtorch.optim.SGD, jtorch.optim.AdamW])
def test_a_training_loop_is_compiled_once(make: Any, scheduled: bool) -> None:
    """The first step has the same program as all others, for the same kinds of buffers, though
    weights, running statistics and optimizer state are new in it, copies of a layer share their
    buffers until then, and the learning rate changes."""
    counts = count_compilations(Loop(make, scheduled).step, 4)
    assert counts[0] <= 2  # the step, and the zeros of the optimizer's state
    assert counts[1:] == counts[:1] * 3


def test_a_run_that_is_resumed_compiles_nothing_more() -> None:
    """Whether states are loaded before or after, and though their Tensors live on elsewhere."""
    first, second = Loop(jtorch.optim.AdamW), Loop(jtorch.optim.AdamW)
    first.step()
    first.step()
    states = copy.deepcopy((first.model.state_dict(), first.optimizer.state_dict()))
    second.model.load_state_dict(states[0])
    second.optimizer.load_state_dict(states[1])
    assert count_compilations(second.step, 3)[-1] == 0


def test_other_parameters_swapped_in() -> None:
    """A step inside updates them, and their state; one outside the optimizer's own."""

    def run(lib: Any) -> list[Any]:
        task, other = Task(lib, "Adam", {"lr": 0.1}), Task(lib, "Adam", {"lr": 0.1})
        for each in (task, other, other):
            each.step()
        state = copy.deepcopy(other.optimizer.state_dict())
        given = {str(k): w for k, w in enumerate(other.weights)}
        with lib.optim.swap_in_optimizer_params_and_state(task.optimizer, given, state):
            other.optimizer, mine = task.optimizer, other.optimizer
            other.step()
            counts = [float(s["step"]) for s in task.optimizer.state.values()]
        task.step()
        counts += [float(s["step"]) for s in task.optimizer.state.values()]
        counts += [float(s["step"]) for s in mine.state.values()]
        return [counts, *[w.detach().numpy().round(5).tolist() for w in other.weights]]

    assert run(jtorch) == run(torch)
