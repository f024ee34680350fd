"""What `torch.tensor` makes of Python's data: numbers in nested sequences as a NumPy array.

Ragged sequences, text, arrays of objects or dates and numbers that don't fit the dtype are refused
here. Read creation.py next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core import dtype as dtypes
from .._core.capture import FOREIGN, stop
from .._core.dtype import dtype, get_default_dtype, to_dtype
from .._core.strides import is_dense
from .._core.tensor import Tensor

_REAL = (int, float, np.integer, np.floating)
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_SUPPORTED = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, "
    "uint16, uint8, and bool"
)
_NUMBERS = frozenset(np.dtype(name.removeprefix("and ")) for name in _SUPPORTED.split(", "))


def to_array(data: Any, kind: dtype | None = None) -> np.ndarray:
    """`data` as a NumPy array of the dtype that `torch.tensor` would give it."""
    if isinstance(data, (np.ndarray, np.generic)):
        array = check_array(np.asarray(data))
        return array if kind is None else array.astype(kind.numpy)
    together = _stacked(data)
    if together is not None and (kind is None or kind.category >= dtypes.FLOAT):
        return together if kind is None else together.astype(kind.numpy)
    flat: list[Any] = []
    shape = _flatten(data, flat, kind)
    if kind is None:
        kind = _kind_of(flat)
    if kind.category == dtypes.INTEGER and any(
        isinstance(v, int) and abs(v) >= 2**63 for v in flat
    ):
        raise ValueError("Overflow when unpacking long long")
    check_fits(flat, kind)
    wide = np.int64 if kind.category == dtypes.INTEGER else kind.numpy
    return np.array(flat, dtype=wide).reshape(shape).astype(kind.numpy, copy=False)


def check_array(array: np.ndarray) -> np.ndarray:
    """The array itself. TypeError and ValueError, as PyTorch's, for one that can't be a Tensor."""
    stop(FOREIGN)
    if array.dtype.isnative and array.dtype not in _NUMBERS:
        try:
            to_dtype(array.dtype)  # one of ml_dtypes'
        except TypeError:
            raise TypeError(
                f"can't convert np.ndarray of type {type_name(array.dtype.type)}. The only "
                f"supported types are: {_SUPPORTED}."
            ) from None
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported."
        )
    if min(array.strides, default=0) < 0:
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )
    return array


def strides_of(array: np.ndarray) -> tuple[int, ...] | None:
    """The strides of an array that lies dense in memory, in elements; None for row-major ones."""
    if array.flags.c_contiguous or not array.size:
        return None
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return strides if is_dense(array.shape, strides) else None


def type_name(kind: type) -> str:
    """The name of a class in PyTorch's messages: with its module, unless Python code made it."""
    made_by_python = kind.__flags__ & _HEAP_TYPE
    if made_by_python or kind.__module__ == "builtins":
        return kind.__name__
    return f"{kind.__module__}.{kind.__name__}"


def _stacked(data: Any) -> np.ndarray | None:
    """Arrays of one shape and dtype in a sequence, as one; None for anything else."""
    if not isinstance(data, (list, tuple)) or not data or not isinstance(data[0], np.ndarray):
        return None
    first = data[0]
    if (
        not first.ndim
        or not first.size
        or any(
            not isinstance(a, np.ndarray) or a.shape != first.shape or a.dtype != first.dtype
            for a in data
        )
    ):
        return None
    stop(FOREIGN)
    return np.stack(data) if first.dtype in _NUMBERS else None


def check_fits(values: list, kind: dtype) -> None:
    """RuntimeError for a number beyond the range of an integer dtype. A negative one wraps."""
    if kind.category != dtypes.INTEGER or kind is dtypes.int64:
        return
    limits = np.iinfo(kind.numpy)
    lowest = min(limits.min, -limits.max)
    for value in values:
        if isinstance(value, _REAL) and not lowest <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")


def _flatten(data: Any, flat: list, kind: dtype | None, depth: int = 0) -> tuple[int, ...]:
    """Collect the numbers of nested sequences; their shape. kind: the dtype that was asked for."""
    if isinstance(data, Tensor):
        values = data.detach().cpu().numpy()
        flat.extend(
            values.reshape(-1).tolist() if values.dtype == object else list(values.reshape(-1))
        )
        return tuple(values.shape)
    if isinstance(data, np.ndarray):
        flat.extend(check_array(data).reshape(-1))
        return tuple(data.shape)
    if isinstance(data, (bool, int, float, complex, np.generic)):
        flat.append(data)
        return ()
    if isinstance(data, (str, bytes)):
        if depth == 0:
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
        raise ValueError(f"too many dimensions '{type(data).__name__}'")
    if isinstance(data, Mapping) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        if kind is not None and kind.category == dtypes.FLOAT:
            number: Any = data
            flat.append(math.ldexp(number, 0))  # by __float__ or __index__; PyTorch's TypeError
            return ()
        raise RuntimeError(f"Could not infer dtype of {type_name(type(data))}")
    shapes = [_flatten(item, flat, kind, depth + 1) for item in _items(data)]
    for shape in shapes:
        if shape != shapes[0]:
            _refuse_ragged(shapes[0], shape, depth + 1)
    if shapes and isinstance(data[0], Tensor) and math.prod(shapes[0]) > 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return (len(shapes), *(shapes[0] if shapes else ()))


def _items(data: Any) -> list:
    """The items of a sequence. ValueError for what only looks like one: a pandas Series whose index
    isn't 0, 1, ..., a DataFrame."""
    try:
        return [data[k] for k in range(len(data))]
    except Exception as error:
        raise ValueError(
            f"could not determine the shape of object type '{type_name(type(data))}'"
        ) from error


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
