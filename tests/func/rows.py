"""Rows that are expressions: what both libraries make of one, and that they agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import jtorch

from ..comparison import difference, plain

Names = Callable[[Any], dict[str, Any]]
TOLERANCE = 1e-5


def value(expression: str, names: Names, library: Any) -> Any:
    """What an expression gives, as plain Python values. names: what it may use of a library."""
    return plain(eval(expression, names(library)), library)


def check_value(expression: str, names: Names, times: int = 1) -> None:
    """Both libraries give the same, jtorch also when it is asked again."""
    expected = value(expression, names, torch)
    for _ in range(times):
        found = value(expression, names, jtorch)
        assert not (what := difference(expected, found, tolerance=TOLERANCE)), what


def check_error(expression: str, names: Names) -> None:
    """Both libraries raise an error of the same class, with the same message."""
    found = []
    for library in (torch, jtorch):
        with pytest.raises((RuntimeError, TypeError, ValueError, LookupError, AssertionError)) as e:
            value(expression, names, library)
        found.append((type(e.value).__name__, str(e.value).replace("jtorch", "torch")))
    assert found[1] == found[0]
