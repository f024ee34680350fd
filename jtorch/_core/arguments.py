"""Whether the arguments of a call are of the kinds that the op's row says, in PyTorch's words.

It is asked once a path, before shapes are inferred, so that an op's function sees nothing but what
its annotations promise. What shapes and dtypes fit together is for the op to say. Read extend.py
next.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .dtype import TITLES, dtype, of_number
from .op import Op
from .trace import Aval, Slot

NUMBERS = (bool, int, float, complex)


def check_arguments(op: Op, args: tuple, kwargs: dict) -> None:
    """Raise TypeError for an argument of a wrong kind. Tensors have come in as slots."""
    kinds = getattr(op, "kinds", None)
    if not kinds:
        return
    names = op.parameters[: _fixed(op.function)]
    for position, (name, value) in enumerate(zip(names, args, strict=False)):
        _check(op, name, value, kinds[name], f" (position {position + 1})")
    for name, value in kwargs.items():
        _check(op, name, value, kinds.get(name, ""), "")
    _check_some_tensor(op, args, kwargs)


def refusal_of(op: Op, avals: Sequence[Aval], args: tuple, kwargs: dict) -> RuntimeError | None:
    """PyTorch's error for a dtype that it has no kernel for; None if it has one.

    The NotImplementedError comes where a kernel is chosen, after shapes were looked at.
    """
    lacks = getattr(op, "lacks", None)
    if not lacks or not avals:
        return None
    kind = _widest(avals)
    given = zip(op.parameters, args, strict=False)
    numbers = (v for n, v in (*given, *kwargs.items()) if n in op.arrays and type(v) in NUMBERS)
    category = max([kind.category, *[of_number(v).category for v in numbers]])
    if category not in lacks:
        return None
    message = lacks[category]
    if message is None:
        return not_implemented(op, avals)
    return RuntimeError(message.format(TITLES[kind]))


def not_implemented(op: Op, avals: Sequence[Aval]) -> NotImplementedError:
    """What PyTorch raises where it has no kernel for a dtype."""
    return NotImplementedError(f"\"{op.name}\" not implemented for '{TITLES[_widest(avals)]}'")


def _widest(avals: Sequence[Aval]) -> dtype:
    kinds: list[dtype] = [a.dtype for a in avals]
    return max(kinds, key=lambda d: d.category)


def _fixed(function: Callable) -> int | None:
    """How many parameters come before `*args`; None where there is no such thing."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_VARARGS:
        return None
    return code.co_argcount


def _check(op: Op, name: str, value: Any, kind: str, where: str) -> None:
    if kind == "Sequence[Array]":
        _check_tensors(op, name, value, where)
        return
    wanted = _wanted(kind, value)
    if wanted:
        given = type(value).__name__
        given = "Tensor" if isinstance(value, Slot) else given
        raise TypeError(f"{op.name}(): argument '{name}'{where} must be {wanted}, not {given}")


def _wanted(kind: str, value: Any) -> str:
    """What PyTorch calls the kind that a value is not of; '' if it is, or where any may be."""
    if kind.endswith(" | None"):
        if value is None:
            return ""
        kind = kind.removesuffix(" | None")
    match kind:
        case "Array":
            return "" if isinstance(value, Slot) else "Tensor"
        case "Array | Number":
            return "" if isinstance(value, (Slot, *NUMBERS)) else "Tensor"
        case "Number" | "float":
            return "" if isinstance(value, (Slot, *NUMBERS)) else "Number"
        case "int":
            return "" if isinstance(value, int) else "int"
        case "str":
            return "" if isinstance(value, str) else "str"
        case "bool":
            return "bool" if value is None or isinstance(value, (str, float, tuple, list)) else ""
        case "dtype" | "DType":
            return "" if isinstance(value, dtype) else "torch.dtype"
        case "Dims" | "tuple[int, ...]" | "int | tuple[int, ...]":
            return "" if value is None or _are_sizes(value) else "tuple of ints"
    return ""


def _are_sizes(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(isinstance(v, int) for v in value)
    return isinstance(value, int)


def _check_tensors(op: Op, name: str, value: Any, where: str) -> None:
    if not isinstance(value, (tuple, list)):
        given = "Tensor" if isinstance(value, Slot) else type(value).__name__
        raise TypeError(
            f"{op.name}(): argument '{name}'{where} must be tuple of Tensors, not {given}"
        )
    for k, item in enumerate(value):
        if not isinstance(item, Slot):
            raise TypeError(
                f"{op.name}(): expected Tensor as element {k} in argument 0, "
                f"but got {type(item).__name__}"
            )


def _check_some_tensor(op: Op, args: tuple, kwargs: dict) -> None:
    """A row that takes numbers for Tensors (`2 - x`) wants one Tensor all the same."""
    first = op.parameters[0]
    if op.kinds[first] != "Array | Number" or op.numbers_do:
        return
    if not any(isinstance(v, Slot) for v in (*args, *kwargs.values())):
        value = args[0] if args else kwargs.get(first)
        raise TypeError(
            f"{op.name}(): argument '{first}' (position 1) must be Tensor, "
            f"not {type(value).__name__}"
        )
