"""Sparse gradients: what optimizers that know them take instead.

The gradient of `nn.Embedding(sparse=True)`, for one; see functions/sparse.
"""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor
from ..functions.sparse.kind import pattern_of, values_of


def densified(params: list[Tensor]) -> list[Any]:
    """The gradients, sparse ones of dense parameters with their zeros: for rules that leave an
    element without gradient as it is."""
    pairs: list[Any] = [(p, p._grad) for p in params]
    return [g.to_dense() if g.is_sparse and not p.is_sparse else g for p, g in pairs]


def in_parts(gradient: Any) -> tuple[Tensor, Tensor]:
    """The values of a sparse gradient, and where they stand in row-major order of the sparse
    dimensions."""
    return values_of(gradient), pattern_of(gradient).positions()
