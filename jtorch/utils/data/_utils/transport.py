"""Values on their way between processes: pickles through a socket, large arrays in shared memory.

A large array lies in a block: a memory file without a name, passed as a descriptor with the first
message that uses it. So nothing is left behind, however a process ends, and `/dev/shm` is not
needed. The receiver maps a block and copies nothing. When nobody there looks at it any more, its
number goes back, and the sender uses it again: new memory costs ten times as much as copying to
memory that was used before (for a batch of 19 MB, 20 to 30 ms against 2). Read worker.py next.
"""

from __future__ import annotations

import functools
import io
import math
import mmap
import os
import pickle
import socket
import struct
import tempfile
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ...._core.foreign import adopt
from ...._core.program import host
from ...._core.tensor import Tensor, cell_of

# How many bytes are copied through the socket as quickly as they are mapped.
LARGE = 1 << 15
# How many blocks of one worker may be held: each costs a file descriptor. Beyond that, arrays are
# copied out of them.
MOST_HELD = 16
# How many descriptors a message carries; Linux takes 253.
_MOST_FILES = 128
_HEAD = struct.Struct("<I")
# For each buffer: the number of its block, or -1, its bytes, and the block's size if it is new.
_ROW = struct.Struct("<qQQ")
_INLINE = -1


class Blocks:
    """The blocks of a sender. They belong to the message that is made now, to a receiver, or are
    free."""

    def __init__(self) -> None:
        self.maps: list[mmap.mmap] = []
        self.files: dict[int, int] = {}  # of those that no receiver knows yet
        self.at: dict[int, int] = {}  # by address
        self.taken: list[int] = []
        self.free: list[int] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A new array, in a block where it is large."""
        count = math.prod(shape)
        if count * dtype.itemsize < LARGE or dtype.hasobject or len(self.taken) == _MOST_FILES:
            return np.empty(shape, dtype)
        memory = self.maps[self._take(count * dtype.itemsize)]
        return np.frombuffer(memory, dtype, count).reshape(shape)

    def block_of(self, buffer: memoryview) -> int:
        """The block with the bytes of a buffer; they are copied if they lie elsewhere."""
        number = self.at.get(_address(buffer))
        if number is None and buffer.nbytes >= LARGE and len(self.taken) < _MOST_FILES:
            number = self._take(buffer.nbytes)
            memoryview(self.maps[number])[: buffer.nbytes] = buffer
        return _INLINE if number is None else number

    def give(self, numbers: list[int]) -> None:
        """These were sent; what else was taken is free again."""
        self.free += [number for number in self.taken if number not in numbers]
        self.taken = []
        for number in numbers:
            file = self.files.pop(number, None)
            if file is not None:
                os.close(file)

    def take_back(self, numbers: list[int]) -> None:
        """A receiver has done with these."""
        self.free += numbers

    def _take(self, count: int) -> int:
        # The smallest that is large enough, unless it would waste more than it holds.
        fitting = [n for n in self.free if count <= len(self.maps[n]) <= 2 * count]
        if fitting:
            number = min(fitting, key=lambda n: len(self.maps[n]))
            self.free.remove(number)
        else:
            number = len(self.maps)
            file = _memory_file()
            os.ftruncate(file, count)
            self.files[number] = file
            self.maps.append(mmap.mmap(file, count))
            self.at[_address(self.maps[number])] = number
        self.taken.append(number)
        return number


class Held:
    """The blocks of one sender, seen from a receiver.

    private: nobody else sees what is written to them; otherwise they go back
    done: the numbers of those that nobody looks at any more
    """

    def __init__(self, private: bool = False) -> None:
        self.access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        self.most = math.inf if private else MOST_HELD
        self.maps: dict[int, mmap.mmap] = {}
        self.out: set[int] = set()
        self.done: deque[int] = deque()

    def map(self, number: int, file: int, size: int) -> None:
        """Get to know a block."""
        self.maps[number] = mmap.mmap(file, size, access=self.access)

    def part(self, number: int, count: int) -> np.ndarray:
        """The first bytes of a block, which is done with when the array is gone."""
        array = np.frombuffer(self.maps[number], np.uint8, count)
        if len(self.out) >= self.most:
            self.done.append(number)
            return array.copy()
        self.out.add(number)
        # This may run in any thread and at any time.
        weakref.finalize(array, self._release, number).atexit = False
        return array

    def take_done(self) -> list[int]:
        """The numbers to send back."""
        return [self.done.popleft() for _ in range(len(self.done))]

    def _release(self, number: int) -> None:
        self.out.discard(number)
        self.done.append(number)


class HostTensor:
    """An array that arrives as a Tensor. What makes it needs no device."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple:
        return _arrived, (self.array,)


class Message:
    """A value ready to be sent, to one receiver or to several that keep its blocks."""

    def __init__(self, value: Any, blocks: Blocks | None = None) -> None:
        self.blocks = Blocks() if blocks is None else blocks
        large: list[Any] = []
        small: list[Any] = []
        stream = io.BytesIO()
        order: list[tuple[int, int]] = []  # block and bytes of each buffer

        def place(made: pickle.PickleBuffer) -> None:
            buffer = made.raw()
            number = self.blocks.block_of(buffer)
            order.append((number, buffer.nbytes))
            (small if number == _INLINE else large).append(buffer)

        # A class or function of `__main__`, or of another function, travels by its value.
        _dump(value, stream, place)
        order.append((_INLINE, stream.tell()))
        rest = b"".join([*small, stream.getbuffer()])
        # All that is small is one buffer, which may be large.
        order.insert(0, (self.blocks.block_of(memoryview(rest)), len(rest)))
        self.numbers = [n for n in dict.fromkeys(n for n, _ in order) if n != _INLINE]
        new = [number for number in self.numbers if number in self.blocks.files]
        self.files = [self.blocks.files[number] for number in new]
        sizes = {number: len(self.blocks.maps[number]) for number in new}
        table = b"".join(_ROW.pack(n, count, sizes.pop(n, 0)) for n, count in order)
        self.data = _HEAD.pack(len(table)) + table
        if order[0][0] == _INLINE:
            self.data += rest

    def send(self, *to: socket.socket) -> None:
        """Send it. OSError if a receiver is gone."""
        try:
            for receiver in to:
                sent = _send_start(receiver, self.data, self.files)
                receiver.sendall(memoryview(self.data)[sent:])
        finally:
            self.blocks.give(self.numbers)


def receive(source: socket.socket, held: Held | None = None) -> Any:
    """The next value. EOFError if the sender is gone.

    held: where the sender's blocks are known and go back from; without it they are this receiver's.
    """
    head, files, _, _ = socket.recv_fds(source, _HEAD.size, _MOST_FILES, socket.MSG_WAITALL)
    held = Held(private=True) if held is None else held
    try:
        if len(head) < _HEAD.size:
            raise EOFError("the sender is gone")
        rows = list(_ROW.iter_unpack(exactly(source, *_HEAD.unpack(head))))
        new = [(number, size) for number, _, size in rows if size]
        for (number, size), file in zip(new, files, strict=True):
            held.map(number, file, size)
    finally:
        for file in files:
            os.close(file)
    number, count, _ = rows[0]
    inline = number == _INLINE
    found: Any = exactly(source, count) if inline else held.part(number, count)
    rest = memoryview(found)
    parts: list[Any] = []
    for number, count, _ in rows[1:]:
        if number == _INLINE:
            parts.append(rest[:count])
            rest = rest[count:]
        else:
            parts.append(held.part(number, count))
    return pickle.loads(parts.pop(), buffers=parts)


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


@functools.cache
def _pickler() -> Any:
    """The class that writes messages: a Tensor as the array of its values. With cloudpickle, if it
    is installed, local functions and classes and those of the main script travel, too."""
    base: Any
    try:
        from cloudpickle import Pickler as base
    except ImportError:
        base = pickle.Pickler
    other = getattr(base, "reducer_override", lambda pickler, obj: NotImplemented)

    class Pickler(base):
        def reducer_override(self, obj: Any) -> Any:
            if type(obj) is Tensor and not obj.requires_grad:
                return _arrived, (np.asarray(host(cell_of(obj))),)
            return other(self, obj)

    return Pickler


def _dump(value: Any, stream: io.BytesIO, place: Callable[[pickle.PickleBuffer], None]) -> None:
    try:
        _pickler()(stream, 5, buffer_callback=place).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        if _pickler().__base__ is pickle.Pickler:
            error.add_note(
                "To send local functions and classes to workers: pip install cloudpickle"
            )
        raise


def _arrived(array: np.ndarray) -> Tensor:
    return adopt(array, None)


def _send_start(to: socket.socket, data: bytes, files: list[int]) -> int:
    return socket.send_fds(to, [data], files) if files else to.send(data)


def _address(buffer: Any) -> int:
    return np.frombuffer(buffer, np.uint8).ctypes.data if len(buffer) else 0


def _memory_file() -> int:
    """A new file in memory, without a name."""
    make: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if make is not None:
        return make("jtorch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
