"""The format of PyTorch before 1.6, read only: pickles one behind the other, then the storages.

    magic number, version, facts of the machine, the object, the keys of the storages,
    for each key 8 bytes with the number of elements, and the elements

Where a storage begins depends on the dtypes of those before it, which the object says; so the
object is scanned before it is built. Read pt.py next.
"""

from __future__ import annotations

import os
import pickle
from typing import IO, Any

import numpy as np

from .archive import read_at
from .names import StorageKind
from .unpickler import Scan, Unpickler

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
VERSION = 1001


class LegacyFile:
    """A file in the old format. RuntimeError if it is none, or damaged; EOFError if it is empty.

    tree: the pickle of the object.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        first = file.read(1)
        if not first:
            raise EOFError("the file is empty")
        file.seek(-1, os.SEEK_CUR)
        magic, version = self._value(encoding), self._value(encoding)
        if magic != MAGIC_NUMBER:
            raise RuntimeError("Invalid magic number; corrupt file?")
        if version != VERSION:
            raise RuntimeError(f"Invalid protocol version: {version}")
        machine = self._value(encoding)
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise RuntimeError("the file comes from a big-endian machine")
        start = file.tell()
        scan = Scan(file, encoding)
        scan.load()
        length = file.tell() - start
        file.seek(start)
        self.tree = file.read(length)
        self.names = scan.names
        file.seek(start + length)
        try:
            kinds = dict(map(_key_and_kind, scan.persistent_ids))
            self._places = self._find(self._value(encoding), kinds)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise RuntimeError(f"the file's storages are damaged: {error}") from error

    def _value(self, encoding: str) -> Any:
        """The next pickle, of plain values."""
        try:
            return Unpickler(self._file, {}, _no_storage, encoding).load()
        except pickle.UnpicklingError as error:
            raise RuntimeError("Invalid magic number; corrupt file?") from error

    def _find(self, keys: list[str], kinds: dict[str, StorageKind]) -> dict[str, tuple[int, int]]:
        """Where the elements of each storage begin, and how many bytes they are."""
        place = self._file.tell()
        end = self._file.seek(0, os.SEEK_END)
        found = {}
        for key in keys:
            self._file.seek(place)
            count = int.from_bytes(self._file.read(8), "little")
            kind = kinds[key].dtype
            size = count * (kind.itemsize if kind else 1)
            found[key] = (place + 8, size)
            place += 8 + size
            if place > end:
                raise RuntimeError(f"the file ends before storage {key!r} does")
        return found

    def array(self, key: str) -> np.ndarray:
        """The bytes of a storage."""
        if key not in self._places:
            raise RuntimeError(f"the file holds no storage {key!r}")
        return read_at(self._file, *self._places[key])


def _key_and_kind(persistent_id: Any) -> tuple[str, StorageKind]:
    _, kind, key, _, _, view = persistent_id
    if view is not None or not isinstance(kind, StorageKind):
        raise RuntimeError(f"a storage that shows a part of another, or of unknown kind: {key!r}")
    return key, kind


def _no_storage(_: Any) -> Any:
    raise pickle.UnpicklingError("a storage before the object")
