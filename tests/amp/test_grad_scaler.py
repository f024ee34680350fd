"""GradScaler beside PyTorch's, step by step; and that it neither compiles nor reads in a loop."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pytest
import torch

import jtorch
from jtorch.io import Checkpoints

LIBRARIES = (torch, jtorch)
INPUT = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
INFINITE = (0, 3, 4)

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1},
    "SGD with dampening": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
    "Adam": {"lr": 0.1},
    "NAdam": {"lr": 0.1},
    "Rprop": {"lr": 0.1},
    "LBFGS": {"lr": 0.1, "max_iter": 1},
}


class Task:
    """A linear layer trained under a scaler; in some steps the loss is infinite."""

    def __init__(self, library: Any, kind: str = "Adam", **options: Any) -> None:
        self.library = library
        library.manual_seed(0)
        self.model = library.nn.Linear(4, 2)
        name = kind.partition(" ")[0]
        make = getattr(library.optim, name)
        self.optimizer = make(self.model.parameters(), **(options or OPTIMIZERS[kind]))
        self.scaler = library.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
        self.input = library.from_numpy(INPUT)
        self.factors = [library.tensor(1.0), library.tensor(float("inf"))]

    def step(self, number: int, clip: bool = False) -> None:
        self.optimizer.zero_grad()
        with self.library.autocast("cpu", self.library.bfloat16):
            loss = self.model(self.input).square().mean()
        self.scaler.scale(loss * self.factors[number in INFINITE]).backward()
        if clip:
            self.scaler.unscale_(self.optimizer)
            self.library.nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def values(self) -> list:
        return [p.detach().numpy() for p in self.model.parameters()]


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("kind", [k for k in OPTIMIZERS if k != "LBFGS"])
def test_steps(kind: str, clip: bool) -> None:
    theirs, ours = (Task(library, kind) for library in LIBRARIES)
    for number in range(8):
        before = ours.values()
        theirs.step(number, clip)
        ours.step(number, clip)
        assert ours.scaler.state_dict() == theirs.scaler.state_dict(), number
        for mine, other, old in zip(ours.values(), theirs.values(), before, strict=True):
            np.testing.assert_allclose(mine, other, rtol=0.02, atol=4e-3)
            assert np.array_equal(mine, old) == (number in INFINITE)
    counts = [
        [float(s["step"]) for s in task.optimizer.state.values() if "step" in s]
        for task in (theirs, ours)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("make", ["Adafactor", "Muon", "Optax"])
def test_any_rule_is_skipped(make: str) -> None:
    """Rules over a whole group, and optax', leave parameters and state as they were."""
    weight = jtorch.ones(3, 3).requires_grad_()
    if make == "Optax":
        optimizer = jtorch.optim.Optax([weight], optax.chain(optax.clip(1.0), optax.adam(0.1)))
    else:
        optimizer = getattr(jtorch.optim, make)([weight], lr=0.1)
    scaler = jtorch.amp.GradScaler("cpu")
    found = []
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((weight**2).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        states = [t for s in optimizer.state.values() for t in s.values()]
        found.append([weight.detach().clone(), *[t.clone() for t in states]])
    pairs = list(zip(*found, strict=True))
    assert all(jtorch.equal(a, b) for a, b, _ in pairs)
    assert not any(jtorch.equal(b, c) for _, b, c in pairs)


def test_a_loop_is_one_program_and_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(jtorch)
    for number in range(2):
        task.step(number, clip=True)
    monkeypatch.setattr(jtorch.Tensor, "item", None)
    monkeypatch.setattr(jtorch.Tensor, "__bool__", None)
    before = jtorch.debug.statistics()
    for number in range(10):
        task.step(number, clip=True)
    after = jtorch.debug.statistics()
    assert after["programs_compiled"] == before["programs_compiled"]
    assert after["programs_run"] == before["programs_run"] + 10


class Own:
    """An optimizer written in Python, with a library's base class."""

    @staticmethod
    def of(library: Any) -> Any:
        class Descent(library.optim.Optimizer):
            calls = 0

            def __init__(self, params: Any) -> None:
                super().__init__(params, {})

            def step(self, closure: Any = None) -> str:
                self.calls += 1
                with library.no_grad():
                    for param in self.param_groups[0]["params"]:
                        param -= 0.1 * param.grad
                return "done"

        return Descent


def test_a_step_of_ones_own_is_not_called() -> None:
    found = []
    for library in LIBRARIES:
        weight = library.ones(3, requires_grad=True)
        optimizer = Own.of(library)([weight])
        scaler = library.amp.GradScaler("cpu")
        results = []
        for factor in (1.0, float("nan"), 2.0):
            optimizer.zero_grad()
            scaler.scale((weight * factor).sum()).backward()
            results.append(scaler.step(optimizer))
            scaler.update()
        found.append((results, optimizer.calls, scaler.get_scale(), weight.tolist()))
    assert found[0] == found[1]


def test_hooks_are_not_called_for_a_skipped_step() -> None:
    found = []
    for library in LIBRARIES:
        task, calls = Task(library), []
        task.optimizer.register_step_post_hook(lambda *_, calls=calls: calls.append(1))
        for number in range(3):
            task.step(number)
        found.append(len(calls))
    assert found[0] == found[1] == 2


def test_two_optimizers_have_stages_of_their_own() -> None:
    found = []
    for library in LIBRARIES:
        weights = [library.ones(2, requires_grad=True) for _ in range(2)]
        optimizers = [library.optim.SGD([w], lr=0.5) for w in weights]
        scaler = library.amp.GradScaler("cpu")
        losses = [(weights[0] * float("inf")).sum(), weights[1].sum()]
        for loss in scaler.scale(losses):
            loss.backward()
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update()
        found.append(([w.tolist() for w in weights], scaler.state_dict()))
    assert found[0] == found[1]


ERRORS = {
    "unscale twice": lambda s, o: (s.unscale_(o), s.unscale_(o)),
    "unscale after step": lambda s, o: (s.step(o), s.unscale_(o)),
    "step twice": lambda s, o: (s.step(o), s.step(o)),
    "update alone": lambda s, o: s.update(),
    "closure": lambda s, o: s.step(o, closure=lambda: None),
    "nothing to scale": lambda s, o: s.scale(3),
    "no gradients": lambda s, o: (o.zero_grad(), s.step(o)),
    "pickled in between": lambda s, o: (s.unscale_(o), pickle.dumps(s)),
    "empty state": lambda s, o: s.load_state_dict({}),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call: Any) -> None:
    found = []
    for library in LIBRARIES:
        weight = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([weight], lr=0.5)
        scaler = library.amp.GradScaler("cpu")
        scaler.scale(weight.sum()).backward()
        with pytest.raises((RuntimeError, AssertionError, ValueError)) as error:
            call(scaler, optimizer)
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]


UNSCALED: dict[str, Any] = {
    "step": lambda lib, s, o: s.step(o),
    "unscale_": lambda lib, s, o: s.unscale_(o),
    "update": lambda lib, s, o: s.update(),
    "half": lambda lib, s, o: (s.scale(o.param_groups[0]["params"][0].sum()).backward(), s.step(o)),
    "growth": lambda lib, s, o: lib.amp.GradScaler("cpu", growth_factor=1.0),
    "backoff": lambda lib, s, o: lib.amp.GradScaler("cpu", backoff_factor=1.0),
}


@pytest.mark.parametrize("call", UNSCALED.values(), ids=UNSCALED)
def test_errors_before_scaling(call: Any) -> None:
    found = []
    for library in LIBRARIES:
        weight = library.ones(2, dtype=library.float16, requires_grad=True)
        optimizer = library.optim.SGD([weight], lr=0.5)
        with pytest.raises((AssertionError, ValueError)) as error:
            call(library, library.amp.GradScaler("cpu"), optimizer)
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]


def test_state_and_settings() -> None:
    found = []
    for library in LIBRARIES:
        task = Task(library)
        for number in range(3):
            task.step(number)
        scaler = library.amp.GradScaler("cpu")
        scaler.load_state_dict(task.scaler.state_dict())
        copied = copy.deepcopy(task.scaler)
        task.scaler.update(8.0)
        scaler.set_growth_factor(3.0)
        scaler.set_backoff_factor(0.25)
        scaler.set_growth_interval(7)
        settings = (scaler.get_growth_factor(), scaler.get_backoff_factor())
        states = [s.state_dict() for s in (scaler, copied, task.scaler)]
        found.append((states, settings, scaler.get_growth_interval(), scaler.is_enabled()))
    assert found[0] == found[1]


def test_a_checkpoint_keeps_it(tmp_path: Path) -> None:
    task, other = Task(jtorch), jtorch.amp.GradScaler("cpu")
    task.step(0)
    Checkpoints(tmp_path).save(1, scaler=task.scaler)
    assert Checkpoints(tmp_path).restore(scaler=other) == 1
    assert other.state_dict() == task.scaler.state_dict()


def test_disabled() -> None:
    found = []
    for library in LIBRARIES:
        weight = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([weight], lr=0.5)
        scaler = library.amp.GradScaler("cpu", enabled=False)
        scaler.scale(weight.sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        found.append((weight.tolist(), scaler.state_dict(), scaler.get_scale()))
    assert found[0] == found[1]
