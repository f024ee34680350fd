"""Losses: the rows, after checks that a program can't make while it runs.

A class out of range is found where its values are at hand, in what comes from the user's data (see
functions/lookups.py); a number out of range (beta, delta) before it may become an input of the
program. Used by functional.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.op import ROWS
from .._core.tensor import Tensor
from .._expose import row
from ..functions.lookups import check_classes


def _like_row(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = ROWS[name].doc
    function.__signature__ = ROWS[name].signature
    return function


def _with_checked_classes(name: str) -> Callable[..., Tensor]:
    """The function of a row (input, target, ...) that checks the target."""
    record = row(name)

    def function(input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        ignored = args[2] if len(args) > 2 else kwargs.get("ignore_index", -100)
        if isinstance(input, Tensor) and input.dim():
            count = input.size(1 if input.dim() > 1 else 0)
            check_classes(target, count, ignored, "Target {} is out of bounds.")
        return record(input, target, *args, **kwargs)

    return _like_row(name, function)


def _with_checked_number(
    name: str, number: str, fits: Callable[[float], bool], words: str
) -> Callable[..., Tensor]:
    """The function of a row that checks one of its numbers."""
    record = row(name)
    place = ROWS[name].parameters.index(number)

    def function(*args: Any, **kwargs: Any) -> Tensor:
        value = args[place] if len(args) > place else kwargs.get(number)
        if isinstance(value, (int, float)) and not fits(value):
            raise RuntimeError(words)
        return record(*args, **kwargs)

    return _like_row(name, function)


# name of the row, the number, what it must satisfy, PyTorch's words
_NUMBERS: list[tuple[str, str, Callable[[float], bool], str]] = [
    (
        "smooth_l1_loss",
        "beta",
        lambda v: v >= 0,
        "smooth_l1_loss does not support negative values for beta.",
    ),
    (
        "huber_loss",
        "delta",
        lambda v: v > 0,
        "huber_loss does not support non-positive values for delta.",
    ),
]

CHECKED = {name: _with_checked_classes(name) for name in ("cross_entropy", "nll_loss")}
CHECKED |= {facts[0]: _with_checked_number(*facts) for facts in _NUMBERS}
