"""Sparse gradients of dense Tensors: of a table in which rows are looked up.

The walk of a backward carries dense gradients. So the rows that were looked up are a leaf of their
own, and a hook on them brings their gradient to the table, as the values of a sparse one.
"""

from __future__ import annotations

from typing import Any

from ..._core import dtype as dtypes
from ..._core.alias import cell_of
from ..._core.backward import add_gradient
from ..._core.device import TRACING
from ..._core.grad_mode import is_grad_enabled
from ..._core.tensor import Tensor
from ..._expose import row
from .kind import SparseTensor, pattern_of, values_of, with_pattern
from .pattern import Coordinates

cat, view = row("cat"), row("view")


def may_be_sparse(table: Tensor) -> bool:
    """Whether a table's gradient goes straight to `.grad`, so that it may be sparse there."""
    traced = cell_of(table).aval.device is TRACING
    return table.requires_grad and table.is_leaf and is_grad_enabled() and not traced


def with_sparse_gradient(rows: Tensor, table: Tensor, indices: Tensor) -> Tensor:
    """Rows of a table, without history, as a Tensor whose gradient is added to `table.grad`.

    rows: (*indices.shape, *row).  The gradient is of layout sparse_coo and has an entry for each
    index, so one for each time that a row was looked up.
    """
    found = view(rows.requires_grad_(), tuple(rows.shape))
    where = indices.detach().reshape(1, -1).to(dtypes.int64)

    def deliver(gradient: Tensor) -> None:
        values = gradient.detach().reshape(where.shape[1], *table.shape[1:])
        pattern = Coordinates(where, table.shape, where.shape[1] < 2)
        add_gradient(table, _sum(table.grad, with_pattern(values, pattern)))

    found.register_hook(deliver)
    return found


def _sum(before: Any, new: SparseTensor) -> Tensor:
    """Two gradients as one: sparse if both are, with the entries of the one after those of the
    other."""
    if before is None:
        return new
    if not before.is_sparse:
        return before + new.to_dense()
    indices = cat([pattern_of(before).indices, pattern_of(new).indices], 1)
    values = cat([values_of(before), values_of(new)])
    return with_pattern(values, Coordinates(indices, new.shape, False))
