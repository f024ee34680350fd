"""Losses by class: the rows, after a check of the classes where their values are at hand.

A program can't raise for a class out of range while it runs; what comes from the user's data can be
checked before. See functions/lookups.py. Used by functional.py and _lookup.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.op import ROWS
from .._core.tensor import Tensor
from .._expose import row
from ..functions.lookups import check_classes, outside


def _with_checked_classes(name: str) -> Callable[..., Tensor]:
    """The function of a row (input, target, ...) that checks the target."""
    record = row(name)

    def function(input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        ignored = args[2] if len(args) > 2 else kwargs.get("ignore_index", -100)
        if isinstance(input, Tensor) and input.dim():
            count = input.size(1 if input.dim() > 1 else 0)
            check_classes(target, count, ignored, "Target {} is out of bounds.")
        return record(input, target, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = ROWS[name].doc
    function.__signature__ = ROWS[name].signature
    return function


cross_entropy = _with_checked_classes("cross_entropy")
nll_loss = _with_checked_classes("nll_loss")


def check_ids(input: Any, count: int) -> None:
    """IndexError for an id that a table of `count` rows doesn't have."""
    check_classes(input, count, None, "index out of range in self")


def check_one_hot(tensor: Tensor, num_classes: int) -> None:
    """RuntimeError for a class outside [0, num_classes)."""
    wrong = outside(tensor, 0, num_classes)
    if wrong is not None:
        words = "non-negative" if wrong < 0 else "smaller than num_classes"
        raise RuntimeError(f"Class values must be {words}.")
