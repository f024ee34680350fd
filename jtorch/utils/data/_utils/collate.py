"""Collation: from a list of samples to one batch, keeping the structure of the samples.

`default_collate` stacks what a loader has fetched; `default_convert` only turns arrays into
Tensors, for loaders that do not batch. Both walk through mappings, named tuples and sequences as
PyTorch's do. `collate` is the same with a table of what is done with which class. Read fetch.py
next.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, cast

import numpy as np

from ...._core.dtype import float64
from ...._core.tensor import Tensor
from ...._expose import row
from ....functions._data import check_array
from ....functions.creation import as_tensor, tensor

Table = Mapping[type | tuple[type, ...], Callable[..., Any]]

_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists"
_stack = row("stack")


def default_collate(batch: Any) -> Any:
    """The samples of a batch as one sample with a new first dimension, of the batch's length.

    Tensors, arrays and numbers are stacked into Tensors (Python floats into float64), text stays a
    list, mappings, named tuples and sequences are collated part by part. See
    torch.utils.data.default_collate.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: Table | None = None) -> Any:
    """Collate with a function for each class of samples.

    The functions get the batch and `collate_fn_map`, for what a sample holds. See
    torch.utils.data._utils.collate.collate.
    """
    first = batch[0]
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def together(part: Any) -> Any:
        return collate(part, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(
            first, {key: together([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(together, zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [together(part) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else _like_sequence(first, parts)
    raise TypeError(f"{_UNKNOWN}; found {type(first)}")


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers as Tensors, inside whatever holds them; all else as it is.

    See torch.utils.data.default_convert.
    """
    return convert(data, as_tensor)


def convert(data: Any, to_tensor: Callable[[Any], Any]) -> Any:
    """`default_convert`, with the function that is used for arrays and numbers."""

    def part_of(data: Any) -> Any:
        return convert(data, to_tensor)

    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "SUO" else to_tensor(data)
    if isinstance(data, np.generic):
        return to_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: part_of(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(part_of, data))
    if isinstance(data, tuple):
        return [part_of(part) for part in data]
    if isinstance(data, Sequence):
        return _like_sequence(data, [part_of(part) for part in data])
    return data


def collate_tensor_fn(batch: Sequence[Tensor], *, collate_fn_map: Table | None = None) -> Tensor:
    """Tensors of one shape, stacked."""
    return _stack(list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Table | None = None) -> Tensor:
    """Arrays of one shape as a Tensor. TypeError for text and objects."""
    return as_tensor(np.ascontiguousarray(np.stack(check_arrays(batch))))


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Table | None = None) -> Tensor:
    """NumPy's numbers as a vector."""
    return as_tensor(np.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: Table | None = None) -> Tensor:
    """Python's floats as a vector of float64."""
    return tensor(list(batch), dtype=float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Table | None = None) -> Tensor:
    """Python's integers as a vector of int64, truth values as one of bool."""
    return tensor(list(batch))


def collate_str_fn(batch: Any, *, collate_fn_map: Table | None = None) -> Any:
    """Text stays what it is."""
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Callable[..., Any]] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def check_arrays(batch: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The arrays, if they can be stacked into a Tensor. TypeError and RuntimeError as PyTorch's."""
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise TypeError(f"{_UNKNOWN}; found {first.dtype}")
    for place, array in enumerate(batch):
        check_array(array)
        if array.shape != first.shape:
            raise RuntimeError(
                "stack expects each tensor to be equal size, but got "
                f"{list(first.shape)} at entry 0 and {list(array.shape)} at entry {place}"
            )
    return batch


def _function_for(sample: Any, table: Table) -> Callable[..., Any] | None:
    exact = table.get(type(sample))
    if exact is not None:
        return exact
    return next((table[kind] for kind in table if isinstance(sample, kind)), None)


def _like_mapping(model: Mapping, parts: dict[Any, Any]) -> Any:
    """The parts in a mapping of the same class, or in a dict where the class can't be built so."""
    try:
        if isinstance(model, MutableMapping):
            # A copy keeps what else the class holds, such as a defaultdict's factory.
            clone = copy.copy(model)
            clone.update(parts)
            return clone
        return cast(Any, type(model))(parts)
    except TypeError:
        return parts


def _like_sequence(model: Sequence, parts: list[Any]) -> Any:
    """The parts in a sequence of the same class, or in a list where the class can't be built so."""
    try:
        if isinstance(model, MutableSequence):
            clone = copy.copy(model)
            for place, part in enumerate(parts):
                clone[place] = part
            return clone
        return cast(Any, type(model))(parts)
    except TypeError:
        return parts
