"""Ops for 1, 2 and 3 spatial dims: one function of their number, a row for each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core.op import op

DIMS = {1: "L", 2: "H, W", 3: "D, H, W"}


def op_by_dims(*counts: int, name: str = "{}d", **facts: Any) -> Callable[[Callable], Callable]:
    """Declare an op for each number of spatial dims. The function gets that number as its first
    argument, which the rows don't have.

    name: that of the rows, with {} for the number; "{}d" alone goes behind the function's.
    In the docstring {dims} are the spatial dims, {sizes} those of the output, {kernel} those of a
    kernel, and {name} is that of the row."""

    def declare(function: Callable) -> Callable:
        template = function.__name__ + name if name.startswith("{}") else name
        for count in counts:
            made = functools.partial(function, count)
            row = template.format(count)
            made.__doc__ = (function.__doc__ or "").format(
                name=row,
                dims=DIMS[count],
                sizes=DIMS[count].replace(",", "',") + "'",
                kernel=", ".join("K" * count),
            )
            op(row, **facts)(made)
        return function

    return declare
