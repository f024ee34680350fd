"""Whether two Tensors refer to the same memory, as far as PyTorch would say so.

Values are immutable here, so nothing could go wrong; but PyTorch refuses some in-place ops whose
operands overlap, and a program that relies on the refusal must see it. Read record.py next.
"""

from __future__ import annotations

import math
from typing import Any

from .alias import cell_of
from .strides import is_dense
from .trace import Cell

MESSAGE = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    "single memory location. Please clone() the tensor before performing the operation."
)


def offset_of(tensor: Any) -> int:
    """How far a Tensor's first element lies from its storage's, in elements."""
    steps = tensor._view or ()
    if all(step.op.offset is None for step in steps):
        return 0
    offset = 0
    cell = tensor._storage.cell
    for step in steps:
        base, cell = cell.aval, step.get(cell)
        offset = offset * base.dtype.itemsize // cell.aval.dtype.itemsize
        if step.op.offset is not None:
            rest = [r.array.item() if isinstance(r, Cell) else r for r in step.rest]
            offset += step.op.offset(base.shape, base.strides, *rest, **step.kwargs)
    return offset


def check_overlap(target: Any, source: Any, whole: bool) -> None:
    """RuntimeError where reading `source` while writing to `target` has no meaning in PyTorch.

    whole: also where they are one and the same memory. What is not dense is not judged.
    """
    if whole and source is target:
        raise RuntimeError(MESSAGE)
    shared = target._storage is not None and source._storage is target._storage
    if not shared:
        return
    a, b = cell_of(target).aval, cell_of(source).aval
    if not (is_dense(a.shape, a.strides) and is_dense(b.shape, b.strides)):
        return
    begin, other = offset_of(target), offset_of(source)
    end, last = begin + math.prod(a.shape), other + math.prod(b.shape)
    if begin >= last or other >= end:
        return
    same = begin == other and end == last and a.strides == b.strides
    if whole or not same:
        raise RuntimeError(MESSAGE)
