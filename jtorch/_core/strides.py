"""The strides that PyTorch would report. XLA's buffers have none; here they are facts of an aval.

A rule maps (avals of the array inputs, output shape, arguments) to strides. Element-wise ops keep
the order of dimensions of their first input, as PyTorch's TensorIterator does; other ops are
contiguous; views say their own rule (ops/view.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Strides = tuple[int, ...]


def contiguous(shape: Sequence[int]) -> Strides:
    """Row-major strides, in elements."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


# The dimensions from the slowest to the fastest, in the memory formats that are not row-major.
FORMATS = {"channels_last": (0, 2, 3, 1), "channels_last_3d": (0, 2, 3, 4, 1)}


def in_order(shape: Sequence[int], order: Sequence[int]) -> Strides:
    """Dense strides of dimensions that lie in memory in an order, the slowest first."""
    strides = [0] * len(shape)
    for d, stride in zip(order, contiguous([shape[d] for d in order]), strict=True):
        strides[d] = stride
    return tuple(strides)


def is_contiguous(shape: Sequence[int], strides: Sequence[int], order: Any = None) -> bool:
    """Whether elements lie without gaps in row-major order, or in an order of dimensions."""
    if order is not None:
        if len(order) != len(shape):
            return False
        shape, strides = [shape[d] for d in order], [strides[d] for d in order]
    if 0 in shape:
        return True
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether elements lie without gaps or overlap, in any order of dimensions."""
    step = 1
    for size, stride in sorted(zip(shape, strides, strict=True), key=lambda p: (p[1], p[0])):
        if size == 0:
            return True
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def overlaps(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether some element has two places: an expanded dimension."""
    return any(size > 1 and stride == 0 for size, stride in zip(shape, strides, strict=True))


def view_strides(shape: Strides, strides: Strides, new_shape: Strides) -> Strides | None:
    """Strides of a view with a new shape; None where the memory's layout admits none."""
    if 0 in shape:
        return contiguous(new_shape) if shape != new_shape else strides
    if not shape:
        return (1,) * len(new_shape)
    result: list[int] = []
    new = len(new_shape) - 1
    chunk_base = strides[-1]
    chunk, filled = 1, 1
    for d in reversed(range(len(shape))):
        chunk *= shape[d]
        ends = d == 0 or (shape[d - 1] != 1 and strides[d - 1] != chunk * chunk_base)
        if not ends:
            continue
        while new >= 0 and (filled < chunk or new_shape[new] == 1):
            result.append(filled * chunk_base)
            filled *= new_shape[new]
            new -= 1
        if filled != chunk:
            return None
        if d > 0:
            chunk_base = strides[d - 1]
            chunk, filled = 1, 1
    return tuple(reversed(result)) if new < 0 else None


def unchanged(avals: Sequence, shape: Strides, call: object, k: int) -> Strides:
    """The rule of an op whose result lies in memory as its first input does."""
    return avals[0].strides


def preserved(avals: Sequence, shape: Strides, call: object, k: int) -> Strides:
    """The rule of a copy: as the input, where that has neither gaps nor overlap; else dense, in its
    order of dimensions."""
    strides = avals[0].strides
    return strides if is_dense(shape, strides) else _permuted([list(strides)], shape)


def elementwise(avals: Sequence, shape: Strides, with_number: bool = False) -> Strides:
    """Strides of an element-wise result: dense, in the order of dimensions of the inputs.

    The order is found as PyTorch's TensorIterator finds it: by insertion sort of the dimensions,
    comparing the strides of each input in turn; broadcast dimensions decide nothing.
    """
    if avals and not with_number and all(a.shape == shape for a in avals):
        if all(is_contiguous(shape, a.strides) for a in avals):
            return contiguous(shape)
        if len({a.strides for a in avals}) == 1 and is_dense(shape, avals[0].strides):
            return avals[0].strides
    fitting = [a for a in avals if 0 < len(a.shape) <= len(shape)]
    return _permuted(_broadcast_strides(fitting, shape), shape)


def like_inputs(avals: Sequence, shape: Strides, call: Any, k: int) -> Strides:
    """The rule of an element-wise op. A number takes part as a zero-dim Tensor would."""
    arrays = [a for a in avals if not a.number]
    op = call.op
    numbers = len(arrays) < len(avals) or any(
        op.parameter(place) in op.arrays and isinstance(value, (bool, int, float, complex))
        for place, value in enumerate(call.args)
    )
    return elementwise(arrays, shape, numbers)


def like_arrays(avals: Sequence, shape: Strides, call: object, k: int) -> Strides:
    """The rule of an element-wise op to which a number is no input, but an option of its kernel."""
    return elementwise([a for a in avals if not a.number], shape)


def _broadcast_strides(avals: Sequence, shape: Strides) -> list[list[int]]:
    rows = []
    for a in avals:
        lead = len(shape) - len(a.shape)
        row = [0] * lead
        for d, (size, stride) in enumerate(zip(a.shape, a.strides, strict=True)):
            row.append(0 if size == 1 and shape[lead + d] != 1 else stride)
        rows.append(row)
    return rows


def _permuted(rows: list[list[int]], shape: Strides) -> Strides:
    """Dense strides in the order of dimensions that the inputs' strides ask for."""
    order = list(reversed(range(len(shape))))  # fastest dimension first

    def swaps(a: int, b: int) -> int:
        for row in rows:
            if row[a] == 0 or row[b] == 0:
                continue
            if row[a] != row[b]:
                return 1 if row[a] > row[b] else -1
            if shape[a] > shape[b]:
                return 1
        return 0

    for i in range(1, len(order)):
        at = i
        for j in reversed(range(i)):
            verdict = swaps(order[j], order[at])
            if verdict > 0:
                order[j], order[at] = order[at], order[j]
                at = j
            elif verdict < 0:
                break
    strides = [0] * len(shape)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)
