"""Values on their way between processes: pickles through a socket, large arrays in shared memory.

What is large lies in one memory file a message. It has no name in the file system and is passed as
a descriptor along with the message, so that nothing is left behind, however a process ends, and
`/dev/shm` is not needed. An array made with `Segment.empty` is there already; other arrays are
copied once. The receiver maps the file: it copies nothing. Read worker.py next.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np

from ...._core.foreign import adopt
from ...._core.program import host
from ...._core.tensor import Tensor, cell_of

# How many bytes are copied through the socket as quickly as they are mapped.
LARGE = 1 << 15
# A mapping begins at a page, which also is what JAX needs to take a buffer without a copy.
_PAGE = mmap.ALLOCATIONGRANULARITY
_HEAD = struct.Struct("<I")
_PLACE = struct.Struct("<qQ")
_INLINE = -1


class Segment:
    """The memory of one message: a file without a name, which grows with what is put there."""

    def __init__(self) -> None:
        self.file = -1
        self.size = 0
        self.places: dict[int, int] = {}

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A new array, in the segment where it is large."""
        count = math.prod(shape)
        if count * dtype.itemsize < LARGE or dtype.hasobject:
            return np.empty(shape, dtype)
        return np.frombuffer(self._grow(count * dtype.itemsize), dtype, count).reshape(shape)

    def place_of(self, buffer: memoryview) -> int:
        """Where the segment has the bytes of a buffer; they are copied if they lie elsewhere."""
        address = np.frombuffer(buffer, np.uint8).ctypes.data
        if address not in self.places:
            memory = self._grow(buffer.nbytes)
            memory[:] = buffer
            address = np.frombuffer(memory, np.uint8).ctypes.data
        return self.places[address]

    def _grow(self, count: int) -> memoryview:
        if self.file < 0:
            self.file = _memory_file()
        start = self.size
        self.size = start + -(-count // _PAGE) * _PAGE
        os.ftruncate(self.file, self.size)
        memory = memoryview(mmap.mmap(self.file, count, offset=start))
        self.places[np.frombuffer(memory, np.uint8).ctypes.data] = start
        return memory

    def close(self) -> None:
        """Forget the file; who has mapped it keeps the memory."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class HostTensor:
    """An array that arrives as a Tensor. What makes it needs no device."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple:
        return _arrived, (self.array,)


class Message:
    """A value ready to be sent, to one receiver or to several."""

    def __init__(self, value: Any, segment: Segment | None = None) -> None:
        self.segment = Segment() if segment is None else segment
        buffers: list[memoryview] = []
        stream = io.BytesIO()
        # A class or function of `__main__`, or of another function, travels by its value.
        _Pickler(stream, 5, buffer_callback=lambda made: buffers.append(made.raw())).dump(value)
        self.table = b""
        self.inline: list[Any] = []
        for buffer in (stream.getbuffer(), *buffers):
            large = buffer.nbytes >= LARGE
            self.table += _PLACE.pack(
                self.segment.place_of(buffer) if large else _INLINE, buffer.nbytes
            )
            if not large:
                self.inline.append(buffer)

    def send(self, *to: socket.socket) -> None:
        """Send it and let go of the memory. OSError if a receiver is gone."""
        try:
            for receiver in to:
                self._send(receiver)
        finally:
            self.segment.close()

    def _send(self, to: socket.socket) -> None:
        files = [self.segment.file] if self.segment.file >= 0 else []
        data = b"".join([_HEAD.pack(len(self.table)), self.table, *self.inline])
        sent = socket.send_fds(to, [data], files) if files else to.send(data)
        if sent < len(data):
            to.sendall(memoryview(data)[sent:])


def receive(source: socket.socket) -> Any:
    """The next value. EOFError if the sender is gone."""
    head, files, _, _ = socket.recv_fds(source, _HEAD.size, 1, socket.MSG_WAITALL)
    try:
        if len(head) < _HEAD.size:
            raise EOFError("the sender is gone")
        table = list(_PLACE.iter_unpack(exactly(source, *_HEAD.unpack(head))))
        memory = None
        if files:
            # A private mapping: who writes to it, copies the page.
            memory = memoryview(mmap.mmap(files[0], 0, access=mmap.ACCESS_COPY))
    finally:
        for file in files:
            os.close(file)
    parts: list[Any] = []
    for start, count in table:
        if start == _INLINE:
            parts.append(exactly(source, count))
        else:
            assert memory is not None
            parts.append(memory[start : start + count])
    return pickle.loads(parts[0], buffers=parts[1:])


class _Pickler(cloudpickle.Pickler):
    """Sends a Tensor as the array of its values."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor and not obj.requires_grad:
            return _arrived, (np.asarray(host(cell_of(obj))),)
        return super().reducer_override(obj)


def _arrived(array: np.ndarray) -> Tensor:
    return adopt(array, None)


def exactly(source: socket.socket, count: int) -> bytearray:
    """The next `count` bytes. EOFError if the sender is gone."""
    data = bytearray(count)
    rest = memoryview(data)
    while rest:
        taken = source.recv_into(rest)
        if not taken:
            raise EOFError("the sender is gone")
        rest = rest[taken:]
    return data


def _memory_file() -> int:
    """A new file in memory, without a name."""
    make: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if make is not None:
        return make("jtorch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
