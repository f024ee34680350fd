"""Small helpers for the constructors of layers: one number for every dimension, or one for each.

`_single`, `_pair` and `_triple` carry PyTorch's names because code imports them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any


def _ntuple(count: int, name: str) -> Callable[[Any], tuple]:
    def parse(value: Any) -> tuple:
        return tuple(value) if isinstance(value, Iterable) else tuple(repeat(value, count))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def reversed_twice(values: Iterable[int]) -> list[int]:
    """(a, b) -> [b, b, a, a]: padding per dimension in the order that `F.pad` takes."""
    return [value for value in reversed(tuple(values)) for _ in range(2)]
