"""The pass over a loader whose batches are made by worker processes.

Tasks go to the workers in turn, `prefetch_factor` of them to each; batches are handed out in the
order of the tasks. When one is handed out and the next one has arrived already, that is made into
Tensors, too: it is on its way to the device while the step runs. The workers end with the iterator.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import weakref
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from ...._core.device import default_device
from . import server
from .iterate import Iteration
from .progress import Progress
from .transport import Held, Message, receive
from .worker import Failed, Imported, Orders, Place, Restart, Stopped, Task, work

if TYPE_CHECKING:
    from ..dataloader import DataLoader

# How long a worker may take to end by itself, in seconds: PyTorch's number.
PATIENCE = 5.0
_NOTHING = object()


class Worker:
    """A worker process, seen from here.

    tasks: how many answers it owes; active: it can be asked for more
    """

    def __init__(self, context: Any) -> None:
        self.owner = os.getpid()
        self.socket, other = socket.socketpair()
        self.pid: int | None = None
        self.active = True
        self.tasks = 0
        self.held = Held()
        self.process: Any = None
        with other:
            if context is None:
                server.start(other)
            else:
                self.process = context.Process(target=work, args=(other,), daemon=True)
                self.process.start()


class FromWorkers(Iteration):
    """Hands out the batches that workers make."""

    _has_workers = True

    def __init__(self, loader: DataLoader) -> None:
        if loader.prefetch_factor == 0:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        self._most = loader.prefetch_factor * loader.num_workers  # type: ignore[operator]
        self._in_order = loader.in_order
        self._timeout = loader.timeout
        self._persistent = loader.persistent_workers
        context = loader.multiprocessing_context
        if context is not None and context.get_start_method() == "fork":
            context = None
        self._workers: list[Worker] = []
        self.close = weakref.finalize(self, end, self._workers)
        # When the interpreter ends, the server ends its workers without waiting.
        self.close.atexit = False
        self._orders_given = False
        self._context = context
        super().__init__(loader, loader.num_workers)

    def restart(self, loader: DataLoader) -> None:
        """Begin a new epoch with the same workers."""
        # What is still on its way belongs to the epoch before.
        for worker in self._workers:
            while worker.tasks:
                self._receive([worker])
        self._begin(loader, first=False)

    def _start(self, loader: DataLoader, progress: Progress) -> None:
        self._tasks: dict[int, Worker] = {}
        self._arrived: dict[int, Any] = {}
        self._sent = 0
        self._turn = progress.turn
        try:
            if self._orders_given:
                for worker, place in zip(self._workers, progress.sources, strict=True):
                    worker.active = True
                    Message(Restart(*place)).send(worker.socket)
            else:
                self._give_orders(loader, progress)
            for _ in range(self._most):
                self._send_task()
            # What the batches will need starts while the workers make the first ones.
            default_device()
        except BaseException:
            self.close()
            raise

    def _give_orders(self, loader: DataLoader, progress: Progress) -> None:
        self._orders_given = True
        orders = Orders(self._loader_plan, self._base_seed, loader.worker_init_fn, self._sources)
        self._workers.extend(Worker(self._context) for _ in range(self._sources))
        _message_of(orders).send(*(worker.socket for worker in self._workers))
        for number, worker in enumerate(self._workers):
            Message(Place(number, *progress.sources[number])).send(worker.socket)

    def _next_batch(self) -> tuple[Any, int, Any]:
        answer: Any
        try:
            answer, worker = self._next_answer()
        except (KeyboardInterrupt, SystemExit):
            # A message may have been left half read, and nobody wants to wait now.
            self._tasks.clear()
            end(self._workers, patience=0)
            self.close()
            raise
        if isinstance(answer, Failed):
            answer.reraise()
        if isinstance(answer, _Gone):
            raise RuntimeError(f"DataLoader worker (pid(s) {worker.pid}) exited unexpectedly")
        return answer.value, self._workers.index(worker), answer.state

    def _next_answer(self) -> tuple[Any, Worker]:
        while self._tasks:
            number = next(iter(self._tasks if self._in_order else self._arrived), None)
            if number in self._arrived:
                answer = self._arrived.pop(number)
                worker = self._tasks.pop(number)
                self._send_task()
                self._look_ahead()
                return answer, worker
            first = [] if number is None else [self._tasks[number]]
            if not self._receive(first or list(self._tasks.values()), self._timeout or None):
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        if not self._persistent:
            self.close()
        raise StopIteration

    def _look_ahead(self) -> None:
        """Receive the next batch, if it is there: its arrays go to the device now."""
        number = next(iter(self._tasks), None)
        if number is not None and number not in self._arrived:
            self._receive([self._tasks[number]], 0)

    def _send_task(self) -> None:
        """Ask the worker whose turn it is for one more batch, if there are more."""
        index = next(self._indices, _NOTHING)
        worker = self._next_worker()
        if index is _NOTHING or worker is None:
            return
        self._tasks[self._sent] = worker
        worker.tasks += 1
        # That a worker is gone is noticed when its answer is waited for.
        with contextlib.suppress(OSError):
            Message(Task(self._sent, index, worker.held.take_done())).send(worker.socket)
        self._sent += 1

    def _next_worker(self) -> Worker | None:
        active = sum(worker.active for worker in self._workers)
        for _ in self._workers:
            worker = self._workers[self._turn]
            self._turn = (self._turn + 1) % len(self._workers)
            if worker.active and (self._in_order or worker.tasks < self._most // active):
                return worker
        return None

    def _receive(self, workers: Sequence[Worker], timeout: float | None = None) -> bool:
        """Take what one of the workers sends next. False if none does in time."""
        by_socket = {worker.socket: worker for worker in workers}
        ready: Any = wait(list(by_socket), timeout)
        if not ready:
            return False
        worker = by_socket[ready[0]]
        try:
            answer = receive(worker.socket, worker.held)
        except (EOFError, OSError):
            self._retire(worker, _Gone())
            return True
        if isinstance(answer, int):
            worker.pid = answer
        elif isinstance(answer, Imported):
            server.import_next_time(answer.modules)
        else:
            worker.tasks -= 1
            if isinstance(answer, Stopped):
                self._retire(worker, None)
            else:
                self._arrived[answer.number] = answer
        return True

    def _retire(self, worker: Worker, answer: _Gone | None) -> None:
        """Ask a worker no more. If it is gone, this is the answer to its next task."""
        was_active, worker.active = worker.active, False
        open_tasks = [n for n, w in self._tasks.items() if w is worker and n not in self._arrived]
        if answer is not None:
            worker.tasks = 0
            self._arrived.update(dict.fromkeys(open_tasks[:1], answer))
            del open_tasks[:1]
        for number in open_tasks:
            del self._tasks[number]
            if was_active:
                self._send_task()


class _Gone:
    """Stands for the answer of a worker that has ended."""


def _message_of(orders: Orders) -> Message:
    """What the workers are told. What can't be pickled raises as pickle does, with a note."""
    try:
        return Message(orders)
    except Exception as error:
        error.add_note(
            "DataLoader pickles the dataset, collate_fn and worker_init_fn for its worker "
            "processes (functions and classes of the main script by value): what can't be pickled, "
            "such as an open file or a lock, is better opened in the worker."
        )
        raise


def end(workers: Sequence[Worker], patience: float | None = None) -> None:
    """Have the workers finish what they are at and end; after PATIENCE they are killed."""
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    own = [worker for worker in workers if worker.owner == os.getpid()]
    for worker in own:
        with contextlib.suppress(OSError):
            worker.socket.shutdown(socket.SHUT_WR)
    for worker in own:
        try:
            worker.socket.settimeout(max(deadline - time.monotonic(), 0.01))
            while worker.socket.recv(1 << 16):
                pass
        except TimeoutError:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)
        except OSError:
            pass  # it is gone
        worker.socket.close()
        if worker.process is not None:
            worker.process.join()
