"""Functions that look up by an integer Tensor (gather, scatter, take, ...), which is checked.

A program can't raise while it runs, so the rows give NaN for what lies outside. Where the indices
are at hand on the CPU (they come from the user's data) they are checked here before the row is
recorded, in PyTorch's words; so are the weights of `cov`. `check_classes` does the same for targets
and ids, in nn/_losses.py. See indexing.check_bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _expose
from .._core.alias import cell_of
from .._core.capture import muted
from .._core.device import CPU
from .._core.op import ROWS
from .._core.program import host
from .._core.tensor import Tensor
from .._core.trace import local

_cov = _expose.row("cov")


def at_hand(tensor: Any) -> np.ndarray | None:
    """The values of a Tensor of the CPU that nothing has to run for."""
    if not isinstance(tensor, Tensor):
        return None
    cell = cell_of(tensor)
    return None if cell.array is None or cell.aval.device is not CPU else host(cell)


def check_at_hand(tensor: Any, check: Callable[[np.ndarray], None]) -> None:
    """check(values), where the values of an integer Tensor are at hand. A compiled function checks
    those of its later runs, too."""
    context = local.context
    with muted(context):
        values = at_hand(tensor)
    if values is None or tensor.dtype.is_floating_point:
        return
    check(values)
    if context.capture is not None:
        context.capture.checks.append((cell_of(tensor), check))


def outside(index: Any, low: int, high: int) -> int | None:
    """The first value of an index Tensor outside [low, high), where its values are at hand."""
    values = at_hand(index)
    if values is None or index.dtype.is_floating_point:
        return None
    return _first_outside(values, low, high)


def _first_outside(values: np.ndarray, low: int, high: int) -> int | None:
    if not values.size or (low <= values.min() and values.max() < high):
        return None
    return int(values[(values < low) | (values >= high)].flat[0])


def check_classes(index: Any, count: int, ignored: int | None, words: str) -> None:
    """IndexError for a class outside [0, count) that is not the ignored one."""

    def check(values: np.ndarray) -> None:
        if _first_outside(values, 0, count) is None:
            return
        wrong = values[((values < 0) | (values >= count)) & (values != ignored)]
        if wrong.size:
            raise IndexError(words.format(wrong.flat[0]))

    check_at_hand(index, check)


_cov = _expose.row("cov")
OUT_OF_BOUNDS = "index {index} is out of bounds for dimension {dim} with size {size}"
IN_SELF = "index out of range in self"
NO_ELEMENT = "out of range: tried to access index {index} on a tensor of {size} elements."

# name of the row -> (the error, its words, whether negative indices count from the end)
LOOKUPS: dict[str, tuple[type[Exception], str, bool]] = {
    "gather": (RuntimeError, OUT_OF_BOUNDS, False),
    "scatter": (RuntimeError, OUT_OF_BOUNDS, False),
    "scatter_add": (RuntimeError, OUT_OF_BOUNDS, False),
    "scatter_reduce": (RuntimeError, OUT_OF_BOUNDS, False),
    "index_select": (IndexError, IN_SELF, False),
    "index_add": (IndexError, IN_SELF, False),
    "index_copy": (IndexError, f"index_copy_(): {OUT_OF_BOUNDS}", False),
    "index_fill": (IndexError, OUT_OF_BOUNDS, True),
    "take": (IndexError, NO_ELEMENT, True),
    "put": (IndexError, NO_ELEMENT, True),
}


def _check(name: str, input: Any, dim: Any = None, index: Any = None) -> None:
    kind, words, negative = LOOKUPS[name]
    if not isinstance(input, Tensor):
        return
    shape = cell_of(input).aval.shape or (1,)
    if dim is None:
        size = input.numel()
    elif isinstance(dim, int) and -len(shape) <= dim < len(shape):
        size = shape[dim]
    else:
        return  # the row has something to say about it
    if words is OUT_OF_BOUNDS and isinstance(index, Tensor) and not negative:
        if max(index.dim(), 1) != len(shape):
            return
    axis = 0 if dim is None else dim % len(shape)

    def check(values: np.ndarray) -> None:
        wrong = _first_outside(values, -size if negative else 0, size)
        if wrong is not None:
            raise kind(words.format(index=wrong, dim=axis, size=size))

    check_at_hand(index, check)


def _checked(name: str, record: Callable) -> Callable:
    """The function of a row, with the check before it."""
    has_dim = ROWS[name].parameters[1] == "dim"

    def with_dim(input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        _check(name, input, dim, index)
        return record(input, dim, index, *args, **kwargs)

    def without_dim(input: Tensor, index: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        _check(name, input, None, index)
        return record(input, index, *args, **kwargs)

    function = with_dim if has_dim else without_dim
    function.__name__ = function.__qualname__ = record.__name__
    function.__doc__ = record.__doc__
    function.__wrapped__ = ROWS[name].function
    return function


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariance of variables (rows) over observations (columns). See torch.cov."""
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        values = at_hand(weights)
        if values is not None and (values < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    return _cov(input, correction=correction, fweights=fweights, aweights=aweights)


FUNCTIONS = [*(_checked(name, _expose.row(name)) for name in LOOKUPS), cov]
METHODS = {f.__name__: f for f in FUNCTIONS}
METHODS |= {
    f"{name}_": _checked(name, _expose.inplace_method(ROWS[name]))
    for name in LOOKUPS
    if ROWS[name].inplace
}
