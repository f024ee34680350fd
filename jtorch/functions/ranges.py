"""Tensors of numbers that follow a rule: arange, linspace, logspace, eye, the places of triangles.

Read creation.py first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _expose
from .._core import dtype as dtypes
from .._core.dtype import dtype, get_default_dtype
from .._core.op import Op
from .._core.tensor import Tensor, from_array
from .creation import Options, without_inputs

ARANGE, LINSPACE, LOGSPACE, EYE = (
    _expose.ROWS[f"_{n}"] for n in ("arange", "linspace", "logspace", "eye")
)


def arange(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """start, start + step, ... below end. Integers give int64. See torch.arange."""
    given = Options(options)
    if end is None:
        start, end = 0, start
    start, end, step = (number_of(v) for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integers = all(isinstance(v, int) for v in (start, end, step))
    kind = given.kind or (dtypes.int64 if integers else get_default_dtype())
    if kind.category == dtypes.INTEGER:
        count = _count(start, end, step, kind)
        start, step = int(start), int(step)
    else:
        count = max(0, math.ceil((end - start) / step))
    return given.finish(without_inputs(ARANGE, (start, step, count, kind), given))


def _count(start: Any, end: Any, step: Any, kind: dtype) -> int:
    """How many numbers an integer arange has. PyTorch cuts all three to integers for int64 alone;
    for narrower dtypes the numbers are counted first."""
    if kind is not dtypes.int64:
        return max(0, math.ceil((end - start) / step))
    if not int(step):
        raise ValueError("step must be nonzero")
    return max(0, -((int(start) - int(end)) // int(step)))


def range_(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """start, start + step, ... up to and including end: deprecated for arange.
    See torch.range."""
    given = Options(options)
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    kind = given.kind or get_default_dtype()
    count = math.floor((end - start) / step) + 1
    return given.finish(without_inputs(ARANGE, (start, step, count, kind), given))


def number_of(value: Any) -> Any:
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


def linspace(start: Any, end: Any, steps: int, **options: Any) -> Tensor:
    """`steps` evenly spaced values from start to end, both included. See torch.linspace."""
    return _spaced(LINSPACE, start, end, steps, (), options)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """base to the power of `linspace(start, end, steps)`. See torch.logspace."""
    return _spaced(LOGSPACE, start, end, steps, (float(base),), options)


def _spaced(op: Op, start: Any, end: Any, steps: int, more: tuple, options: dict) -> Tensor:
    name = op.name[1:]
    if isinstance(steps, float) or not hasattr(steps, "__index__"):
        given = ", ".join(type(v).__name__ for v in (start, end, steps))
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({given}), but expected "
            "one of:\n * (Number start, Number end, int steps, *, ...)"
        )
    for value in (start, end):
        if isinstance(value, Tensor) and value.dim():
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got one with "
                f"{value.dim()} dimension(s)."
            )
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    given, numbers = Options(options), [number_of(start), number_of(end)]
    default = get_default_dtype()
    kind = given.kind or (
        default.to_complex() if any(isinstance(v, complex) for v in numbers) else default
    )
    if kind.category == dtypes.INTEGER:
        numbers = [int(v) for v in numbers]
    return given.finish(without_inputs(op, (*numbers, steps.__index__(), *more, kind), given))


def eye(n: int, m: int | None = None, **options: Any) -> Tensor:
    """The identity matrix, n by m. See torch.eye."""
    given = Options(options)
    sizes = (n, n if m is None else m)
    if min(sizes) < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {min(sizes)}")
    made = without_inputs(EYE, (*sizes, given.kind or get_default_dtype()), given)
    return given.finish(made)


def _triangle(name: str, places: Callable[..., tuple]) -> Callable[..., Tensor]:
    def function(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
        given = Options(options)
        kind = given.dtype or dtypes.int64
        for side, size in (("row", row), ("col", col)):
            if size < 0:
                raise RuntimeError(f"{side} must be non-negative, got{size}")
        if kind not in (dtypes.int64, dtypes.int32, dtypes.int16):
            raise NotImplementedError(f"\"{name}\" not implemented for '{dtypes.TITLES[kind]}'")
        found = np.stack(places(row, offset, col)).astype(kind.numpy)
        return from_array(found, given.device)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The (row, column) of each element of a matrix's triangle: (2, count). See torch.{name}."
    )
    return function


tril_indices = _triangle("tril_indices", np.tril_indices)
triu_indices = _triangle("triu_indices", np.triu_indices)


FUNCTIONS = [arange, linspace, logspace, eye, tril_indices, triu_indices]
METHODS: dict[str, Any] = {}
