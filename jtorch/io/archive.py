"""The zip archive of a .pt file: records that lie uncompressed, one behind the other.

A record's bytes are read straight from their place in the file, so that a storage goes into its
array without a detour, or is mapped. What a hostile archive can claim is checked here: all records
lie inside the file, none is compressed and no two overlap, so nothing is larger than the file.
Read names.py next.
"""

from __future__ import annotations

import mmap
import os
import struct
import zipfile
import zlib
from typing import IO, Any

import numpy as np

ALIGNMENT = 64  # of the records, and of the arrays that JAX takes without a copy on the CPU
# From this size on NumPy asks Linux for huge pages, which it may have to make room for first: 1 GB
# took 1.1 to 2.4 s so, and 0.7 s in ordinary pages.
PAGES = 2**22
_PRIVATE: dict[str, int] = {} if os.name == "nt" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANON}
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_PADDING = struct.Struct("<HH")
_ZIP64_EXTRA = 20
_BROKEN = "the file is not a complete .pt archive: "


def is_archive(file: IO[bytes]) -> bool:
    """Whether a file at its present place begins as a zip archive."""
    start = file.tell()
    found = file.read(4)
    file.seek(start)
    return found == b"PK\x03\x04"


def read_at(file: IO[bytes], start: int, size: int) -> np.ndarray:
    """Bytes of a file, in memory that begins at a multiple of ALIGNMENT. EOFError if the file ends
    before."""
    found = _aligned(size)
    file.seek(start)
    view, done = found.data, 0
    readinto = getattr(file, "readinto", None)
    while done < size:
        if readinto is not None:
            count = readinto(view[done:])
        else:
            part = file.read(size - done)
            count = len(part)
            view[done : done + count] = part
        if not count:
            raise EOFError(f"the file ends {size - done} bytes before a storage does")
        done += count
    return found


def _aligned(size: int) -> np.ndarray:
    """Memory that begins at a multiple of ALIGNMENT."""
    if size >= PAGES:
        return np.frombuffer(mmap.mmap(-1, size, **_PRIVATE), np.uint8)
    wide = np.empty(size + ALIGNMENT, np.uint8)
    begin = -wide.ctypes.data % ALIGNMENT
    return wide[begin : begin + size]


class Archive:
    """A .pt archive to be read. RuntimeError if it is damaged.

    mapped: the records are parts of the mapped file, private to this process, and read from the
    disk when they are used.
    """

    def __init__(self, file: IO[bytes], mapped: bool = False) -> None:
        self.file = file
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError) as e:
            raise RuntimeError(_BROKEN + str(e)) from None
        self._size = file.seek(0, os.SEEK_END)
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if mapped else None
        if not entries:
            raise RuntimeError(f"{_BROKEN}it holds no records")
        top = entries[0].filename.partition("/")[0] + "/"
        self._places = {e.filename.removeprefix(top): self._place(e) for e in entries}
        end = 0
        for start, size in sorted(self._places.values()):
            if start < end:
                raise RuntimeError(f"{_BROKEN}two records overlap at byte {start}")
            end = start + size

    def _place(self, entry: zipfile.ZipInfo) -> tuple[int, int]:
        """Where the bytes of a record begin, and how many they are."""
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise RuntimeError(f"{_BROKEN}record {entry.filename!r} is compressed")
        self.file.seek(max(entry.header_offset, 0))
        header = self.file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size:
            raise RuntimeError(f"{_BROKEN}record {entry.filename!r} begins beyond its end")
        magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        if (
            magic != b"PK\x03\x04"
            or entry.header_offset < 0
            or start + entry.file_size > self._size
        ):
            raise RuntimeError(f"{_BROKEN}record {entry.filename!r} lies outside of it")
        return start, entry.file_size

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def read(self, name: str) -> bytes:
        """A record. RuntimeError if there is none of that name."""
        return self.array(name).tobytes()

    def array(self, name: str) -> np.ndarray:
        """The bytes of a record, at a multiple of ALIGNMENT where PyTorch wrote the file."""
        if name not in self._places:
            raise RuntimeError(f"{_BROKEN}it holds no record {name!r}")
        start, size = self._places[name]
        if self._map is not None:
            return np.frombuffer(self._map, np.uint8, size, start)
        return read_at(self.file, start, size)


class Writer:
    """A .pt archive to be written; the bytes of each record begin at a multiple of ALIGNMENT."""

    def __init__(self, file: Any, top: str) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._file: Any = self._zip.fp
        self._top = top
        self.checksum = 0  # of all records, for the identity that PyTorch writes last

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Append a record."""
        entry = zipfile.ZipInfo(f"{self._top}/{name}")
        entry.file_size = len(data)
        ahead = self._file.tell() + _LOCAL_HEADER.size + len(entry.filename.encode())
        if entry.file_size * 1.05 > zipfile.ZIP64_LIMIT:
            ahead += _ZIP64_EXTRA
        pad = -(ahead + _PADDING.size) % ALIGNMENT
        entry.extra = _PADDING.pack(0x4246, pad) + b"Z" * pad
        self._zip.writestr(entry, data)
        self.checksum = zlib.crc32(entry.CRC.to_bytes(4, "little"), self.checksum)

    def close(self) -> None:
        """Write the directory of the archive."""
        self._zip.close()
