"""Collation: from a list of samples to one batch, keeping the structure of the samples.

`default_collate` stacks what a loader has fetched; `default_convert` only turns arrays into
Tensors, for loaders that do not batch. Both walk through mappings, named tuples and sequences as
PyTorch's do. Read dataloader.py next.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, cast

import numpy as np

from ..._core.dtype import float64
from ..._core.tensor import Tensor
from ..._expose import row
from ...functions.creation import as_tensor, tensor

stack = row("stack")
_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists"


def default_collate(batch: Any) -> Any:
    """The samples of a batch as one sample with a new first dimension, of the batch's length.

    Tensors, arrays and numbers are stacked into Tensors (Python floats into float64), text stays a
    list, mappings, named tuples and sequences are collated part by part. See
    torch.utils.data.default_collate.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return row("stack")(list(batch), 0)
    if isinstance(first, np.ndarray):
        return _collate_arrays(batch)
    if isinstance(first, np.bool_ | np.number | np.object_):
        return as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(default_collate, zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else _like_sequence(first, parts)
    raise TypeError(f"{_UNKNOWN}; found {type(first)}")


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers as Tensors, inside whatever holds them; all else as it is.

    See torch.utils.data.default_convert.
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, np.bool_ | np.number):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(part) for part in data]
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(part) for part in data])
    return data


def _collate_arrays(batch: Sequence[np.ndarray]) -> Tensor:
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise TypeError(f"{_UNKNOWN}; found {first.dtype}")
    for array in batch:
        if array.shape != first.shape:
            raise RuntimeError(
                "stack expects each tensor to be equal size, but got "
                f"{list(first.shape)} at entry 0 and {list(array.shape)} at another"
            )
    return as_tensor(np.stack(batch))


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
