"""What the names in a pickle stand for, both ways, and which of them are safe to call.

A pickle names functions and classes by module and name: PyTorch's, in files of either library.
Those of `SAFE_CALLS` build values and nothing else; the functions that need the storages of a file
are in storages.py. A user adds others by `add_safe_globals`. Read storages.py next.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import importlib
import pickle
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._core import dtype as dtypes
from .._core import size as sizes
from .._core.device import device
from .._core.tensor import Tensor
from ..nn.parameter import Parameter


class Name(NamedTuple):
    """A module and what stands in it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


# The class of typed storage, by the name that PyTorch gave it, for the dtypes that have one.
STORAGES = {
    "DoubleStorage": dtypes.float64,
    "FloatStorage": dtypes.float32,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_,
    "ComplexDoubleStorage": dtypes.complex128,
    "ComplexFloatStorage": dtypes.complex64,
}
STORAGE_NAMES = {kind: Name("torch", name) for name, kind in STORAGES.items()}
UNTYPED = Name("torch.storage", "UntypedStorage")


class StorageKind(NamedTuple):
    """What the name of a storage class stands for: the dtype of its elements, None for bytes."""

    dtype: dtypes.dtype | None


def get_layout(name: str) -> sizes.layout:
    """The layout of a name such as "torch.strided"."""
    found = getattr(sizes, name.removeprefix("torch."), None)
    if not isinstance(found, sizes.layout):
        raise ValueError(f"{name!r} is no layout")
    return found


def encode(text: str, encoding: str = "latin1") -> bytes:
    """The bytes that pickle protocol 2 writes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes are written as latin1 in pickles, not as {encoding!r}")
    return text.encode("latin1")


def byte_array(data: bytes | str = b"", encoding: str = "latin1") -> bytearray:
    """A bytearray of bytes, never of a number of zeros."""
    return bytearray(encode(data, encoding) if isinstance(data, str) else bytes(memoryview(data)))


# What a pickle may call, and what it may only mention.
SAFE_CALLS: dict[Name, Callable] = {
    Name("collections", "OrderedDict"): collections.OrderedDict,
    Name("collections", "Counter"): collections.Counter,
    Name("_codecs", "encode"): encode,
    Name("torch", "Size"): sizes.Size,
    Name("torch", "device"): device,
    Name("torch.serialization", "_get_layout"): get_layout,
}
for _module in ("builtins", "__builtin__"):  # Python 3 and 2; protocol 2 has the older name
    SAFE_CALLS[Name(_module, "set")] = set
    SAFE_CALLS[Name(_module, "bytearray")] = byte_array
    SAFE_CALLS[Name(_module, "complex")] = complex
SAFE_VALUES: dict[Name, Any] = {
    Name("torch", "Tensor"): Tensor,
    Name("torch.nn.parameter", "Parameter"): Parameter,
    Name("torch", "UntypedStorage"): StorageKind(None),
    UNTYPED: StorageKind(None),
}
SAFE_VALUES |= {Name("torch", kind.name): kind for kind in dtypes.ALL}
for _text, _kind in STORAGES.items():
    SAFE_VALUES[Name("torch", _text)] = StorageKind(_kind)
    SAFE_VALUES[Name("torch.cuda", _text)] = StorageKind(_kind)

# What stands in PyTorch's extension module, by the public name.
_EXTENSION = {
    "_VariableFunctionsClass": "torch.",
    "TensorBase": "torch.Tensor",
}
_EXTENSION_ROOMS = {
    "torch._C._nn": "torch.nn.functional",
    "torch._C._special": "torch.special",
    "torch._C._linalg": "torch.linalg",
    "torch._C._fft": "torch.fft",
}

_added: dict[Name, Any] = {}


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Functions and classes that `load` may call though `weights_only` is true; or pairs of one
    and the full name that it has in files. See torch.serialization.add_safe_globals."""
    for entry in safe_globals:
        value, full = entry if isinstance(entry, tuple) else (entry, None)
        if full is None:
            full = f"{value.__module__}.{value.__qualname__}"
        module, _, name = full.rpartition(".")
        _added[Name(module, name)] = entry


def clear_safe_globals() -> None:
    """Forget what was added. See torch.serialization.clear_safe_globals."""
    _added.clear()


def get_safe_globals() -> list[Any]:
    """What was added. See torch.serialization.get_safe_globals."""
    return list(_added.values())


class safe_globals:
    """A context in which more is safe: `with safe_globals([Point]): load(path)`.
    See torch.serialization.safe_globals."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self._given = list(safe_globals)

    def __enter__(self) -> None:
        self._before = dict(_added)
        add_safe_globals(self._given)

    def __exit__(self, *exc_info: object) -> None:
        _added.clear()
        _added.update(self._before)


def added(name: Name) -> Any:
    """What a user added under a name, or under the one that PyTorch has for it; or None."""
    entry = _added.get(name)
    if entry is None and _added and name.module.partition(".")[0] == "torch":
        with contextlib.suppress(pickle.UnpicklingError):
            value = counterpart(name)
            return value if is_added(value) else None
    return entry[0] if isinstance(entry, tuple) else entry


def is_added(value: Any) -> bool:
    """Whether a user added something, under whatever name."""
    return any(
        entry is value or (isinstance(entry, tuple) and entry[0] is value)
        for entry in _added.values()
    )


def counterpart(name: Name) -> Any:
    """What a name of PyTorch's stands for in jtorch, whatever it is. UnpicklingError if jtorch has
    nothing of this name."""
    room, own = name
    if room == "torch._C" and own in _EXTENSION:
        room, _, own = _EXTENSION[own].rpartition(".")
    elif room in _EXTENSION_ROOMS:
        room = _EXTENSION_ROOMS[room]
        own = own.removeprefix(room.rpartition(".")[2] + "_")
    try:
        module = importlib.import_module("jtorch" + room.removeprefix("torch"))
        return functools.reduce(getattr, own.split(".") if own else (), module)
    except (ImportError, AttributeError) as error:
        raise pickle.UnpicklingError(
            f"the file names {name}, which jtorch has no counterpart of. A state dict needs none: "
            "save model.state_dict() with PyTorch, and load it into a model made here"
        ) from error


def of_its_own(name: Name, value: Any) -> Any:
    """What a name that isn't PyTorch's stands for, if it works here. UnpicklingError for a class
    that derives from one of PyTorch's."""
    for base in value.__mro__ if isinstance(value, type) else ():
        if base.__module__.partition(".")[0] == "torch":
            raise pickle.UnpicklingError(
                f"{name} derives from PyTorch's {base.__name__}, but what the file holds becomes "
                f"jtorch's: in {name.module}, import jtorch in place of torch"
            )
    return value
