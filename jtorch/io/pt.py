"""save and load: `.pt`, `.pth` and `.ckpt` files, PyTorch's, without PyTorch."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .._core.events import materialises
from ..functions.memory import memory_of
from .archive import Archive, Writer, is_archive
from .legacy import LegacyFile
from .names import SAFE_CALLS, SAFE_VALUES, Name, StorageKind
from .pickler import Pickler
from .storages import MapLocation, Storages
from .unpickler import Scan, Trusting, Unpickler

FilePath = str | os.PathLike[str]
_FIRST_VERSION = "3\n"  # of the zip format, which PyTorch 1.6 began with


# ------------------------------------------------------------------------------------------ writing


@materialises("save()", "Tensors are written to a file")
def save(
    obj: object,
    f: FilePath | IO[bytes],
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object to a file that PyTorch and jtorch read.

    obj: Tensors, numbers, text and containers of them; other objects by Python's pickle, with their
    classes by name. Tensors that share a storage share it again after loading.
    f: a path, or a file open for writing. A file at a path is replaced as a whole, once the new one
    is complete. ValueError for the format before PyTorch 1.6. See torch.save.
    """
    if not _use_new_zipfile_serialization:
        raise ValueError("the format before PyTorch 1.6 is read only here")
    if isinstance(f, (str, os.PathLike)):
        with _replaced(Path(f)) as file:
            _write(obj, file, Path(f).stem, pickle_protocol)
    elif hasattr(f, "write"):
        _write(obj, f, "archive", pickle_protocol)
    else:
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )


def _write(obj: object, file: Any, top: str, protocol: int) -> None:
    tree = io.BytesIO()
    pickler = Pickler(tree, protocol)
    pickler.dump(obj)
    with contextlib.closing(Writer(file, top)) as archive:
        archive.write("data.pkl", tree.getbuffer())
        archive.write(".format_version", b"1")
        archive.write(".storage_alignment", b"64")
        archive.write("byteorder", sys.byteorder.encode())
        for held in pickler.storages.values():
            archive.write(f"data/{held.key}", memory_of(held.storage).data)
        archive.write("version", _FIRST_VERSION.encode())
        archive.write(".data/serialization_id", f"{archive.checksum:040d}".encode())


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of the one at `path` when it is complete. What is no regular
    file is written in place. Only a process that is killed leaves its temporary file behind."""
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.chmod(name, target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """The process's mask of permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


# ------------------------------------------------------------------------------------------ reading


def load(
    f: FilePath | IO[bytes],
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    encoding: str = "utf-8",
    **pickle_load_args: Any,
) -> Any:
    """Read what `torch.save` or `jtorch.save` has written.

    map_location: where Tensors go instead of where they were: a device, a dict of names, or a
    function (storage, name) -> storage or None.
    weights_only: unless it is False, nothing but Tensors, containers, numbers and what
    `add_safe_globals` allows is built; UnpicklingError for anything else, and nothing is run.
    mmap: Tensors are read from the file when they are used; `f` must be a path.
    FileNotFoundError, EOFError for an empty file, RuntimeError for a damaged one. See torch.load.
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _read(file, map_location, weights_only, mmap, encoding, pickle_load_args)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not hasattr(f, "seek") or not hasattr(f, "read"):
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only load from a file "
            "that is seekable: read it into io.BytesIO first"
        )
    return _read(f, map_location, weights_only, mmap, encoding, pickle_load_args)


def _read(
    file: IO[bytes],
    map_location: MapLocation,
    weights_only: bool | None,
    mmap: bool | None,
    encoding: str,
    options: dict[str, Any],
) -> Any:
    if is_archive(file):
        archive = Archive(file, bool(mmap))
        _check(archive)
        tree = io.BytesIO(archive.read("data.pkl"))
        storages = Storages(lambda key: archive.array(f"data/{key}"), map_location)
    else:
        if mmap:
            raise RuntimeError("mmap can only be used with files of PyTorch 1.6 and newer")
        legacy = LegacyFile(file, encoding)
        tree, storages = io.BytesIO(legacy.tree), Storages(legacy.array, map_location)
    persistent_load = _persistent_load(storages)
    if weights_only is False:
        options = {"encoding": encoding, **options}
        return Trusting(tree, storages.functions, persistent_load, **options).load()
    try:
        return Unpickler(tree, storages.functions, persistent_load, encoding).load()
    except pickle.UnpicklingError as error:
        if storages.refusal is None or error.__cause__ is not storages.refusal:
            raise
        raise storages.refusal from None


def _check(archive: Archive) -> None:
    """RuntimeError for an archive of another kind, or of another machine."""
    if "constants.pkl" in archive:
        raise RuntimeError("the file is a TorchScript archive: only state dicts can be read here")
    order = archive.read("byteorder") if "byteorder" in archive else b"little"
    if order != sys.byteorder.encode():
        raise RuntimeError(f"the file's numbers are in the byte order {order!r}")


def _persistent_load(storages: Storages) -> Any:
    def persistent_load(persistent_id: Any) -> Any:
        word, kind, key, location, count, *_ = persistent_id
        known = isinstance(key, str) and isinstance(location, str) and isinstance(count, int)
        if word != "storage" or not isinstance(kind, StorageKind) or not known:
            raise pickle.UnpicklingError(f"an unknown persistent id: {persistent_id!r}")
        return storages.load(kind, key, location, count)

    return persistent_load


def get_unsafe_globals_in_checkpoint(f: FilePath | IO[bytes]) -> list[str]:
    """The names that a file uses and `load` would refuse. Nothing of it is built.
    See torch.serialization.get_unsafe_globals_in_checkpoint."""
    with contextlib.ExitStack() as stack:
        file: Any = f
        if isinstance(f, (str, os.PathLike)):
            file = stack.enter_context(open(f, "rb"))
        if is_archive(file):
            scan = Scan(io.BytesIO(Archive(file).read("data.pkl")))
            scan.load()
            names = scan.names
        else:
            names = LegacyFile(file, "utf-8").names
    known = {*SAFE_CALLS, *SAFE_VALUES, *Storages(_no_bytes, None).functions}
    return sorted(str(name) for name in names if Name(*name) not in known)


def _no_bytes(key: str) -> Any:
    raise KeyError(key)
