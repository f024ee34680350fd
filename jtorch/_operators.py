"""Tensor's operators: `a + b`, `a @ b`, `a += b`, `a < b` and their reflections, on the op rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _expose
from ._core.overrides import overrides
from ._core.tensor import Tensor, from_array

# Python's name -> the op row.
BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "div": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
COMPARISON = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}
UNARY = {"neg": "neg", "abs": "abs"}
_operands = (Tensor, bool, int, float, complex, np.generic, np.ndarray)


def _plain(value: Any) -> Any:
    """An operand as a Tensor or a Python number."""
    if isinstance(value, np.ndarray):
        return from_array(value)
    return value.item() if isinstance(value, np.generic) else value


def _operator(name: str) -> Callable:
    record = _expose.row(name)

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _operands) and not overrides(type(other)):
            return NotImplemented
        if isinstance(other, (np.generic, np.ndarray)):
            other = _plain(other)
        return record(self, other)

    operator.__doc__ = f"See torch.{name}."
    return operator


def _quotient() -> Callable:
    """number / x, as PyTorch computes it: number * (1 / x)."""
    mul, reciprocal = _expose.row("mul"), _expose.row("reciprocal")
    return lambda number, divisor: mul(reciprocal(divisor), number)


def _reflected(name: str) -> Callable:
    record = _quotient() if name == "div" else _expose.row(name)

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise TypeError(
                f"a reflected '{name}' is a method of Tensor, not {type(self).__name__}"
            )
        if not isinstance(other, _operands):
            return NotImplemented
        return record(_plain(other), self)

    return operator


def _inplace(name: str) -> Callable:
    method = getattr(Tensor, f"{name}_")

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _operands):
            return NotImplemented
        return method(self, _plain(other))

    return operator


def _unary(name: str) -> Callable:
    record = _expose.row(name)
    return lambda self: record(self)


def _invert(self: Tensor) -> Tensor:
    """~x. TypeError for floats. See torch.bitwise_not."""
    if self.dtype.is_floating_point or self.dtype.is_complex:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return _expose.row("bitwise_not")(self)


def _positive(self: Tensor) -> Tensor:
    """+x: the Tensor itself."""
    return self


def hang_operators() -> None:
    """Put the operators on Tensor."""
    for python, name in BINARY.items():
        setattr(Tensor, f"__{python}__", _operator(name))
        setattr(Tensor, f"__r{python}__", _reflected(name))
        if hasattr(Tensor, f"{name}_"):
            setattr(Tensor, f"__i{python}__", _inplace(name))
    for python, name in COMPARISON.items():
        setattr(Tensor, f"__{python}__", _operator(name))
    for python, name in UNARY.items():
        setattr(Tensor, f"__{python}__", _unary(name))
    Tensor.__pos__ = _positive
    Tensor.__invert__ = _invert
    Tensor.__hash__ = object.__hash__
