"""dtypes and PyTorch's promotion of them.

A `dtype` is PyTorch's name for a NumPy dtype (`ml_dtypes` supplies bfloat16 and the float8 family).
Promotion knows three ranks of operand: a tensor with dimensions, a zero-dim tensor, a Python
number; the lower ranks only count where their category (bool, integer, float, complex) is higher.
Read op.py next, which applies it.
"""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

BOOL, INTEGER, FLOAT, COMPLEX = range(4)
# The ranks of an operand in `result_type`.
DIMENSIONED, ZERO_DIM, NUMBER = 2, 1, 0


class dtype:
    """A data type of Tensors: `torch.float32` and its siblings. Compared by identity."""

    __slots__ = (
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
    )

    def __init__(self, name: str, numpy_type: Any, category: int, signed: bool = True) -> None:
        self.name = name
        self.numpy = np.dtype(numpy_type)
        self.itemsize = self.numpy.itemsize
        self.category = category
        self.is_floating_point = category == FLOAT
        self.is_complex = category == COMPLEX
        self.is_signed = signed

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str | tuple:
        return _by_name, (self.name,)

    def to_real(self) -> dtype:
        """The dtype of this dtype's real part."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """The complex dtype whose parts have this dtype."""
        return {float64: complex128, float32: complex64}.get(self, self)


bool_ = dtype("bool", np.bool_, BOOL, signed=False)
uint8 = dtype("uint8", np.uint8, INTEGER, signed=False)
uint16 = dtype("uint16", np.uint16, INTEGER, signed=False)
uint32 = dtype("uint32", np.uint32, INTEGER, signed=False)
uint64 = dtype("uint64", np.uint64, INTEGER, signed=False)
int8 = dtype("int8", np.int8, INTEGER)
int16 = dtype("int16", np.int16, INTEGER)
int32 = dtype("int32", np.int32, INTEGER)
int64 = dtype("int64", np.int64, INTEGER)
float16 = dtype("float16", np.float16, FLOAT)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, FLOAT)
float32 = dtype("float32", np.float32, FLOAT)
float64 = dtype("float64", np.float64, FLOAT)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOAT)
float8_e4m3fnuz = dtype("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, FLOAT)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, FLOAT)
float8_e5m2fnuz = dtype("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, FLOAT)
complex64 = dtype("complex64", np.complex64, COMPLEX)
complex128 = dtype("complex128", np.complex128, COMPLEX)

ALL = (bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64)
ALL += (float16, bfloat16, float32, float64)
ALL += (float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, complex64, complex128)
ALIASES = {
    "float": float32,
    "double": float64,
    "half": float16,
    "cfloat": complex64,
    "cdouble": complex128,
    "long": int64,
    "int": int32,
    "short": int16,
}
_NAMED = {d.name: d for d in ALL}
_FROM_NUMPY = {d.numpy: d for d in ALL}
# What `Tensor.type()` and error texts call a dtype.
TITLES = {
    bool_: "Bool",
    uint8: "Byte",
    int8: "Char",
    int16: "Short",
    int32: "Int",
    int64: "Long",
    float16: "Half",
    bfloat16: "BFloat16",
    float32: "Float",
    float64: "Double",
    complex64: "ComplexFloat",
    complex128: "ComplexDouble",
    uint16: "UInt16",
    uint32: "UInt32",
    uint64: "UInt64",
    float8_e4m3fn: "Float8_e4m3fn",
    float8_e4m3fnuz: "Float8_e4m3fnuz",
    float8_e5m2: "Float8_e5m2",
    float8_e5m2fnuz: "Float8_e5m2fnuz",
}


def _by_name(name: str) -> dtype:
    return _NAMED[name]


def to_dtype(numpy_type: Any) -> dtype:
    """The dtype of a NumPy dtype (or anything NumPy takes for one). TypeError if there is none."""
    found = _FROM_NUMPY.get(numpy_type)
    if found is None:
        found = _FROM_NUMPY.get(np.dtype(numpy_type))
    if found is None:
        raise TypeError(f"can't convert np.ndarray of type {np.dtype(numpy_type)}.")
    return found


_default = float32


_limits: dict[dtype, tuple[Any, Any]] = {bool_: (-math.inf, math.inf)}


def limits(d: dtype) -> tuple[Any, Any]:
    """The smallest and the largest finite number of a dtype; what is converted to bool has none."""
    found = _limits.get(d)
    if found is None:
        info = ml_dtypes.iinfo if d.category == INTEGER else ml_dtypes.finfo
        real = info(d.to_real().numpy)
        kind = int if d.category == INTEGER else float
        found = _limits[d] = kind(real.min), kind(real.max)
    return found


def get_default_dtype() -> dtype:
    """The dtype of float tensors made without one. See `torch.get_default_dtype`."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of float tensors made without one. See `torch.set_default_dtype`."""
    global _default
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise TypeError("only floating-point types are supported as the default type")
    _default = d


def of_number(value: object) -> dtype:
    """The dtype that a Python number takes part in promotion with."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    return _default.to_complex()


_FLOAT_ORDER = (float16, bfloat16, float32, float64)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be cast to. See `torch.promote_types`."""
    if type1 is type2:
        return type1
    low, high = sorted((type1, type2), key=lambda d: d.category)
    if low.category == high.category:
        return _promote_within(low, high)
    if high.category == COMPLEX and low is float64:
        return complex128
    return high


def _promote_within(a: dtype, b: dtype) -> dtype:
    """Promotion inside one category."""
    if a.category == INTEGER:
        if a.is_signed == b.is_signed:
            return a if a.itemsize >= b.itemsize else b
        signed, unsigned = (a, b) if a.is_signed else (b, a)
        if unsigned is not uint8:
            raise RuntimeError(
                "Promotion for uint16, uint32, uint64 types is not supported, "
                f"attempted to promote {TITLES[a]} and {TITLES[b]}"
            )
        return signed if signed.itemsize > 1 else int16
    if a.itemsize == b.itemsize:  # float16 with bfloat16, or two kinds of float8
        return float32
    return a if a.itemsize > b.itemsize else b


def result_type_of(operands: list[tuple[dtype, int]]) -> dtype:
    """PyTorch's result type of operands given as (dtype, rank)."""
    ranks: list[dtype | None] = [None, None, None]
    for d, rank in operands:
        seen = ranks[rank]
        ranks[rank] = d if seen is None else promote_types(seen, d)
    number, zero_dim, dimensioned = ranks
    result = _combine(dimensioned, zero_dim)
    result = _combine(result, number)
    if result is None:
        raise RuntimeError("result_type: at least one operand is needed")
    return result


def _combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """A lower rank counts only where its category is higher."""
    if higher is None:
        return lower
    if lower is None or lower.category <= higher.category:
        return higher
    if lower.category == COMPLEX and higher.category == FLOAT:
        return promote_types(higher, lower) if lower is not complex128 else higher.to_complex()
    return promote_types(higher, lower)


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch allows a result of dtype `from_` to be written to a tensor of `to`."""
    return from_.category <= to.category or (from_.category == BOOL)
