"""What `torch.tensor` makes of Python's data: numbers in nested sequences as a NumPy array.

Ragged sequences, text and numbers that don't fit the dtype are refused here. Read creation.py next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._core import dtype as dtypes
from .._core.dtype import dtype, get_default_dtype, to_dtype
from .._core.tensor import Tensor


def to_array(data: Any, kind: dtype | None = None) -> np.ndarray:
    """`data` as a NumPy array of the dtype that `torch.tensor` would give it."""
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        return array if kind is None else array.astype(kind.numpy)
    flat: list[Any] = []
    shape = _flatten(data, flat)
    if kind is None:
        kind = _kind_of(flat)
    if kind.category == dtypes.INTEGER and any(
        isinstance(v, int) and abs(v) >= 2**63 for v in flat
    ):
        raise ValueError("Overflow when unpacking long long")
    check_fits(flat, kind)
    wide = np.int64 if kind.category == dtypes.INTEGER else kind.numpy
    return np.array(flat, dtype=wide).reshape(shape).astype(kind.numpy, copy=False)


def check_fits(values: list, kind: dtype) -> None:
    """RuntimeError for a number beyond the range of an integer dtype. A negative one wraps."""
    if kind.category != dtypes.INTEGER or kind is dtypes.int64:
        return
    limits = np.iinfo(kind.numpy)
    lowest = min(limits.min, -limits.max)
    for value in values:
        if isinstance(value, (int, float)) and not lowest <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")


def _flatten(data: Any, flat: list, depth: int = 0) -> tuple[int, ...]:
    """Collect the numbers of nested sequences; their shape."""
    if isinstance(data, Tensor):
        values = data.detach().cpu().numpy()
        flat.extend(
            values.reshape(-1).tolist() if values.dtype == object else list(values.reshape(-1))
        )
        return tuple(values.shape)
    if isinstance(data, np.ndarray):
        flat.extend(data.reshape(-1))
        return tuple(data.shape)
    if isinstance(data, (bool, int, float, complex, np.generic)):
        flat.append(data)
        return ()
    if not isinstance(data, Sequence) and not hasattr(data, "__getitem__"):
        if hasattr(data, "__index__"):
            flat.append(data.__index__())
            return ()
    if isinstance(data, (str, bytes)):
        if depth == 0:
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
        raise ValueError(f"too many dimensions '{type(data).__name__}'")
    if isinstance(data, Mapping) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    shapes = [_flatten(data[k], flat, depth + 1) for k in range(len(data))]
    for shape in shapes:
        if shape != shapes[0]:
            _refuse_ragged(shapes[0], shape, depth + 1)
    if shapes and isinstance(data[0], Tensor) and math.prod(shapes[0]) > 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return (len(shapes), *(shapes[0] if shapes else ()))


def _refuse_ragged(first: tuple[int, ...], other: tuple[int, ...], depth: int) -> None:
    """ValueError for sequences of different lengths, TypeError for a number beside a sequence."""
    if not first:
        raise TypeError(
            "only numbers can stand beside numbers: 'list' cannot be interpreted as one"
        )
    if not other:
        raise TypeError("not a sequence")
    at = next((k for k, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), 0)
    raise ValueError(
        f"expected sequence of length {first[at]} at dim {depth + at} (got {other[at]})"
    )


def _kind_of(flat: list) -> dtype:
    """The dtype that Python's numbers get: of NumPy scalars their own."""
    kind: dtype | None = None
    for python, found in ((bool, dtypes.bool_), (int, dtypes.int64), (float, get_default_dtype())):
        if all(type(v) is python for v in flat) and flat:
            return found
    for value in flat:
        found = to_dtype(value.dtype) if isinstance(value, np.generic) else dtypes.of_number(value)
        kind = found if kind is None else dtypes.promote_types(kind, found)
    return kind or get_default_dtype()
