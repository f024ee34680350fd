"""What a worker process does: it takes tasks from its socket and sends batches.

It starts no JAX device unless the dataset or `collate_fn` uses Tensors: `default_collate` and
`default_convert` work on arrays here, which become Tensors when they arrive. A worker ends when its
socket is closed at the other end, so also when the main process is killed. Read server.py next.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...._core.device import before_start, use_cpu_only
from ...._core.generator import manual_seed
from ...._core.program import host
from ...._core.tensor import Tensor, cell_of
from ....functions._data import to_array
from .collate import (
    check_arrays,
    collate,
    collate_str_fn,
    convert,
    default_collate,
    default_convert,
)
from .fetch import Plan
from .iterate import resumed_fetcher
from .progress import state_of
from .transport import Blocks, HostTensor, Message, receive


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` gives in a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


class Task(NamedTuple):
    """Which batch is asked for. done: the blocks that come back."""

    number: int
    index: Any
    done: list[int]


class Orders(NamedTuple):
    """What all workers of a loader are told first."""

    plan: Plan
    base_seed: int
    initialise: Callable[[int], None] | None
    workers: int


class Place(NamedTuple):
    """What a worker is told of itself then. yielded, state: where its dataset goes on."""

    id: int
    yielded: int
    state: Any


class Restart(NamedTuple):
    """A new epoch for a worker that stays."""

    yielded: int
    state: Any


class Batch(NamedTuple):
    """What a task has given, and the dataset's state after it."""

    number: int
    value: Any
    state: Any


class Imported(NamedTuple):
    """The modules that a worker has imported up to its first answer."""

    modules: list[str]


class Stopped(NamedTuple):
    """A dataset that streams has no more for this task."""

    number: int


class Failed(NamedTuple):
    """A task has raised."""

    number: int
    kind: type[BaseException]
    message: str

    def reraise(self) -> NoReturn:
        """Raise the exception here, with the traceback of there in its message."""
        message: Any = self.message
        if self.kind is KeyError:
            message = _Readable(message)
        try:
            error = self.kind(message)
        except Exception:
            # Its class can't be made from a message alone.
            error = RuntimeError(message)
        raise error


class _Readable(str):
    """Text that KeyError shows line by line."""

    def __repr__(self) -> str:
        return str(self)


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker: its id, num_workers, seed and copy of the dataset. None in the main process.

    See torch.utils.data.get_worker_info.
    """
    return _info


def work(connection: socket.socket) -> None:
    """The life of a worker. It tells its process id, gets its orders and then tasks."""
    # Ctrl-C is for the main process, which closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_cpu_only()
    before_start.clear()
    try:
        Message(os.getpid()).send(connection)
        _serve(connection)
    except OSError:
        pass  # the main process is gone
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _serve(connection: socket.socket) -> None:
    known = set(sys.modules)
    try:
        worker = _Worker(receive(connection), receive(connection))
    except EOFError:
        return
    except Exception as error:
        worker = _Broken(error)
    # The socket is read all the time: who sends a long task never waits for one who sends a batch.
    inbox: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, inbox), daemon=True).start()
    while (task := inbox.get()) is not None:
        if isinstance(task, Restart):
            worker.restart(task)
        else:
            worker.message_for(task).send(connection)
            if known:
                Message(Imported([m for m in sys.modules if m not in known])).send(connection)
                known.clear()


def _read(connection: socket.socket, inbox: queue.SimpleQueue) -> None:
    try:
        while True:
            inbox.put(receive(connection))
    except (EOFError, OSError):
        inbox.put(None)


class _Worker:
    """Makes batches as its orders say."""

    def __init__(self, orders: Orders, place: Place) -> None:
        global _info
        self.id = place.id
        self.blocks = Blocks()
        seed = orders.base_seed + self.id
        random.seed(seed)
        manual_seed(seed)
        # PyTorch mixes NumPy's seed as SeedSequence does.
        low, high = orders.base_seed & 0xFFFFFFFF, orders.base_seed >> 32
        np.random.seed(np.random.SeedSequence([self.id, low, high, 0]).generate_state(4))
        _info = WorkerInfo(self.id, orders.workers, seed, orders.plan.dataset)
        self.plan = self._on_arrays(orders.plan)
        self.failure: Exception | None = None
        try:
            if orders.initialise is not None:
                orders.initialise(self.id)
        except Exception as error:
            self.failure = error
        else:
            self.restart(Restart(place.yielded, place.state))

    def restart(self, start: Restart) -> None:
        """Begin with the dataset, or go on in it."""
        self.ended = False
        if self.failure is None:
            try:
                self.fetcher = resumed_fetcher(self.plan, self._rows_at, start.yielded, start.state)
            except Exception as error:
                self.failure = error

    def message_for(self, task: Task) -> Message:
        """The answer to a task, whatever happens."""
        self.blocks.take_back(task.done)
        try:
            return Message(self._answer(task), self.blocks)
        except Exception as error:
            self.blocks.give([])
            return Message(_failed(task.number, error, self.id))

    def _answer(self, task: Task) -> Any:
        if self.failure is not None:
            raise self.failure
        if self.ended:
            return Stopped(task.number)
        try:
            value = self.fetcher.fetch(task.index)
        except StopIteration:
            if not self.plan.iterable:
                raise
            self.ended = True
            return Stopped(task.number)
        return Batch(task.number, value, state_of(self.plan.dataset))

    def _on_arrays(self, plan: Plan) -> Plan:
        """The plan with collation that makes arrays which become Tensors on arrival."""
        if plan.collate is default_collate:
            return plan._replace(collate=partial(collate, collate_fn_map=self._table()))
        if plan.collate is default_convert:
            return plan._replace(collate=partial(convert, to_tensor=_to_host))
        return plan

    def _table(self) -> dict:
        return {
            Tensor: lambda batch, **_: self._stacked([host(cell_of(tensor)) for tensor in batch]),
            np.ndarray: lambda batch, **_: self._stacked(batch),
            (np.bool_, np.number, np.object_): lambda batch, **_: _to_host(np.asarray(batch)),
            float: lambda batch, **_: HostTensor(np.asarray(batch, np.float64)),
            int: lambda batch, **_: _to_host(list(batch)),
            str: collate_str_fn,
            bytes: collate_str_fn,
        }

    def _stacked(self, arrays: Sequence[np.ndarray]) -> HostTensor:
        first = check_arrays(arrays)[0]
        dtype = np.result_type(*{array.dtype for array in arrays})
        together = self.blocks.empty((len(arrays), *first.shape), dtype)
        return HostTensor(np.stack(arrays, out=together))

    def _rows_at(self, tensor: Tensor, indices: list) -> HostTensor:
        rows = host(cell_of(tensor))
        together = self.blocks.empty((len(indices), *rows.shape[1:]), rows.dtype)
        return HostTensor(np.take(rows, indices, 0, together))


class _Broken:
    """Stands for a worker whose orders couldn't be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def restart(self, start: Restart) -> None:
        """Nothing starts."""

    def message_for(self, task: Task) -> Message:
        """The reason, for every task."""
        return Message(_failed(task.number, self.error, None))


def _to_host(data: Any) -> HostTensor:
    return HostTensor(to_array(data, None))


def _failed(number: int, error: Exception, worker: int | None) -> Failed:
    where = "in a DataLoader worker process"
    if worker is not None:
        where = f"in DataLoader worker process {worker}"
    text = "".join(traceback.format_exception(error))
    return Failed(number, type(error), f"Caught {type(error).__name__} {where}.\nOriginal {text}")
