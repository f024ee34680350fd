"""From one layout to another, and what a sparse Tensor consists of: to_sparse, to_dense, coalesce,
indices, values.

How many entries a result has depends on values for to_sparse and coalesce, which read them; all
else is recorded. Read arithmetic.py next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._core.overrides import overridable
from ..._core.size import Size, layout, sparse_coo, sparse_csr, strided
from ..._core.tensor import Tensor, from_array
from ..._expose import row
from .. import conversion
from .kind import (
    TABLE,
    VALUES_AT,
    implements,
    no_leaf,
    pattern_of,
    title,
    unsupported,
    values_at,
    values_of,
    with_pattern,
)
from .pattern import Compressed, Coordinates, group, read

TO_DENSE, COMPRESSED, TOTAL = (
    row(f"_sparse_{name}") for name in ("to_dense", "compressed", "total")
)


def total(values: Tensor, segments: np.ndarray, count: int) -> Tensor:
    """The sums of the values whose entries have the same number in `segments`."""
    return TOTAL(values, from_array(segments, values.device), count)


@implements(overridable(conversion.to_dense))
def to_dense(input: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The same elements, all of them stored. The gradient is that of the entries.
    See torch.Tensor.to_dense."""
    pattern = pattern_of(input)
    if dtype is not None:
        name = "sparse_to_dense" if input.is_sparse else "sparse_csr_to_dense"
        raise RuntimeError(f"dtype argument is not supported by {name}")
    return TO_DENSE(values_of(input), pattern.indices, tuple(pattern.size))


# ---------------------------------------------------------------------------------------- to_sparse


def to_sparse(
    self: Tensor,
    sparse_dim: int | None = None,
    *,
    layout: layout | None = None,
    blocksize: Any = None,
    dense_dim: int | None = None,
) -> Tensor:
    """The elements that are not zero as entries of a sparse Tensor; of dimensions after the first
    `sparse_dim` all are kept where one is not zero. Reads the Tensor. See torch.Tensor.to_sparse.
    """
    if layout is sparse_csr:
        return to_sparse_csr(self, dense_dim)
    if layout is strided:
        return self.to_dense()
    if layout not in (None, sparse_coo) or blocksize is not None:
        raise NotImplementedError(f"jtorch has no sparse Tensors of layout {layout or 'blocks'}")
    pattern = pattern_of(self)
    if pattern is not None:
        return _from_sparse(self, sparse_dim)
    count = self.dim() - (dense_dim or 0) if sparse_dim is None else sparse_dim
    if not 0 <= count <= self.dim():
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{self.dim()}] range, but "
            f"{count} is given"
        )
    if not count and self.dim():
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    numbers = read(self.detach())
    kept = (numbers != 0).any(axis=tuple(range(count, numbers.ndim)))
    places = np.flatnonzero(kept)
    made = Coordinates.from_places(places, Size(self.shape), count, self.device)
    return with_pattern(VALUES_AT(self, made.indices), made)


def _from_sparse(self: Any, sparse_dim: int | None) -> Tensor:
    pattern = pattern_of(self)
    if sparse_dim not in (None, pattern.sparse_dim):
        if self.is_sparse:
            raise RuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument "
                "!=self.sparse_dim() is not supported"
            )
        raise RuntimeError(
            "sparse_compressed_to_sparse: conversion from SparseCsr to Sparse with sparse_dim "
            "argument !=2 is not supported"
        )
    return to_sparse_coo(self)


def to_sparse_coo(self: Tensor) -> Tensor:
    """The Tensor in coordinate format. See torch.Tensor.to_sparse_coo."""
    pattern = pattern_of(self)
    if pattern is None:
        return to_sparse(self)
    if isinstance(pattern, Coordinates):
        return self
    return with_pattern(values_of(self), Coordinates(pattern.indices, pattern.size, True))


def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The matrix with compressed rows. See torch.Tensor.to_sparse_csr."""
    if isinstance(pattern_of(self), Compressed):
        return self
    entries = to_sparse(self, dense_dim=dense_dim) if pattern_of(self) is None else coalesce(self)
    pattern = pattern_of(entries)
    if pattern.sparse_dim != 2:
        raise NotImplementedError("jtorch's sparse_csr Tensors are matrices, without batches")
    crow = COMPRESSED(pattern.indices, pattern.size[0])
    made = Compressed(crow, pattern.indices[1], pattern.size)
    return with_pattern(values_of(entries), made)


# ------------------------------------------------------------------------------------------- parts


def _coordinates(self: Tensor, name: str) -> Coordinates:
    """The pattern of a COO Tensor. RuntimeError for another layout."""
    pattern = pattern_of(self)
    if not isinstance(pattern, Coordinates):
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got {title(self)}")
    return pattern


def _coalesced(self: Tensor, name: str) -> Coordinates:
    pattern = _coordinates(self, name)
    if not pattern.coalesced:
        raise RuntimeError(
            f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
        )
    return pattern


def coalesce(self: Tensor) -> Tensor:
    """The entries in row-major order, those of one place added up. Reads the indices, unless the
    Tensor is coalesced already. See torch.Tensor.coalesce."""
    pattern = _coordinates(self, "coalesce")
    if pattern.coalesced:
        return self
    places, which = group(pattern.places())
    made = Coordinates.from_places(places, pattern.size, pattern.sparse_dim, pattern.device)
    return with_pattern(total(values_of(self), which, len(places)), made)


def is_coalesced(self: Tensor) -> bool:
    """Whether the entries are known to be sorted and distinct. See torch.Tensor.is_coalesced."""
    return _coordinates(self, "is_coalesced").coalesced


def indices(self: Tensor) -> Tensor:
    """The coordinates of a coalesced Tensor, (sparse_dim, entries). See torch.Tensor.indices."""
    return _coalesced(self, "indices").indices


def values(self: Tensor) -> Tensor:
    """The values of the entries, sharing memory and history. See torch.Tensor.values."""
    pattern = pattern_of(self)
    if pattern is None:
        raise RuntimeError("values expected sparse tensor layout but got Strided")
    if isinstance(pattern, Coordinates):
        _coalesced(self, "values")
    return no_leaf(values_of(self))


def _indices(self: Tensor) -> Tensor:
    """The coordinates, of an uncoalesced Tensor too."""
    pattern = pattern_of(self)
    if not isinstance(pattern, Coordinates):
        raise unsupported("_indices", (self,))
    return pattern.indices


def _values(self: Tensor) -> Tensor:
    """The values, of an uncoalesced Tensor too, without history."""
    if not isinstance(pattern_of(self), Coordinates):
        raise unsupported("_values", (self,))
    return values_of(self).detach()


def _nnz(self: Tensor) -> int:
    """The number of entries."""
    if pattern_of(self) is None:
        raise unsupported("_nnz", (self,))
    return values_of(self).shape[0]


def _compressed_part(name: str) -> Callable[[Tensor], Tensor]:
    def part(self: Tensor) -> Tensor:
        pattern = pattern_of(self)
        if not isinstance(pattern, Compressed):
            raise RuntimeError(
                f"{name} expected sparse row compressed tensor layout but got {title(self)}"
            )
        return getattr(pattern, name)

    part.__name__ = part.__qualname__ = name
    part.__doc__ = f"See torch.Tensor.{name}."
    return part


def sparse_dim(self: Tensor) -> int:
    """The number of dimensions that the indices count. See torch.Tensor.sparse_dim."""
    pattern = pattern_of(self)
    return 0 if pattern is None else pattern.sparse_dim


def dense_dim(self: Tensor) -> int:
    """The number of dimensions of each value. See torch.Tensor.dense_dim."""
    return self.dim() - sparse_dim(self)


def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements at the entries of a sparse Tensor. See torch.Tensor.sparse_mask."""
    pattern = pattern_of(mask)
    if pattern is None:
        raise RuntimeError("sparse_mask(): mask is expected to be a sparse tensor")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} "
            f"but mask has size {list(mask.shape)}"
        )
    return with_pattern(values_at(self, pattern), pattern)


_OWN = (to_sparse, to_sparse_coo, to_sparse_csr, coalesce, is_coalesced, indices, values)
_OWN += (_indices, _values, _nnz, sparse_dim, dense_dim, sparse_mask)
_OWN += tuple(map(_compressed_part, ("crow_indices", "col_indices")))
METHODS = {f.__name__: f for f in _OWN}
TABLE.update({overridable(f): f for f in _OWN})
