"""Rules for the strides of results, for the ops whose rows do not imply them.

A row with an in-place variant is elementwise unless it says otherwise, and any other is contiguous.
The arithmetic of strides is in _core/strides.py.
"""

from __future__ import annotations

from typing import Any

from .._core.strides import contiguous, like_arrays, like_inputs, preserved


def CONTIGUOUS(avals: tuple, shape: tuple[int, ...], call: Any, output: int) -> tuple[int, ...]:
    """Row-major, whatever the inputs are."""
    return contiguous(shape)


# The order of dimensions of the inputs, as of an elementwise op; of those that are no numbers.
LIKE_INPUTS = like_inputs
LIKE_ARRAYS = like_arrays
# As the input lies.
PRESERVED = preserved
