"""Indexing: `x[...]`, `x[...] = v`, and the functions whose result's shape depends on values.

A basic index (numbers, slices, None, Ellipsis) is a view; an advanced one (integer Tensors, masks,
lists) copies. A mask has to be read to know how many elements it selects: that materialises.
Integer Tensors as indices are checked against the range of their dimension where their values are
at hand on the CPU; to compute them first, or to wait for an accelerator, would cost more than the
check is worth: there, what lies outside gives NaN or zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import dtype as dtypes
from .._core.alias import cell_of, check_writable, write
from .._core.capture import FOREIGN, stop
from .._core.device import CPU
from .._core.events import materialises
from .._core.op import ROWS
from .._core.overlap import check_overlap
from .._core.program import host
from .._core.record import record, write_out
from .._core.strides import overlaps
from .._core.tensor import Tensor, from_array
from ..ops.index import INT, NEW, TENSOR
from .shaping import broadcast_tensors

GETITEM, SETITEM = ROWS["_getitem"], ROWS["_setitem"]
GETITEM_ADVANCED, SETITEM_ADVANCED = ROWS["_getitem_advanced"], ROWS["_setitem_advanced"]
MASKED_SET = ROWS["_masked_set"]


def getitem(self: Tensor, index: Any) -> Tensor:
    """x[index]. IndexError for an index out of range or of a wrong type."""
    mask = _single_mask(index)
    if mask is not None and not mask.dim():
        return getitem(self.unsqueeze(0), mask.reshape(1))
    spec, values, advanced = parse(cell_of(self).aval.shape, index)
    op = GETITEM_ADVANCED if advanced else GETITEM
    return record(op, self, spec, *values)


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, broadcast and cast to x."""
    shape = cell_of(self).aval.shape
    value = _as_value(value, self)
    mask = _single_mask(index)
    if mask is not None and not mask.dim():
        _check_same_dtype(self, value)
        self, mask = self.unsqueeze(0), mask.reshape(1)
        shape, index = (1, *shape), mask
    if mask is not None and (not isinstance(value, Tensor) or value.numel() == 1):
        _check_mask(mask, shape)
        if isinstance(value, Tensor):
            check_overlap(self, value, whole=True)
        check_writable(self)
        result = record(MASKED_SET, self, mask, value)
    else:
        spec, values, advanced = parse(shape, index)
        if not advanced and overlaps(shape, self.stride()):  # the part that is written may not
            part = record(GETITEM, self, spec, *values)
            check_writable(part)
            setitem(part, ..., value)
            return
        check_writable(self)
        if advanced:
            _check_same_dtype(self, value)
            if isinstance(value, Tensor):
                check_overlap(self, value, whole=True)
            result = record(SETITEM_ADVANCED, self, value, False, spec, *values)
        else:
            result = record(SETITEM, self, value, spec, *values)
    write(self, cell_of(result))


def _check_same_dtype(input: Tensor, value: Any) -> None:
    """An advanced index writes without a cast. RuntimeError if it needed one."""
    if isinstance(value, Tensor) and value.dtype is not input.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{dtypes.TITLES[input.dtype]} for the destination and "
            f"{dtypes.TITLES[value.dtype]} for the source."
        )


def delitem(self: Tensor, index: Any) -> None:
    """TypeError: a Tensor has its size."""
    raise TypeError("Tensor does not support deleting items")


def _as_value(value: Any, target: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value if value.device is target.device else value.to(target.device)
    if isinstance(value, (bool, int, float, complex)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        stop(FOREIGN)
        return from_array(value, target.device)
    raise TypeError(f"can't assign a {type(value).__name__} to a torch.{target.dtype.name} Tensor")


def _single_mask(index: Any) -> Tensor | None:
    if isinstance(index, tuple) and len(index) == 1:
        index = index[0]
    if isinstance(index, np.ndarray) and index.dtype == bool:
        stop(FOREIGN)
        index = from_array(index)
    return index if isinstance(index, Tensor) and index.dtype is dtypes.bool_ else None


def _check_mask(mask: Tensor, shape: tuple[int, ...], at: int = 0) -> None:
    own = cell_of(mask).aval.shape
    for k, size in enumerate(own):
        if at + k >= len(shape) or size != shape[at + k]:
            raise IndexError(
                f"The shape of the mask {list(own)} at index {k} does not match the shape of the "
                "indexed "
                f"tensor {list(shape)} at index {at + k}"
            )


# ------------------------------------------------------------------------------------------ parsing


def parse(shape: tuple[int, ...], index: Any) -> tuple[tuple, list, bool]:
    """What an index means for a shape: its spec, the values of its place holders, whether it is
    advanced."""
    items = list(index) if isinstance(index, tuple) else [index]
    if not isinstance(index, tuple) and isinstance(index, list) and _is_nested(index):
        items = list(index)
    items = _expanded(shape, [_plain(item) for item in items])
    spec: list[Any] = []
    values: list[Any] = []
    advanced = any(isinstance(item, Tensor) for item in items)
    dim = 0
    for item in items:
        if item is None:
            spec.append(NEW)
        elif isinstance(item, Tensor):
            dim += _parse_tensor(item, shape, dim, spec, values)
        elif isinstance(item, slice):
            spec.append(_bounds(item, shape[dim]))
            dim += 1
        else:
            number = _in_range(item, shape[dim], dim)
            spec.append(TENSOR if advanced else INT)
            values.append(from_array(np.int64(number)) if advanced else number)
            dim += 1
    return tuple(spec), values, advanced


def _is_nested(index: list) -> bool:
    """PyTorch reads a short list that holds slices or sequences as a tuple."""
    return len(index) <= 32 and any(
        isinstance(i, (slice, type(None), list, tuple, Tensor)) or i is Ellipsis for i in index
    )


def _plain(item: Any) -> Any:
    """An item as None, Ellipsis, a slice, an int or a Tensor."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(item, Tensor):
        kind = item.dtype
        if kind.is_floating_point or kind.is_complex:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if kind is dtypes.uint8:
            return item.bool()
        return item
    if isinstance(item, (bool, np.bool_)):
        return from_array(np.asarray(item))
    if isinstance(item, (list, tuple, range, np.ndarray)):
        array = np.asarray(item)
        if isinstance(item, np.ndarray):
            stop(FOREIGN)
        if array.size == 0 and not isinstance(item, np.ndarray):
            array = array.astype(np.int64)
        if array.dtype.kind not in "iub":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return from_array(array if array.dtype == bool else array.astype(np.int64))
    if hasattr(item, "__index__"):
        return item.__index__()
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        "indices "
        f"(got {type(item).__name__})"
    )


def _consumed(item: Any) -> int:
    """How many dimensions of the input an item indexes."""
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, Tensor) and item.dtype is dtypes.bool_:
        return item.dim()
    return 1


def _expanded(shape: tuple[int, ...], items: list) -> list:
    """The items with the Ellipsis, or what is missing at the end, written out."""
    used = sum(map(_consumed, items))
    if used > len(shape):
        if not shape and any(isinstance(item, Tensor) for item in items):
            raise IndexError("too many indices for tensor of dimension 0")
        if not shape and any(isinstance(item, slice) for item in items):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        if not shape:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ "
                "to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    rest = [slice(None)] * (len(shape) - used)
    for k, item in enumerate(items):
        if item is Ellipsis:
            after = [slice(None) if i is Ellipsis else i for i in items[k + 1 :]]
            extra = sum(i is Ellipsis for i in items[k + 1 :])
            return items[:k] + rest[: len(rest) - extra] + after
    return items + rest


def _bounds(item: slice, size: int) -> tuple[int, int, int]:
    """A slice as (start, stop, step) within a dimension."""
    start, stop, step = (_edge(v) for v in (item.start, item.stop, item.step))
    step = 1 if step is None else step
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise ValueError("step must be greater than zero")
    edges = (start, stop)
    start, stop, _ = slice(*edges).indices(size)
    return start, max(start, stop), step


def _edge(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return value.__index__()


def _in_range(index: int, size: int, dim: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return index + size if index < 0 else index


@materialises(
    "boolean indexing",
    "how many elements a mask takes depends on values: `x[mask]`, `masked_select`",
)
def _parse_tensor(item: Tensor, shape: tuple, dim: int, spec: list, values: list) -> int:
    """Add an index Tensor to the spec; how many dimensions it indexes."""
    if item.dtype is not dtypes.bool_:
        check_bounds(item, shape[dim], dim)
        spec.append(TENSOR)
        values.append(item)
        return 1
    _check_mask(item, shape, dim)
    if not item.dim():
        spec.append(bool(host(cell_of(item))))
        return 0
    for found in np.nonzero(host(cell_of(item), "mask")):
        spec.append(TENSOR)
        values.append(from_array(found))
    return item.dim()


def check_bounds(index: Tensor, size: int, dim: int) -> None:
    """IndexError for an index out of range, where that can be seen without running anything."""
    cell = cell_of(index)
    if cell.array is None or cell.aval.device is not CPU:
        return
    values = host(cell)
    if values.size and not (-size <= values.min() and values.max() < size):
        wrong = values[(values < -size) | (values >= size)].flat[0]
        raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")


# --------------------------------------------------------------------- shapes that depend on values


@materialises("nonzero()", "the shape of the result depends on values")
def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of nonzero elements: (count, dimensions), or a tuple of vectors.

    Reads the Tensor. See torch.nonzero.
    """
    values = host(cell_of(input), "nonzero")
    if as_tuple:
        found = np.nonzero(np.atleast_1d(values))
        return tuple(from_array(f.astype(np.int64), input.device) for f in found)
    # PyTorch lays the indices of each dimension side by side.
    found = np.argwhere(values).astype(np.int64)
    made = from_array(found, input.device, strides=(1, max(len(found), 1)))
    return made if out is None else _written(out, made)


def _written(out: Tensor, made: Tensor) -> Tensor:
    write_out(out, made)
    return out


def argwhere(input: Tensor) -> Tensor:
    """nonzero(input). See torch.argwhere."""
    return nonzero(input)


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where a mask is true, as a vector. Reads the mask. See torch.masked_select."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    input, mask = broadcast_tensors(input, mask)
    if out is not None:
        if out.dtype is not input.dtype:
            raise RuntimeError("masked_select(): self and result must have the same scalar type")
        check_overlap(out, input, whole=True)
        check_overlap(out, mask, whole=True)
    if not input.dim():
        input, mask = input.reshape(1), mask.reshape(1)
    return getitem(input, mask) if out is None else _written(out, getitem(input, mask))


def index_put_(
    input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    """input[indices] = values, or += where `accumulate`, in place. See torch.Tensor.index_put_."""
    old = check_writable(input)
    _check_same_dtype(input, values)
    spec, found, _ = parse(old.aval.shape, tuple(indices))
    write(input, cell_of(record(SETITEM_ADVANCED, input, values, accumulate, spec, *found)))
    return input


def index_put(
    input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    """A copy of input with input[indices] = values. See torch.index_put."""
    return index_put_(input.clone(), indices, values, accumulate)


def _check_ordered(name: str, input: Tensor) -> None:
    if input.is_complex():
        title = dtypes.TITLES[input.dtype]
        raise NotImplementedError(f"\"{name}\" not implemented for '{title}'")


@materialises("unique()", "the shape of the result depends on values")
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different values, in order. Reads the Tensor. See torch.unique."""
    _check_ordered("unique", input)
    values, inverse, counts = np.unique(
        host(cell_of(input)), return_inverse=True, return_counts=True, axis=dim
    )
    shape = input.shape if dim is None else (input.shape[dim],)
    found = [from_array(values, input.device)]
    if return_inverse:
        found.append(from_array(inverse.reshape(shape).astype(np.int64), input.device))
    if return_counts:
        found.append(from_array(counts.astype(np.int64), input.device))
    return found[0] if len(found) == 1 else tuple(found)


@materialises("unique_consecutive()", "the shape of the result depends on values")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The values without repetitions of the one before. Reads the Tensor.

    See torch.unique_consecutive.
    """
    _check_ordered("unique", input)
    array = host(cell_of(input))
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, dim, 0)
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    values = rows[new] if dim is None else np.moveaxis(rows[new], 0, dim)
    inverse = np.cumsum(new) - 1
    counts = np.diff(np.append(np.flatnonzero(new), len(rows)))
    found = [from_array(np.ascontiguousarray(values), input.device)]
    if return_inverse:
        shape = input.shape if dim is None else (len(rows),)
        found.append(from_array(inverse.reshape(shape).astype(np.int64), input.device))
    if return_counts:
        found.append(from_array(counts.astype(np.int64), input.device))
    return found[0] if len(found) == 1 else tuple(found)


FUNCTIONS = [nonzero, argwhere, masked_select, index_put, index_put_, unique, unique_consecutive]
METHODS = {f.__name__: f for f in FUNCTIONS}
METHODS |= {"__getitem__": getitem, "__setitem__": setitem, "__delitem__": delitem}
