"""Functions whose arguments decide what they are: `where`, `repeat_interleave`, `polygamma`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _expose
from .._core.record import record, record_inplace
from .._core.tensor import Tensor, from_array
from .indexing import nonzero

_where = _expose.row("where")
_repeat_interleave = _expose.row("repeat_interleave")
POLYGAMMA = _expose.ROWS["_polygamma"]


def where(
    condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None
) -> Any:
    """`input` where the condition holds, else `other`; with the condition alone, where it holds.
    See torch.where."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    return _where(condition, input, other, out=out)


def where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This Tensor where the condition holds, else `other`. See torch.Tensor.where."""
    return _where(condition, self, other)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each entry repeated; how often is one number, or a Tensor of numbers, which is read unless
    `output_size` tells their sum. See torch.repeat_interleave."""
    if repeats is None:
        input, repeats = from_array(np.arange(input.numel()), input.device), input
    if isinstance(repeats, Tensor) and output_size is None:
        count = input.numel() if dim is None else input.size(dim)
        total = int(repeats.sum().item())
        output_size = total * count if repeats.numel() == 1 else total
    return _repeat_interleave(input, repeats, dim, output_size=output_size)


def polygamma_method(self: Tensor, n: int) -> Tensor:
    """polygamma(n, self). See torch.Tensor.polygamma."""
    return record(POLYGAMMA, self, n)


def polygamma_(self: Tensor, n: int) -> Tensor:
    """`polygamma` written to this Tensor. See torch.Tensor.polygamma_."""
    return record_inplace(POLYGAMMA, (self, n), {})


FUNCTIONS = [where, repeat_interleave]
METHODS = {
    "where": where_method,
    "repeat_interleave": repeat_interleave,
    "polygamma": polygamma_method,
    "polygamma_": polygamma_,
}
