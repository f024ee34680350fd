"""Schedulers held against PyTorch's: 30 epochs each, rates and momenta equal bit for bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from ..nn.scenarios import Log, compare

SCHEDULERS: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda s, o: s.StepLR(o, 4, gamma=0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 7, 7, 20], gamma=0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=6),
    "LinearLR": lambda s, o: s.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=9),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=20, power=1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 7, eta_min=0.003),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR, two": lambda s, o: s.LambdaLR(o, [lambda e: 1 / (e + 1), lambda e: 0.9**e]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, max_lr=0.7, total_steps=31),
    "OneCycleLR, three": lambda s, o: s.OneCycleLR(
        o, [0.7, 0.3], epochs=8, steps_per_epoch=4, three_phase=True, anneal_strategy="linear"
    ),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.3, step_size_up=4, step_size_down=3),
    "CyclicLR, 2": lambda s, o: s.CyclicLR(o, 0.01, 0.3, step_size_up=4, mode="triangular2"),
    "CyclicLR, exp": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 4, mode="exp_range", gamma=0.97),
    "CyclicLR, own": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 4, scale_fn=lambda x: 1 / (5 * x)),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 5)], [5, 12]
    ),
    "SequentialLR, restarts": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o), s.CosineAnnealingWarmRestarts(o, 4), s.LambdaLR(o, lambda e: 0.5)],
        [3, 20],
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 5)]
    ),
}
BY_FORMULA = [
    name for name in SCHEDULERS if not name.startswith(("Sequential", "Chained", "OneCycle"))
]


def sgd(library: Any, cls: str = "SGD", **options: Any) -> Any:
    """An optimizer with two param groups."""
    groups = [
        {"params": [library.nn.Parameter(library.ones(1))], "lr": 0.1},
        {"params": [library.nn.Parameter(library.ones(1))], "lr": 0.05},
    ]
    return getattr(library.optim, cls)(groups, **options)


def rates(optimizer: Any) -> list[Any]:
    return [
        (group["lr"], group.get("momentum"), group.get("betas")) for group in optimizer.param_groups
    ]


def run(library: Any, make: Callable, optimizer: Any, epochs: int = 30) -> list[Any]:
    """The rates after each epoch."""
    scheduler = make(library.optim.lr_scheduler, optimizer)
    seen = [rates(optimizer)]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append(
            (rates(optimizer), scheduler.get_last_lr(), scheduler.last_epoch)
            if hasattr(scheduler, "last_epoch")
            else rates(optimizer)
        )
    return seen


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("cls", ["SGD", "Adam"])
def test_rates(name: str, cls: str) -> None:
    make = SCHEDULERS[name]
    options = {"momentum": 0.9} if cls == "SGD" else {}
    expected = run(torch, make, sgd(torch, cls, **options))
    assert run(jtorch, make, sgd(jtorch, cls, **options)) == expected


@pytest.mark.parametrize("name", SCHEDULERS)
def test_state_and_resuming(name: str) -> None:
    """state_dict has PyTorch's entries; a scheduler that loads it goes on where it stopped."""
    make = SCHEDULERS[name]
    seen = []
    for library in (torch, jtorch):
        optimizer = sgd(library, momentum=0.9)
        scheduler = make(library.optim.lr_scheduler, optimizer)
        for _ in range(8):
            optimizer.step()
            scheduler.step()
        state = copy.deepcopy(scheduler.state_dict())
        other = sgd(library, momentum=0.9)
        resumed = make(library.optim.lr_scheduler, other)
        other.load_state_dict(optimizer.state_dict())
        resumed.load_state_dict(dict(state))
        for _ in range(6):
            other.step()
            resumed.step()
        seen.append((state, rates(other), resumed.state_dict()))
    assert seen[1] == seen[0]


@pytest.mark.parametrize("name", [n for n in BY_FORMULA if not n.startswith("Cyclic")])
@pytest.mark.parametrize("epoch", [0, 3, 6])
def test_last_epoch(name: str, epoch: int) -> None:
    """A scheduler constructed with `last_epoch`, on an optimizer that has the `initial_lr`."""
    kind, _, _ = name.partition(",")
    seen = []
    for library in (torch, jtorch):
        optimizer = sgd(library)
        first = SCHEDULERS[name](library.optim.lr_scheduler, optimizer)
        for _ in range(epoch):
            optimizer.step()
            first.step()
        arguments = {
            k: v
            for k, v in vars(first).items()
            if not k.startswith("_") and k not in ("base_lrs", "T_i", "T_cur", "optimizer")
        }
        if "lr_lambdas" in arguments:
            arguments["lr_lambda"] = arguments.pop("lr_lambdas")
        if "milestones" in arguments:
            arguments["milestones"] = list(arguments["milestones"].elements())
        scheduler = getattr(library.optim.lr_scheduler, kind)(optimizer, **arguments)
        found = [rates(optimizer), scheduler.last_epoch]
        for _ in range(5):
            optimizer.step()
            scheduler.step()
            found.append(rates(optimizer))
        seen.append(found)
    assert seen[1] == seen[0]


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", BY_FORMULA)
def test_step_to_an_epoch(name: str) -> None:
    seen = []
    for library in (torch, jtorch):
        optimizer = sgd(library, momentum=0.9)
        scheduler = SCHEDULERS[name](library.optim.lr_scheduler, optimizer)
        found = []
        for epoch in (1, 2, 5, 9, 3, 0):
            optimizer.step()
            scheduler.step(epoch)
            found.append((rates(optimizer), scheduler.get_last_lr()))
        seen.append(found)
    assert seen[1] == seen[0]


def test_fractions_of_an_epoch() -> None:
    seen = []
    for library in (torch, jtorch):
        for factor in (1, 2):
            optimizer = sgd(library)
            make = library.optim.lr_scheduler.CosineAnnealingWarmRestarts
            scheduler = make(optimizer, 3, factor)
            for epoch in (0.5, 1, 2.5, 3, 7.2, 9, 30):
                scheduler.step(epoch)
                seen.append((library.__name__[-5:], rates(optimizer), scheduler.state_dict()))
    assert seen[14:] == seen[:14]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode: str, threshold_mode: str) -> None:
    seen = []
    for library in (torch, jtorch):
        optimizer = sgd(library)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode,
            factor=0.3,
            patience=2,
            threshold=0.05,
            threshold_mode=threshold_mode,
            cooldown=1,
            min_lr=[0.002, 0.001],
        )
        found = [scheduler.state_dict()]
        for epoch in range(40):
            metric = 1.0 + math.cos(epoch) * 0.9**epoch
            scheduler.step(library.tensor(metric) if epoch % 2 else metric)
            found.append((rates(optimizer), copy.deepcopy(scheduler.state_dict())))
        seen.append(found)
    assert seen[1] == seen[0]


def warnings_and_order(lib: Any, log: Log) -> None:
    schedulers = lib.optim.lr_scheduler
    optimizer = sgd(lib)
    scheduler = schedulers.StepLR(optimizer, 2)
    log.attempt("scheduler first", scheduler.step)
    log.attempt("second time", scheduler.step)
    log.attempt("get_lr", scheduler.get_lr)
    log.attempt("epoch", lambda: scheduler.step(4))
    optimizer = sgd(lib)
    scheduler = schedulers.StepLR(optimizer, 2)
    optimizer.step = lambda: None
    log.attempt("overridden", scheduler.step)
    optimizer = sgd(lib)
    make = schedulers.SequentialLR
    scheduler = make(
        optimizer, [schedulers.LinearLR(optimizer), schedulers.StepLR(optimizer, 2)], [2]
    )
    for step in range(4):
        optimizer.step()
        log.attempt(f"sequential {step}", scheduler.step)
    plateau = schedulers.ReduceLROnPlateau(sgd(lib))
    log.attempt("plateau epoch", lambda: plateau.step(1.0, 3))


def errors(lib: Any, log: Log) -> None:
    s = lib.optim.lr_scheduler

    def optimizer(**options: Any) -> Any:
        return sgd(lib, **options)

    cases: dict[str, Callable[[], Any]] = {
        "no optimizer": lambda: s.StepLR(3, 3),
        "no initial_lr": lambda: s.StepLR(optimizer(), 3, last_epoch=2),
        "base": lambda: s.LRScheduler(optimizer()),
        "old base": lambda: s._LRScheduler(optimizer()),
        "lambdas": lambda: s.LambdaLR(optimizer(), [lambda e: 1]),
        "constant": lambda: s.ConstantLR(optimizer(), factor=2),
        "linear start": lambda: s.LinearLR(optimizer(), start_factor=0),
        "linear end": lambda: s.LinearLR(optimizer(), end_factor=2),
        "restarts T_0": lambda: s.CosineAnnealingWarmRestarts(optimizer(), 0),
        "restarts T_mult": lambda: s.CosineAnnealingWarmRestarts(optimizer(), 2, 0),
        "restarts eta": lambda: s.CosineAnnealingWarmRestarts(optimizer(), 2, 2, eta_min="a"),
        "restarts step": lambda: s.CosineAnnealingWarmRestarts(optimizer(), 2).step(-1),
        "cycle steps": lambda: s.OneCycleLR(optimizer(), 1.0),
        "cycle total": lambda: s.OneCycleLR(optimizer(), 1.0, total_steps=-1),
        "cycle epochs": lambda: s.OneCycleLR(optimizer(), 1.0, epochs=-1, steps_per_epoch=2),
        "cycle pct": lambda: s.OneCycleLR(optimizer(), 1.0, total_steps=9, pct_start=2),
        "cycle strategy": lambda: s.OneCycleLR(
            optimizer(), 1.0, total_steps=9, anneal_strategy="x"
        ),
        "cycle lrs": lambda: s.OneCycleLR(optimizer(), [1.0], total_steps=9),
        "cyclic mode": lambda: s.CyclicLR(optimizer(), 0.1, 1, mode="x"),
        "cyclic lrs": lambda: s.CyclicLR(optimizer(), [0.1], 1),
        "plateau factor": lambda: s.ReduceLROnPlateau(optimizer(), factor=1),
        "plateau mode": lambda: s.ReduceLROnPlateau(optimizer(), mode="x"),
        "plateau threshold": lambda: s.ReduceLROnPlateau(optimizer(), threshold_mode="x"),
        "plateau min_lr": lambda: s.ReduceLROnPlateau(optimizer(), min_lr=[1]),
        "plateau metric": lambda: s.ReduceLROnPlateau(optimizer()).step("a"),
        "plateau object": lambda: s.ReduceLROnPlateau(3),
        "sequential none": lambda: s.SequentialLR(optimizer(), [], []),
        "chained none": lambda: s.ChainedScheduler([]),
    }
    for name, action in cases.items():
        log.attempt(name, action)
    one = optimizer()
    members = [s.ConstantLR(one), s.ExponentialLR(one, 0.9)]
    log.attempt("milestones", lambda: s.SequentialLR(one, members, [2, 3]))
    plateau = [s.ReduceLROnPlateau(one)]
    log.attempt("sequential plateau", lambda: s.SequentialLR(one, plateau, []))
    log.attempt("chained plateau", lambda: s.ChainedScheduler(plateau))
    cycle = s.OneCycleLR(one, 1.0, total_steps=2)
    for step in range(3):
        one.step()
        log.attempt(f"cycle {step}", cycle.step)


def own_scheduler(lib: Any, log: Log) -> None:
    class Own(lib.optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer: Any, factor: float) -> None:
            self.factor = factor
            super().__init__(optimizer)

        def get_lr(self) -> list[float]:
            return [base * self.factor**self.last_epoch for base in self.base_lrs]

    optimizer = sgd(lib)
    scheduler = Own(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    log.note(scheduler.get_last_lr(), scheduler.state_dict())
    log.note([sorted(set(group) - {"params"}) for group in optimizer.param_groups])


def callable_objects(lib: Any, log: Log) -> None:
    class Decay:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, epoch: int) -> float:
            return self.factor**epoch

    scheduler = lib.optim.lr_scheduler.LambdaLR(sgd(lib), [Decay(0.5), lambda e: 1.0])
    log.note(scheduler.state_dict())
    other = lib.optim.lr_scheduler.LambdaLR(sgd(lib), [Decay(0.1), lambda e: 1.0])
    other.load_state_dict(scheduler.state_dict())
    log.note(other.lr_lambdas[0].factor)


@pytest.mark.parametrize(
    "scenario",
    [callable_objects, errors, own_scheduler, warnings_and_order],
    ids=lambda s: s.__name__,
)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)
