"""What the random functions say about their arguments: PyTorch's checks and words.

The functions themselves are in random.py (new Tensors) and random_fill.py (in place).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.dtype import (
    BOOL,
    FLOAT,
    INTEGER,
    TITLES,
    bfloat16,
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .._core.generator import Generator, default_generator
from .._core.tensor import Tensor

FLOATS = (float16, bfloat16, float32, float64)
# The integers up to 2**digits are exact in these.
_DIGITS = {float16: 11, bfloat16: 8, float32: 24, float64: 53}
# What PyTorch's messages about bounds call a dtype: C++'s name.
_NATIVE = {
    bool_: "bool",
    uint8: "unsigned char",
    int8: "signed char",
    int16: "short int",
    int32: "int",
    int64: "long int",
    uint16: "short unsigned int",
    uint32: "unsigned int",
    uint64: "long unsigned int",
    float16: "c10::Half",
    bfloat16: "c10::BFloat16",
    float32: "float",
    float64: "double",
}


def generator_of(generator: Any) -> Generator:
    """The generator of a `generator=` argument."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(
            f"argument 'generator' must be torch.Generator, not {type(generator).__name__}"
        )
    return generator


def check_tensor(name: str, input: Any) -> dtype:
    """The dtype of a function's first argument. TypeError if that is no Tensor."""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    return input.dtype


def native_name(kind: dtype) -> str:
    """C++'s name of a dtype, for messages."""
    return _NATIVE.get(kind, TITLES[kind])


def check_implemented(kind: dtype, kernel: str, complex: bool = False) -> None:
    """NotImplementedError for a dtype that a continuous sampler can't make."""
    if kind not in FLOATS and not (complex and kind.is_complex):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TITLES[kind]}'")


def shape_of(name: str, given: tuple, size: Any = None) -> tuple[int, ...]:
    """A shape from numbers, from one sequence, or from `size=`."""
    if size is not None:
        if given or not isinstance(size, Sequence) or isinstance(size, str):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, not {type(size).__name__}"
            )
        given = (size,)
    elif not given:
        raise TypeError(f"{name}() received an invalid combination of arguments - got ()")
    items = given
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        items = tuple(given[0])
    shape = tuple(
        s if type(s) is int else _one_size(name, s, place, items is given)
        for place, s in enumerate(items)
    )
    if any(s < 0 for s in shape):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return shape


def _one_size(name: str, value: Any, place: int, spread: bool) -> int:
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        pass
    kind = type(value).__name__
    if spread and place == 0:
        found = f"not {kind}"
    else:
        found = f"but found element of type {kind} at pos {place}"
    raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, {found}")


def integer_of(name: str, argument: str, position: int, value: Any) -> int:
    """An integer argument of 64 bits. A bool or a float is none."""
    if isinstance(value, (bool, float, np.bool_, np.floating)) or not hasattr(value, "__index__"):
        raise _wrong_type(name, argument, position, "int", value)
    value = value.__index__()
    if not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return value


def number_of(name: str, argument: str, position: int, value: Any) -> float:
    """A float argument. An integer or a Tensor of one element is one."""
    try:
        if not isinstance(value, str):
            return float(value)
    except TypeError:
        pass
    raise _wrong_type(name, argument, position, "float", value)


def _wrong_type(name: str, argument: str, position: int, kind: str, value: Any) -> TypeError:
    return TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be {kind}, not "
        f"{type(value).__name__}"
    )


def plain(value: float) -> str:
    """A number as C++ streams print it, in messages: -1 for -1.0, six digits."""
    return f"{value:.6g}"


def check_std(std: float, name: str = "normal", zero: bool = True) -> None:
    """RuntimeError for a standard deviation that is negative (or zero, where that is forbidden)."""
    if not (std >= 0 if zero else std > 0):
        sign = ">=" if zero else ">"
        raise RuntimeError(f"{name} expects std {sign} 0.0, but found std {plain(std)}")


def _limits(kind: dtype) -> tuple[int, int]:
    """The smallest and largest integer that a dtype can hold."""
    if kind.category == BOOL:
        return 0, 1
    if kind.category == INTEGER:
        info = np.iinfo(kind.numpy)
        return int(info.min), int(info.max)
    if kind is bfloat16:
        largest = int(2.0**127 * (2 - 2.0**-7))
    else:
        largest = int(np.finfo(kind.numpy).max)
    return -largest, largest


def largest_drawn(kind: dtype) -> int:
    """The largest value of `random_()` without an upper bound."""
    return 2 ** _DIGITS[kind] if kind in _DIGITS else _limits(kind)[1]


def check_range(low: int, high: int, kind: dtype) -> None:
    """RuntimeError unless low < high and the integers of [low, high) fit the dtype."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if kind.category > FLOAT:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    if kind not in _NATIVE:
        raise NotImplementedError(f"\"random_update_from_to\" not implemented for '{TITLES[kind]}'")
    smallest, largest = _limits(kind)
    for name, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {native_name(kind)}")
        if kind in _DIGITS and abs(value) > 2 ** _DIGITS[kind]:
            digits = _DIGITS[kind]
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {native_name(kind)} can support discrete uniform distribution only "
                "within this range.",
                stacklevel=4,
            )


def check_uniform(low: float, high: float, kind: dtype) -> None:
    """RuntimeError unless low <= high and both fit the dtype."""
    if kind.is_complex:
        kind = kind.to_real()
    largest = float(_limits(kind)[1])
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {native_name(kind)}")
    if low > high:
        raise RuntimeError(
            "uniform_ expects to return a [from, to) range, but found "
            f"from={plain(low)} > to={plain(high)}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{TITLES[kind]}>::max(), but found "
            f"to={plain(high)} and from={plain(low)} which result in to-from to exceed the limit"
        )
