"""Writing pickles as PyTorch writes them: its names for Tensors, dtypes, sizes and devices.

Python's own pickler looks up each name before it writes it, and PyTorch may not be installed: so
what has one of PyTorch's names is written here, opcode by opcode. The storages are collected on the
way. Read legacy.py next.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Any, NamedTuple

from .._core.alias import storage_of
from .._core.device import device
from .._core.dtype import dtype
from .._core.overlap import offset_of
from .._core.size import Size, layout, memory_format, strided
from .._core.tensor import Tensor
from ..nn.parameter import Parameter
from .names import STORAGE_NAMES, UNTYPED, Name

_REBUILD = "torch._utils"


class Held(NamedTuple):
    """A storage in a file: its key, the storage, and the dtype under which it is written."""

    key: str
    storage: Any
    dtype: dtype


class PersistentId(NamedTuple):
    """What stands in a pickle for a storage."""

    parts: tuple


class _Called(NamedTuple):
    """A call of one of PyTorch's names."""

    function: Name
    arguments: tuple


# The one written in Python lets us write opcodes; its type is unknown to type checkers.
_Python: Any = pickle._Pickler  # pyright: ignore[reportAttributeAccessIssue]


class Pickler(_Python):
    """Writes an object; afterwards `storages` holds what belongs to it."""

    def __init__(self, file: Any, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: dict[int, Held] = {}

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write an object."""
        if isinstance(obj, Name):
            self._save_name(obj)
        elif isinstance(obj, PersistentId):
            self.save(obj.parts)
            self.write(pickle.BINPERSID)
        elif isinstance(obj, _SPECIAL) and id(obj) not in self.memo:
            self._save_call(obj, self._call_of(obj))
        else:
            super().save(obj, save_persistent_id)

    def _save_name(self, name: Name) -> None:
        if self.proto >= 4:
            self.save(name.module)
            self.save(name.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())

    def _save_call(self, obj: Any, call: _Called | Name) -> None:
        if isinstance(call, Name):
            self._save_name(call)
        else:
            self._save_name(call.function)
            self.save(call.arguments)
            self.write(pickle.REDUCE)
        self.memoize(obj)

    def _call_of(self, obj: Any) -> _Called | Name:
        if isinstance(obj, Tensor):
            return self._tensor(obj)
        if isinstance(obj, Size):
            return _Called(Name("torch", "Size"), (tuple(obj),))
        if isinstance(obj, device):
            place = (obj.type,) if obj.index is None else (obj.type, obj.index)
            return _Called(Name("torch", "device"), place)
        if isinstance(obj, layout):
            return _Called(Name("torch.serialization", "_get_layout"), (f"torch.{obj.name}",))
        return Name("torch", obj.name)

    # -------------------------------------------------------------------------------------- Tensors

    def _tensor(self, tensor: Tensor) -> _Called:
        if tensor.layout is not strided:
            return _Called(Name(_REBUILD, "_rebuild_sparse_tensor"), _sparse(tensor))
        own = dict(tensor.__dict__)
        if isinstance(tensor, Parameter):
            arguments = (tensor.data, tensor.requires_grad, OrderedDict())
            if not own:
                return _Called(Name(_REBUILD, "_rebuild_parameter"), arguments)
            return _Called(Name(_REBUILD, "_rebuild_parameter_with_state"), (*arguments, own))
        call = self._plain(tensor)
        kind = type(tensor)
        if kind is Tensor and not own:
            return call
        of = Name("torch", "Tensor") if kind.__module__.startswith("jtorch") else kind
        return _Called(
            Name("torch._tensor", "_rebuild_from_type_v2"), (call.function, of, call.arguments, own)
        )

    def _plain(self, tensor: Tensor) -> _Called:
        """A Tensor as if it had no class and no attributes of its own."""
        kind = tensor.dtype
        storage_name = STORAGE_NAMES.get(kind)
        held = self._held(tensor)
        count = held.storage.cell.aval.nbytes // (kind.itemsize if storage_name else 1)
        where = str(tensor.device)
        pid = PersistentId(("storage", storage_name or UNTYPED, held.key, where, count))
        place = (offset_of(tensor), tuple(tensor.shape), tuple(tensor.stride()))
        arguments = (pid, *place, tensor.requires_grad, OrderedDict())
        if storage_name:
            return _Called(Name(_REBUILD, "_rebuild_tensor_v2"), arguments)
        return _Called(Name(_REBUILD, "_rebuild_tensor_v3"), (*arguments, kind))

    def _held(self, tensor: Tensor) -> Held:
        storage = storage_of(tensor)
        held = self.storages.get(id(storage))
        if held is None:
            held = Held(str(len(self.storages)), storage, tensor.dtype)
            self.storages[id(storage)] = held
        if held.dtype is not tensor.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        return held


def _sparse(tensor: Any) -> tuple:
    if tensor.layout.name == "sparse_coo":
        parts = (tensor._indices(), tensor._values(), tensor.shape, tensor.is_coalesced())
    else:
        parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values(), tensor.shape)
    return tensor.layout, parts


_SPECIAL = (Tensor, Size, device, dtype, layout, memory_format)
