"""What the random functions return: a new Tensor, or `out`, by the options they all have.

The functions are in random.py and chances.py, the checks of their other arguments in
_random_arguments.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.device import canonical
from .._core.dtype import FLOAT, TITLES, dtype, get_default_dtype
from .._core.tensor import Tensor, require_grad
from ._drawing import drawn

Draw = Callable[[tuple[int, ...], np.dtype], np.ndarray]
OPTIONS = {"out", "dtype", "layout", "device", "requires_grad", "pin_memory", "memory_format"}


def new(draw: Draw, shape: tuple[int, ...], kind: dtype, options: dict[str, Any]) -> Tensor:
    """A Tensor of drawn numbers, or `out` filled with them."""
    out = options.get("out")
    if out is None:
        where = canonical(options.get("device"))
        return grown(drawn(lambda s: draw(s, kind.numpy), shape, where), options)
    if out.requires_grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    values = drawn(lambda s: draw(s, kind.numpy), shape, out.device)
    if out.shape == shape:
        return out.copy_(values)
    out.data = values
    return out


def grown(made: Tensor, options: dict[str, Any]) -> Tensor:
    """The Tensor, as a leaf that requires grad if that is asked for."""
    if not options.get("requires_grad"):
        return made
    check_can_grow(made.dtype)
    return require_grad(made, True)


def check_can_grow(kind: dtype) -> None:
    if kind.category < FLOAT:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


def kind_of(options: dict[str, Any], otherwise: dtype | None = None) -> dtype:
    """The dtype of the result, from `dtype=` and `out=`."""
    kind = options.get("dtype")
    out = options.get("out")
    if kind is not None and not isinstance(kind, dtype):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(kind).__name__}")
    if out is None:
        return kind or otherwise or get_default_dtype()
    if kind is not None and kind is not out.dtype:
        raise RuntimeError(
            f"dtype {TITLES[kind]} does not match dtype of out parameter ({TITLES[out.dtype]})"
        )
    return out.dtype


def check_options(name: str, options: dict[str, Any]) -> None:
    unknown = options.keys() - OPTIONS
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{min(unknown)}'")
