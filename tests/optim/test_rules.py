"""Every optimizer against PyTorch: its options over several steps, its state dict in both
directions, what its constructor refuses, and how many programs it compiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import jtorch

from ..comparison import compilations
from .task import Task, assert_same, assert_same_state, both

CASES = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-6, 1e-2), "d": 1.5}),
    ("Adafactor", {"weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-4, "fused": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 2, "weight_decay": 0.1}),
    ("LBFGS", {"lr": 0.1, "max_iter": 4}),
    ("LBFGS", {"max_iter": 3, "history_size": 4, "line_search_fn": "strong_wolfe"}),
    ("Muon", {"lr": 0.1}),
    ("Muon", {"nesterov": False, "ns_steps": 2, "adjust_lr_fn": "match_rms_adamw"}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"alpha": 0.8, "eps": 0.1, "momentum": 0.5, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (0.01, 0.12), "maximize": True}),
]
IDS = [f"{name}-{'-'.join(map(str, options))}" for name, options in CASES]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_steps_and_state(name: str, options: dict[str, Any]) -> None:
    """Both train; then each continues what the other began."""
    # L-BFGS divides by differences of gradients, which in float32 are mostly rounding.
    kind = np.float64 if name == "LBFGS" else np.float32
    theirs, ours = both(name, options, kind)
    assert repr(ours.optimizer) == repr(theirs.optimizer)
    for _ in range(4):
        np.testing.assert_allclose(ours.step(), theirs.step(), rtol=1e-4)
    assert_same(theirs, ours)
    assert_same_state(theirs.optimizer.state_dict(), ours.optimizer.state_dict())
    after_ours, after_theirs = both(name, options, kind)
    after_ours.take_over(ours)
    after_theirs.take_over(theirs)
    for task in (theirs, ours, after_ours, after_theirs):
        task.step()
        task.step()
    assert_same(theirs, ours)
    assert_same(theirs, after_ours)
    assert_same(theirs, after_theirs)


COMPLEX = "SGD Adam Adadelta Adagrad Adamax ASGD LBFGS NAdam RAdam RMSprop Rprop".split()


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters(name: str) -> None:
    options = {"lr": 0.1, **({"max_iter": 3} if name == "LBFGS" else {})}
    theirs, ours = both(name, options, np.complex128)
    for _ in range(3):
        np.testing.assert_allclose(ours.step(), theirs.step(), rtol=1e-6)
    assert_same(theirs, ours)
    assert_same_state(theirs.optimizer.state_dict(), ours.optimizer.state_dict())


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adafactor", "RMSprop"])
def test_half_precision(name: str) -> None:
    """PyTorch rounds after each operation, jtorch once a step."""
    found = []
    for lib in (torch, jtorch):
        weights = [lib.linspace(-1, 1, n).reshape(2, n // 2).bfloat16() for n in (6, 8)]
        optimizer = getattr(lib.optim, name)([w.requires_grad_() for w in weights], lr=0.125)
        for _ in range(3):
            optimizer.zero_grad()
            sum((w * w).sum() for w in weights).backward()
            optimizer.step()
        state = optimizer.state_dict()["state"]
        kinds = {k: {n: str(v.dtype) for n, v in s.items()} for k, s in state.items()}
        found.append(([w.detach().float().numpy() for w in weights], kinds))
    assert found[0][1] == found[1][1]
    for expected, values in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(values, expected, atol=0.02)


# ----------------------------------------------------------------------------------- compilations

CHANGES = [
    ("SGD", {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}, {"lr": 0.2, "momentum": 0.8}),
    ("Adam", {"weight_decay": 0.1}, {"lr": 0.2, "betas": (0.8, 0.9), "weight_decay": 0.2}),
    ("AdamW", {}, {"lr": 0.2, "betas": (0.8, 0.9), "weight_decay": 0.2, "eps": 1e-6}),
    ("Adadelta", {"weight_decay": 0.1}, {"lr": 0.2, "rho": 0.8, "weight_decay": 0.2}),
    ("Adafactor", {"weight_decay": 0.1}, {"lr": 0.2, "d": 1.5, "eps": (1e-9, 1e-4)}),
    ("Adagrad", {"weight_decay": 0.1}, {"lr": 0.2, "lr_decay": 0.1, "weight_decay": 0.2}),
    ("Adamax", {"weight_decay": 0.1}, {"lr": 0.2, "betas": (0.8, 0.9), "weight_decay": 0.2}),
    ("ASGD", {"weight_decay": 0.1}, {"lr": 0.2, "lambd": 0.1, "alpha": 0.5, "t0": 3}),
    ("Muon", {}, {"lr": 0.2, "momentum": 0.8, "ns_coefficients": (3.0, -4.0, 2.0)}),
    ("NAdam", {"weight_decay": 0.1}, {"lr": 0.2, "betas": (0.8, 0.9), "momentum_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1}, {"lr": 0.2, "betas": (0.8, 0.9), "weight_decay": 0.2}),
    ("RMSprop", {"momentum": 0.9}, {"lr": 0.2, "alpha": 0.9, "momentum": 0.8, "eps": 1e-4}),
    ("Rprop", {}, {"lr": 0.2, "etas": (0.4, 1.3), "step_sizes": (1e-5, 10)}),
]


@pytest.mark.parametrize(("name", "options", "changes"), CHANGES, ids=[c[0] for c in CHANGES])
def test_a_step_is_one_program_whatever_the_numbers(
    name: str, options: dict[str, Any], changes: dict[str, Any]
) -> None:
    task = Task(jtorch, name, options)
    for _ in range(2 if name == "SGD" else 1):  # its first gradient isn't dampened
        task.step()
    before = compilations()
    for option, value in changes.items():
        task.optimizer.param_groups[0][option] = value
        task.step()
    assert compilations() == before
    ran = jtorch.debug.statistics()["programs_run"]
    task.closure()
    task.optimizer.step()
    assert jtorch.debug.statistics()["programs_run"] == ran + 1


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_calls_the_closure_as_often_and_compiles_little(search: str | None) -> None:
    counts = []
    for lib in (torch, jtorch):
        task = Task(lib, "LBFGS", {"line_search_fn": search, "history_size": 20}, np.float64)
        called = []

        def closure(task: Task = task, called: list = called) -> Any:
            called.append(1)
            return task.closure()

        before = compilations()
        seen = []
        for _ in range(4):
            task.optimizer.step(closure)
            seen.append((len(called), task.optimizer.state_dict()["state"][0]["n_iter"]))
        counts.append(seen)
    assert counts[0] == counts[1]
    assert counts[1][-1][1] > 20
    assert compilations() - before <= 14


# ----------------------------------------------------------------------------------------- errors

ERRORS = [
    *[(name, {"lr": -1.0}) for name in "SGD Adam AdamW Adadelta Adafactor Adagrad".split()],
    *[(name, {"lr": -1.0}) for name in "Adamax ASGD LBFGS Muon NAdam RAdam RMSprop Rprop".split()],
    *[(name, {"lr": [1.0, 2.0]}) for name in "SGD Adam Adagrad Adafactor Muon SparseAdam".split()],
    *[(name, {"betas": (1.0, 0.9)}) for name in "Adam Adamax NAdam RAdam SparseAdam".split()],
    *[(name, {"betas": (0.9, -0.1)}) for name in "AdamW Adamax NAdam RAdam SparseAdam".split()],
    *[(name, {"eps": -1.0}) for name in "Adam Adadelta Adagrad Adamax NAdam RAdam RMSprop".split()],
    *[(name, {"weight_decay": -1.0}) for name in "SGD Adam Adadelta Adagrad Adamax ASGD".split()],
    *[(name, {"weight_decay": -1.0}) for name in "Adafactor Muon NAdam RAdam RMSprop".split()],
    *[(name, {"fused": True, "foreach": True}) for name in "SGD Adam AdamW Adagrad".split()],
    *[(name, {"fused": True, "differentiable": True}) for name in "SGD Adam Adagrad".split()],
    ("SGD", {"momentum": -1.0}),
    ("SGD", {"nesterov": True}),
    ("Adam", {"betas": (0, 0.9)}),
    ("Adadelta", {"rho": 1.1}),
    ("Adafactor", {"beta2_decay": 0.1}),
    ("Adafactor", {"eps": (-1.0, 1e-3)}),
    ("Adafactor", {"eps": (None, -1.0)}),
    ("Adafactor", {"d": 0.5}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
    ("Muon", {"momentum": -1.0}),
    ("Muon", {"adjust_lr_fn": "other"}),
    ("Muon", {}),
    ("NAdam", {"momentum_decay": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("RMSprop", {"alpha": -1.0}),
    ("Rprop", {"etas": (1.1, 1.2)}),
    ("SparseAdam", {"lr": 0.0}),
    ("SparseAdam", {"eps": 0.0}),
]


@pytest.mark.parametrize(("name", "options"), ERRORS, ids=[f"{n}-{o}" for n, o in ERRORS])
def test_what_a_constructor_refuses(name: str, options: dict[str, Any]) -> None:
    seen = []
    for lib in (torch, jtorch):
        given = dict(options)
        if isinstance(given.get("lr"), list):
            given["lr"] = lib.tensor(given["lr"])
        with pytest.raises((ValueError, RuntimeError)) as error:
            getattr(lib.optim, name)([lib.zeros(2).requires_grad_()], **given)
        seen.append((error.type, str(error.value)))
    assert seen[0] == seen[1]


STEP_ERRORS = [
    ("Adafactor", {}, "complex64", "gradient"),
    ("SparseAdam", {}, "float32", "gradient"),
    ("Muon", {"ns_steps": 100}, "float32", "gradient"),
    ("Muon", {"ns_coefficients": (1.0, 2.0)}, "float32", "gradient"),
    *[(n, {}, "float32", "sparse") for n in "Adam Adadelta Adamax ASGD RMSprop Rprop Muon".split()],
    ("Adagrad", {"weight_decay": 0.1}, "float32", "sparse"),
]


@pytest.mark.parametrize(("name", "options", "kind", "gradient"), STEP_ERRORS)
def test_what_a_step_refuses(name: str, options: dict, kind: str, gradient: str) -> None:
    seen = []
    for lib in (torch, jtorch):
        weight = lib.ones(2, 2, dtype=getattr(lib, kind)).requires_grad_()
        optimizer = getattr(lib.optim, name)([weight], **options)
        given = lib.ones(2, 2, dtype=weight.dtype)
        weight.grad = given.to_sparse() if gradient == "sparse" else given
        with pytest.raises((ValueError, RuntimeError)) as error:
            optimizer.step()
        seen.append((error.type, str(error.value)))
        assert weight.tolist() == [[1, 1], [1, 1]]
    assert seen[0] == seen[1]


def test_lbfgs_has_one_group() -> None:
    with pytest.raises(ValueError, match="parameter groups"):
        jtorch.optim.LBFGS([{"params": [jtorch.zeros(1).requires_grad_()]} for _ in range(2)])
