"""State that comes and goes between the calls of a compiled step: of optimizers and of Tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import jtorch
from jtorch._compile import direct

from . import compared


def descent(lib: Any, compile: Callable, model: Any, optimizer: Any) -> Callable[[], float]:
    """A step on one batch, that returns the loss."""
    x = lib.ones(4, 3)

    @compile
    def step() -> Any:
        loss = model(x).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return lambda: step().item()


@compared(runs=4, reason="the state of an optimizer is made")
def test_step_in_some_calls(lib: Any, compile: Any) -> Any:
    """The first call that makes a step comes when the code is known already."""
    model = lib.nn.Linear(3, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    held = {"last": False}

    @compile
    def step(x: Any) -> Any:
        loss = model(x).pow(2).mean()
        loss.backward()
        if held["last"]:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    found = []
    for k in range(10):
        held["last"] = k % 2 == 1
        found.append(step(lib.ones(4, 3)).item())
    return found, model.state_dict()


@compared(runs=4, reason="the state of an optimizer is made")
def test_group_that_is_added(lib: Any, compile: Any) -> Any:
    """Its state is made in the next step."""
    first, second = lib.nn.Linear(3, 2), lib.nn.Linear(2, 1)
    optimizer = lib.optim.SGD(second.parameters(), lr=0.1, momentum=0.5)
    step = descent(lib, compile, lib.nn.Sequential(first, second), optimizer)
    found = [step() for _ in range(4)]
    optimizer.add_param_group({"params": list(first.parameters()), "lr": 0.02})
    return found + [step() for _ in range(4)], first.state_dict()


@compared(runs=5, reason="the state of an optimizer is made")
def test_state_that_is_loaded_and_forgotten(lib: Any, compile: Any) -> Any:
    """A rewound optimizer goes on with the state that it was given."""
    model = lib.nn.Linear(3, 2)
    optimizer = lib.optim.Adam(model.parameters(), lr=0.05)
    step = descent(lib, compile, model, optimizer)
    found = [step() for _ in range(3)]
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    found += [step() for _ in range(3)]
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    found += [step() for _ in range(3)]
    optimizer.state.clear()
    return found + [step() for _ in range(4)], model.state_dict()


@compared(runs=4)
def test_state_that_is_replaced(lib: Any, compile: Any) -> Any:
    """One moment of one parameter."""
    model = lib.nn.Linear(3, 2)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    step = descent(lib, compile, model, optimizer)
    found = [step() for _ in range(3)]
    state = optimizer.state[model.bias]
    state["momentum_buffer"] = state["momentum_buffer"] * 0
    found += [step() for _ in range(3)]
    optimizer.state[model.weight] = {k: v / 2 for k, v in optimizer.state[model.weight].items()}
    return found + [step() for _ in range(3)], model.state_dict()


@compared(runs=5)
def test_hook_of_a_parameter(lib: Any, compile: Any) -> Any:
    """It comes and goes."""
    model = lib.nn.Linear(3, 1)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    step = descent(lib, compile, model, optimizer)
    found = [step() for _ in range(3)]
    handle = model.weight.register_hook(lambda gradient: gradient * 2)
    found += [step() for _ in range(3)]
    handle.remove()
    return found + [step() for _ in range(3)], model.state_dict()


@compared(runs=3)
def test_attribute_of_a_parameter(lib: Any, compile: Any) -> Any:
    """A mark of the user's, which the code asks for."""
    model = lib.nn.Linear(3, 1)

    @compile
    def penalty() -> Any:
        params = [p for p in model.parameters() if not getattr(p, "spared", False)]
        return sum(p.pow(2).sum() for p in params)

    found = [penalty().item() for _ in range(3)]
    model.bias.spared = True
    return found + [penalty().item() for _ in range(3)]


@compared(runs=5, reason="it gives a Tensor an attribute or a hook")
def test_attribute_that_is_given(lib: Any, compile: Any) -> Any:
    """A function that marks what it has seen."""
    held: dict[str, Any] = {}

    @compile
    def function(x: Any) -> Any:
        held["w"].seen = True
        return held["w"] * x

    found = []
    for k in range(5):
        held["w"] = lib.ones(2) * k
        found += [function(lib.ones(2)), held["w"].seen]
    return found


def test_a_step_that_fails_leaves_its_scheduler_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = jtorch.nn.Linear(2, 1)
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = jtorch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    @jtorch.compile
    def step(x: Any) -> Any:
        loss = model(x).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    def fails(*_: Any) -> None:
        raise MemoryError("RESOURCE_EXHAUSTED: none left")

    x = jtorch.ones(1, 2)
    for _ in range(3):
        step(x)
    before, weight = scheduler.last_epoch, model.weight.tolist()
    with monkeypatch.context() as patch:
        patch.setattr(direct, "outputs_of", fails)
        with pytest.raises(jtorch.OutOfMemoryError):
            step(x)
    assert (scheduler.last_epoch, model.weight.tolist()) == (before, weight)
    step(x)
    assert step.runs == 2
    assert scheduler.last_epoch == before + 1
    assert model.weight.tolist() == [[w - 0.5**4 for w in weight[0]]]
