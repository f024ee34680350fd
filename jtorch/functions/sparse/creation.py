"""Making sparse Tensors from indices and values: sparse_coo_tensor, sparse_csr_tensor.

Indices and values may be Tensors, through whose values gradients flow, or what `torch.tensor`
takes. From dense Tensors: conversion.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import dtype as dtypes
from ..._core.dtype import dtype
from ..._core.size import Size
from ..._core.tensor import Tensor
from ..creation import as_tensor, empty, size_of
from .kind import SparseTensor, no_leaf, with_pattern
from .pattern import Compressed, Coordinates, Pattern, group, read


def sparse_coo_tensor(
    indices: Any,
    values: Any = None,
    size: Any = None,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """The Tensor of layout sparse_coo with values at the coordinates in the columns of `indices`.

    values: (entries, *dense sizes); entries of one place add up. Without `size`, which reads the
    indices, the smallest that holds all. sparse_coo_tensor(size) has no entries. Indices are only
    checked with `check_invariants`. See torch.sparse_coo_tensor.
    """
    if values is None:
        shape = size_of((indices,) if isinstance(indices, int) else (tuple(indices),))
        indices, size = empty(len(shape), 0, dtype=dtypes.int64), shape
        values = empty(0, dtype=dtype)
    values = _values(values, dtype, device)
    indices = as_tensor(indices).to(values.device, dtypes.int64)
    _check_parts(indices, values)
    count = indices.shape[0]
    if size is None:
        size = (*_extent(indices), *values.shape[1:])
    shape = Size(size_of((tuple(size),)))
    _check_size(shape, count, values)
    coalesced = bool(is_coalesced) or indices.shape[1] < 2
    pattern = Coordinates(indices, shape, coalesced)
    if check_invariants:
        _check_coordinates(pattern)
    return _finish(values, pattern, requires_grad)


def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """The matrix of layout sparse_csr whose row i has the entries from crow_indices[i] to
    crow_indices[i + 1] - 1, in the columns `col_indices`.

    Without `size`, which reads the indices, the smallest that holds all. No batches here. Indices
    are only checked with `check_invariants`. See torch.sparse_csr_tensor.
    """
    values = _values(values, dtype, device)
    crow, col = (as_tensor(i).to(values.device) for i in (crow_indices, col_indices))
    kind = dtypes.int32 if dtypes.int32 in (crow.dtype, col.dtype) else dtypes.int64
    crow, col = crow.to(kind), col.to(kind)
    if crow.dim() != 1 or col.dim() != 1:
        raise NotImplementedError("jtorch's sparse_csr Tensors are matrices, without batches")
    if size is None:
        size = (crow.shape[0] - 1, *_extent(col.reshape(1, -1)), *values.shape[1:])
    pattern = Compressed(crow, col, Size(size_of((tuple(size),))))
    if check_invariants:
        _check_compressed(pattern, values)
    return _finish(values, pattern, requires_grad)


def _values(values: Any, kind: dtype | None, device: Any) -> Tensor:
    found = as_tensor(values, dtype=kind, device=device)
    return found if found.dim() else found.reshape(1)


def _finish(values: Tensor, pattern: Pattern, requires_grad: bool) -> Tensor:
    if requires_grad:
        return with_pattern(values.detach(), pattern).requires_grad_()
    return with_pattern(no_leaf(values), pattern)


def _extent(indices: Tensor) -> tuple[int, ...]:
    """The smallest sizes that hold all coordinates. Reads them."""
    numbers = read(indices)
    if not numbers.size:
        return (0,) * len(numbers)
    for d, low in enumerate(numbers.min(1)):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")
    return tuple(int(n) + 1 for n in numbers.max(1))


# ------------------------------------------------------------------------------------------- checks


def _check_parts(indices: Tensor, values: Tensor) -> None:
    if indices.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{indices.shape[1]}, nnz from values: {values.shape[0]}"
        )


def _check_size(size: Size, count: int, values: Tensor) -> None:
    dense = values.dim() - 1
    if len(size) != count + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
            f"sparse_dim = {count}, dense_dim = {dense}"
        )
    wanted = (values.shape[0], *size[count:])
    if tuple(values.shape) != wanted:
        raise RuntimeError(
            f"values has incorrect size, expected {list(wanted)}, got {list(values.shape)}"
        )


def _check_coordinates(pattern: Coordinates) -> None:
    """RuntimeError for coordinates outside the size, and for a wrong `is_coalesced`. Reads them."""
    for d, length in enumerate(_extent(pattern.indices)):
        if length > pattern.size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {pattern.size[d]} but "
                f"found index {length - 1}"
            )
    places = pattern.places()
    if pattern.coalesced and not np.array_equal(group(places)[0], places):
        raise RuntimeError(
            "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"
        )


def _check_compressed(pattern: Compressed, values: Tensor) -> None:
    """RuntimeError for indices that are not those of a matrix of compressed rows. Reads them."""
    crow, col = read(pattern.crow_indices), read(pattern.col_indices)
    rows, columns = pattern.size[:2]
    count = values.shape[0]
    if len(crow) != rows + 1:
        raise RuntimeError(
            f"crow_indices.shape[-1] must be equal to the number of rows + 1 (={rows + 1}), but "
            f"got {len(crow)}"
        )
    if len(col) != count:
        raise RuntimeError(
            f"col_indices.shape[-1] must be equal to nnz (={count}) as defined by "
            f"values.shape[0], but got {len(col)}"
        )
    steps = np.diff(crow)
    inside = np.diff(col)[~np.isin(np.arange(1, count), crow)] if count else col
    laws = (
        ("crow_indices[..., 0] == 0", crow[0] == 0),
        ("crow_indices[..., -1] == nnz", crow[-1] == count),
        (
            "0 <= crow_indices[..., 1:] - crow_indices[..., :-1] <= ncols",
            ((steps >= 0) & (steps <= columns)).all(),
        ),
        ("0 <= col_indices < ncols", ((col >= 0) & (col < columns)).all()),
        (
            "col_indices[..., crow_indices[..., i - 1]:crow_indices[..., i]] for all i = 1, ..., "
            "nrows are sorted and distinct along the last dimension values",
            (inside > 0).all(),
        ),
    )
    for law, holds in laws:
        if not holds:
            raise RuntimeError(f"`{law}` is not satisfied.")


# ---------------------------------------------------------------------------- torch.sparse.*Tensor


class _Typed(type):
    """The class of the constructors that old code uses."""

    dtype: dtype

    def __call__(cls, *args: Any) -> Tensor:
        if args and all(isinstance(a, int) for a in args):
            return sparse_coo_tensor(args, dtype=cls.dtype)
        return sparse_coo_tensor(*(args or ((0,),)), dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        sparse = isinstance(instance, SparseTensor) and instance.is_sparse
        return sparse and instance.dtype is cls.dtype


_KINDS = {title: kind for kind, title in dtypes.TITLES.items()}
_NAMES = ("Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double")
CONSTRUCTORS = {
    f"{title}Tensor": _Typed(
        f"{title}Tensor",
        (),
        {"dtype": _KINDS[title], "__doc__": f"Makes sparse Tensors of {_KINDS[title]}."},
    )
    for title in _NAMES
}
FUNCTIONS = [sparse_coo_tensor, sparse_csr_tensor]
