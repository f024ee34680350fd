"""`.safetensors` files through the safetensors library, under the names of its own PyTorch module.

    from jtorch.io.safetensors import load_file, load_sharded, save_file

They hold Tensors by name and nothing that could run. The library is an extra: `jtorch-jax[files]`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._core import dtype as dtypes
from .._core.alias import storage_of
from .._core.foreign import adopt
from .._core.tensor import Tensor

FilePath = str | os.PathLike[str]

# The library's NumPy side reads no dtypes of 8 bits from files, and "BF16" from no bytes.
_FLOAT8 = {"F8_E4M3": dtypes.float8_e4m3fn, "F8_E5M2": dtypes.float8_e5m2}
_DTYPES = {
    "BOOL": dtypes.bool_,
    **{f"I{d.itemsize * 8}": d for d in (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)},
    **{
        f"U{d.itemsize * 8}": d for d in (dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64)
    },
    **{f"F{d.itemsize * 8}": d for d in (dtypes.float16, dtypes.float32, dtypes.float64)},
    "BF16": dtypes.bfloat16,
    "C64": dtypes.complex64,
    **_FLOAT8,
}


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("reading .safetensors files needs: pip install safetensors") from None
    return safetensors


def save_file(
    tensors: Mapping[str, Tensor], filename: FilePath, metadata: dict[str, str] | None = None
) -> None:
    """Write Tensors to a file. RuntimeError if two of them share memory, which the format can't
    say: see `save_model`."""
    _library().numpy.save_file(_arrays(tensors), filename, metadata)


def save(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes that `save_file` writes."""
    return _library().numpy.save(_arrays(tensors), metadata)


def load_file(filename: FilePath, device: Any = "cpu") -> dict[str, Tensor]:
    """The Tensors of a file, by name."""
    with _library().safe_open(filename, framework="np") as file:
        names = list(file.keys())
        if not any(file.get_slice(n).get_dtype() in _FLOAT8 for n in names):
            return {n: adopt(file.get_tensor(n), device) for n in names}
    return load(Path(filename).read_bytes(), device)


def load(data: bytes, device: Any = "cpu") -> dict[str, Tensor]:
    """The Tensors that the bytes of a file hold."""
    found = {}
    for name, view in _library().deserialize(data):
        array = np.frombuffer(view["data"], _DTYPES[view["dtype"]].numpy)
        found[name] = adopt(array.reshape(view["shape"]), device)
    return found


def load_sharded(folder: FilePath, device: Any = "cpu") -> dict[str, Tensor]:
    """The Tensors of a model in several files, as on Hugging Face: a folder with
    `model.safetensors.index.json`, or the path of such an index; or a folder with one
    `model.safetensors`. ValueError for an index that names a file in another folder, KeyError for
    one that names a Tensor its file lacks."""
    path = Path(folder)
    index = path / "model.safetensors.index.json" if path.is_dir() else path
    if path.is_dir() and not index.exists():
        return load_file(path / "model.safetensors", device)
    places: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    files: dict[str, dict[str, Tensor]] = {}
    for name in set(places.values()):
        if Path(name).name != name:
            raise ValueError(f"{index.name} names a file in another folder: {name!r}")
        files[name] = load_file(index.parent / name, device)
    return {tensor: files[name][tensor] for tensor, name in places.items()}


def save_model(model: Any, filename: FilePath, metadata: dict[str, str] | None = None) -> None:
    """Write a module's state. Of Tensors that share memory (tied weights) the first is written, and
    the metadata say which the others are."""
    metadata = dict(metadata or {})
    kept: dict[str, Tensor] = {}
    first: dict[Any, str] = {}
    for name, tensor in model.state_dict().items():
        original = first.setdefault(_place(tensor), name)
        if original == name:
            kept[name] = tensor
        else:
            metadata[name] = original
    save_file(kept, filename, metadata)


def load_model(
    model: Any, filename: FilePath, strict: bool = True, device: Any = "cpu"
) -> tuple[list[str], list[str]]:
    """Load a file of `save_model` into a module; (missing names, unexpected names). RuntimeError
    for either, if `strict`."""
    state: dict[str, Tensor] = load_file(filename, device)
    first: dict[Any, str] = {}
    for name, tensor in model.state_dict().items():
        original = first.setdefault(_place(tensor), name)
        if name not in state and original in state:
            state[name] = state[original]
    missing, unexpected = model.load_state_dict(state, strict=strict)
    return missing, unexpected


def _place(tensor: Tensor) -> tuple:
    """Where a Tensor's elements lie: equal for those that are the same memory."""
    return (
        id(storage_of(tensor)),
        tensor.storage_offset(),
        tuple(tensor.shape),
        tuple(tensor.stride()),
    )


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    by_storage: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        by_storage.setdefault(id(storage_of(tensor)), []).append(name)
    shared = [names for names in by_storage.values() if len(names) > 1]
    if shared:
        raise RuntimeError(
            f"Some tensors share memory, which a .safetensors file can't say: {shared}. Use "
            "save_model, or write a clone() of each"
        )
    return {n: np.asarray(t.detach().cpu().numpy(), order="C") for n, t in tensors.items()}
