"""Type promotion inside an op, for the ops whose rows cannot declare it, and broadcasting checks.

Rows declare `promote=`; an op does it here when only some of its arguments take part, or when it
has to see the dtypes before promotion. The rules are in _core/dtype.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.dtype import (
    COMPLEX,
    DIMENSIONED,
    INTEGER,
    NUMBER,
    TITLES,
    ZERO_DIM,
    dtype,
    get_default_dtype,
    of_number,
    result_type_of,
    to_dtype,
)
from .._core.op import Array, Varying, cast, unwrap
from ._shapes import broadcast_shapes


def promoted(*values: Any, to_float: bool = False) -> list[Array]:
    """The arrays and numbers cast to PyTorch's common dtype; integers to float if `to_float`."""
    common = result_type_of([_operand(v) for v in values])
    if to_float:
        common = as_float(common)
    return [cast(unwrap(v), common) for v in values]


def _operand(value: Any) -> tuple[dtype, int]:
    if isinstance(value, Varying):
        number = to_dtype(value.array.dtype)
        return (get_default_dtype() if number.is_floating_point else number), NUMBER
    if is_number(value):
        return of_number(value), NUMBER
    return to_dtype(value.dtype), DIMENSIONED if value.ndim else ZERO_DIM


def is_number(value: Any) -> bool:
    """Whether this is a Python number (static), not an array."""
    return isinstance(value, (bool, int, float, complex))


def as_float(d: dtype) -> dtype:
    """The dtype itself, or the default float dtype for integers and bool."""
    return get_default_dtype() if d.category <= INTEGER else d


def to_inexact(input: Array) -> Array:
    """The array itself, or as default float if it holds integers or bools."""
    return cast(input, as_float(to_dtype(input.dtype)))


def is_bool(input: Any) -> bool:
    """Whether this is an array of bools, or a bool."""
    return isinstance(input, bool) or getattr(input, "dtype", None) == np.bool_


def is_integral(input: Any) -> bool:
    """Whether this is an array of integers or bools."""
    return to_dtype(input.dtype).category <= INTEGER


def is_complex(input: Any) -> bool:
    """Whether this is an array of complex numbers."""
    return to_dtype(input.dtype).category == COMPLEX


def title(input: Array) -> str:
    """PyTorch's name of the dtype in error texts: Float, Long."""
    return TITLES[to_dtype(input.dtype)]


# What C++ calls a dtype, in the error texts that come from there.
C_NAMES = {
    "Bool": "bool",
    "Byte": "unsigned char",
    "Char": "signed char",
    "Short": "short",
    "Int": "int",
    "Long": "long int",
    "Half": "c10::Half",
    "BFloat16": "c10::BFloat16",
    "Float": "float",
    "Double": "double",
    "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>",
}


def c_name(input: Array) -> str:
    """The C++ name of the dtype in error texts: float, long int."""
    return C_NAMES[title(input)]


def check_broadcast(*arrays: Any) -> None:
    """RuntimeError with PyTorch's words if the arrays cannot be broadcast together."""
    broadcast_shapes(*(np.shape(a) for a in arrays))
