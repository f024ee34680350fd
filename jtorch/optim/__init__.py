"""Optimizers and schedulers: torch.optim, each one class with one optax chain.

Read optimizer.py first.
"""

from .._core.errors import absent
from . import lr_scheduler
from .adam import Adam, AdamW
from .optax import Optax
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optax", "Optimizer", "lr_scheduler"]


def __getattr__(name: str) -> object:
    raise absent(__name__, name, globals())
