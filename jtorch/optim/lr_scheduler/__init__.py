"""Learning rate schedules: torch.optim.lr_scheduler.

A scheduler only changes numbers in `optimizer.param_groups`; numbers are inputs of the step's
program, so nothing recompiles. base.py has what all share, decay.py the simple ones, cycle.py those
that go up and down, composed.py those made of others, plateau.py the one that watches a metric.
"""

from __future__ import annotations

from .base import LRScheduler, _LRScheduler
from .composed import ChainedScheduler, SequentialLR
from .cycle import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .decay import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "_LRScheduler",
]
