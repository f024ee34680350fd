"""From the storages of a file to Tensors: each storage is read once, all Tensors on it share it.

Most Tensors show the whole of their storage: such a one takes over its memory. Any other is a view
by strides. Here are also the functions that a pickle calls to rebuild Tensors. Read unpickler.py
next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._core.device import canonical
from .._core.device import device as Device
from .._core.dtype import bool_, dtype
from .._core.errors import DeviceError
from .._core.foreign import adopt
from .._core.strides import contiguous, is_dense
from .._core.tensor import Tensor
from ..functions.memory import UntypedStorage, as_strided
from ..functions.sparse.creation import sparse_coo_tensor, sparse_csr_tensor
from ..nn.parameter import Parameter
from .names import Name, StorageKind

# Tensors that repeat elements (expand) are arrays of their own here. A file may ask for this many
# times its storages, and for this many bytes in any case.
REPETITIONS = 64
REPEATED_BYTES = 2**26

MapLocation = Callable[[Any, str], Any] | Device | str | dict[str, str] | None


class Storage:
    """The bytes of a storage, where they belong, and the Tensor that first took them over."""

    __slots__ = ("base", "device", "memory")

    def __init__(self, memory: np.ndarray, device: Device) -> None:
        self.memory = memory
        self.device = device
        self.base: Tensor | None = None

    def whole(self, kind: dtype, size: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """The Tensor of all elements, in the order of the strides."""
        array = self.memory.view(np.uint8 if kind is bool_ else kind.numpy)
        if kind is bool_:
            array = array.view(np.bool_) if array.max(initial=0) <= 1 else array != 0
        if strides == contiguous(size):
            self.base = adopt(array.reshape(size), self.device)
        else:
            slowest_first = sorted(range(len(size)), key=lambda d: (-strides[d], d))
            laid = array.reshape([size[d] for d in slowest_first])
            self.base = adopt(laid.transpose(np.argsort(slowest_first)), self.device, strides)
        return self.base


class Typed(NamedTuple):
    """A storage with the dtype of its elements; None if they are bytes."""

    storage: Storage
    dtype: dtype | None


class Storages:
    """The storages of a file.

    read: key -> the bytes.  map_location: see `torch.load`.  refusal: what the user's function
    raised.
    """

    refusal: Exception | None = None

    def __init__(self, read: Callable[[str], np.ndarray], map_location: MapLocation) -> None:
        self._read = read
        self._map_location = map_location
        self._known: dict[str, Storage] = {}
        self._bytes = 0
        self._repeated = 0
        rebuild = [
            self._rebuild_tensor,
            self._rebuild_tensor_v2,
            self._rebuild_tensor_v3,
            self._rebuild_parameter,
            self._rebuild_parameter_with_state,
            self._rebuild_sparse_tensor,
            self._rebuild_device_tensor_from_cpu_tensor,
        ]
        # What a pickle may call, by name.
        self.functions = {Name("torch._utils", f.__name__): f for f in rebuild}
        self.functions[Name("torch._tensor", "_rebuild_from_type_v2")] = self._rebuild_from_type_v2

    # ------------------------------------------------------------------------------------- storages

    def load(self, kind: StorageKind, key: str, location: str, count: int) -> Typed:
        """The storage that a pickle refers to: `count` elements, or bytes."""
        size = count * (kind.dtype.itemsize if kind.dtype else 1)
        found = self._known.get(key)
        if found is None:
            memory = self._read(key)
            found = self._known[key] = Storage(memory, self._device(memory, location))
            self._bytes += size
        if found.memory.nbytes != size:
            raise RuntimeError(
                f"storage {key!r} has {found.memory.nbytes} bytes, not {size} as its Tensor says"
            )
        return Typed(found, kind.dtype)

    def _device(self, memory: np.ndarray, location: str) -> Device:
        wanted: Any = self._map_location
        if isinstance(wanted, dict):
            wanted = wanted.get(location, location)
        elif callable(wanted):
            result = self._asked(wanted, memory, location)
            wanted = location if result is None else result.device
        try:
            return canonical(location if wanted is None else wanted)
        except DeviceError:
            if wanted is not None and wanted != location:
                raise
            raise RuntimeError(
                f"Attempting to deserialize object on a {location} device, which this machine "
                "doesn't have: pass map_location='cpu' to load it on the CPU"
            ) from None

    def _asked(self, function: Any, memory: np.ndarray, location: str) -> UntypedStorage | None:
        try:
            result = function(UntypedStorage(adopt(memory, "cpu")), location)
            if not isinstance(result, UntypedStorage | None):
                raise TypeError(
                    "map_location has to return a storage, such as storage.cpu(), or None, not a "
                    f"{type(result).__name__}"
                )
        except Exception as error:
            self.refusal = error
            raise
        return result

    # -------------------------------------------------------------------------------------- Tensors

    def _tensor(self, source: Any, kind: dtype | None, offset: Any, size: Any, stride: Any) -> Any:
        storage, typed = source
        kind = typed or kind
        if not isinstance(storage, Storage) or not isinstance(kind, dtype):
            raise RuntimeError("a Tensor without a storage, or without a dtype")
        size, stride = tuple(map(int, size)), tuple(map(int, stride))
        if len(size) != len(stride) or min((offset, *size, *stride)) < 0:
            raise RuntimeError(f"a Tensor of size {size}, stride {stride}, offset {offset}")
        held = storage.memory.nbytes // kind.itemsize
        last = sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if 0 not in size and offset + last >= held:
            raise RuntimeError(
                f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, "
                f"and itemsize {kind.itemsize} are out of bounds for storage of size "
                f"{storage.memory.nbytes}"
            )
        if storage.base is None:
            if offset == 0 and math.prod(size) == held and is_dense(size, stride):
                return storage.whole(kind, size, stride)
            storage.whole(kind, (held,), (1,))
        base: Any = storage.base
        if base.dtype is not kind:
            raise RuntimeError(f"a storage of dtype {base.dtype} is shared as one of {kind}")
        self._repeat(math.prod(size) * kind.itemsize - storage.memory.nbytes)
        return as_strided(base, size, stride, offset)

    def _repeat(self, more: int) -> None:
        """Count the bytes that repeated elements take. RuntimeError if they are too many."""
        self._repeated += max(more, 0)
        if self._repeated > max(REPEATED_BYTES, REPETITIONS * self._bytes):
            raise RuntimeError(
                f"Tensors that repeat their elements would take {self._repeated} bytes, of "
                f"storages with {self._bytes}"
            )

    def _rebuild_tensor(self, storage: Typed, offset: int, size: Any, stride: Any) -> Tensor:
        return self._tensor(storage, None, offset, size, stride)

    def _rebuild_tensor_v2(
        self,
        storage: Typed,
        offset: int,
        size: Any,
        stride: Any,
        requires_grad: bool,
        hooks: Any,
        metadata: Any = None,
    ) -> Tensor:
        return self._rebuild_tensor_v3(
            storage, offset, size, stride, requires_grad, hooks, None, metadata
        )

    def _rebuild_tensor_v3(
        self,
        storage: Typed,
        offset: int,
        size: Any,
        stride: Any,
        requires_grad: bool,
        hooks: Any,
        kind: dtype | None,
        metadata: Any = None,
    ) -> Tensor:
        found = _marked(self._tensor(storage, kind, offset, size, stride), metadata)
        return found.requires_grad_() if requires_grad else found

    @staticmethod
    def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any) -> Parameter:
        return Parameter(data, requires_grad)

    @staticmethod
    def _rebuild_parameter_with_state(
        data: Tensor, requires_grad: bool, hooks: Any, state: Any
    ) -> Parameter:
        return _with_state(Parameter(data, requires_grad), state)

    @staticmethod
    def _rebuild_sparse_tensor(layout: Any, data: tuple) -> Tensor:
        if layout.name == "sparse_coo":
            indices, values, size, *coalesced = data
            options = {"is_coalesced": coalesced[0]} if coalesced else {}
            return sparse_coo_tensor(indices, values, tuple(size), **options)
        if layout.name == "sparse_csr":
            rows, columns, values, size = data
            return sparse_csr_tensor(rows, columns, values, tuple(size))
        raise NotImplementedError(f"a Tensor of layout {layout}")

    @staticmethod
    def _rebuild_device_tensor_from_cpu_tensor(
        data: Tensor, kind: dtype, device: Any, requires_grad: bool
    ) -> Tensor:
        found = data.to(device, kind)
        return found.requires_grad_() if requires_grad else found

    def _rebuild_from_type_v2(self, function: Any, kind: type, args: tuple, state: Any) -> Any:
        if function not in self.functions.values():
            raise RuntimeError(f"{function!r} does not rebuild a Tensor")
        found = function(*args)
        if kind is not type(found) and kind is not Tensor:
            found = found.as_subclass(kind)
        return _with_state(found, state)


def _marked(tensor: Tensor, metadata: Any) -> Tensor:
    """The Tensor that a lazy conjugate or negative stands for."""
    for mark in metadata or ():
        if mark == "conj":
            tensor = tensor.conj()
        elif mark == "neg":
            tensor = -tensor
    return tensor


def _with_state(tensor: Any, state: Any) -> Any:
    """The Tensor with the attributes that it had: a dict, or a dict and one of slots."""
    tensor.__dict__.update((state[0] if isinstance(state, tuple) else state) or {})
    return tensor
