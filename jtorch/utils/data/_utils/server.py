"""Where workers come from: a process that forks them, because this one must not.

JAX has threads, and a process with threads can't be forked safely. So there is a server: a process
that has imported jtorch, has started no JAX backend and forks on request, which takes as long as
PyTorch's own forks. Where nothing else runs yet, it is a fork of this process: made with the first
loader that has workers, or when JAX is about to start in a program that has imported this package
(2 to 8 ms, and no memory of its own). Later it has to be a new interpreter, which takes more than a
second to be ready. A module that the workers import is imported by the server the next time, once
for all of them.

What a worker needs is sent to it (transport.py): it does not run the main script again, so
that no `if __name__ == "__main__":` is needed. Read pool.py next.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import warnings
from typing import Any, NoReturn

from ...._core.device import backend_started, before_start
from .transport import exactly
from .worker import work

_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop())
from jtorch.utils.data._utils.server import serve_alone
serve_alone(int(sys.argv.pop()))
"""


class Server:
    """The forking process, seen from here."""

    def __init__(self) -> None:
        self.control, other = socket.socketpair()
        self.owner = os.getpid()
        self.process: subprocess.Popen | None = None
        self.pid = 0
        self.modules: set[str] = set()
        with other:
            if _is_quiet():
                self.pid = _fork_server(self.control, other)
            else:
                self.process = _new_interpreter(other)

    def ask(self, request: dict, connection: socket.socket | None = None) -> None:
        """Send a request: a worker that talks through the socket, or else modules to import.

        OSError if the server is gone.
        """
        data = json.dumps(request).encode()
        files = [] if connection is None else [connection.fileno()]
        socket.send_fds(self.control, [len(data).to_bytes(4, "little")], files)
        self.control.sendall(data)

    def close(self) -> None:
        """End the server and with it its workers."""
        self.control.close()
        if self.process is not None:
            self.process.wait()
        elif self.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)


_server: Server | None = None
_lock = threading.Lock()


def prepare() -> Server:
    """The server of this process; it gets ready while this process goes on."""
    global _server
    with _lock:
        if _server is None or _server.owner != os.getpid():
            _server = Server()
        return _server


def _prepare_early() -> None:
    if _server is None and _is_quiet() and os.getpid() == _IMPORTED_BY:
        prepare()


_IMPORTED_BY = os.getpid()
before_start.append(_prepare_early)


def start(connection: socket.socket) -> None:
    """Fork a worker that talks through this socket."""
    global _server
    settings = {
        "path": sys.path,
        "directory": os.getcwd(),
        "arguments": sys.argv,
        "environment": dict(os.environ),
    }
    try:
        prepare().ask(settings, connection)
    except OSError:
        # Somebody has ended the server.
        with _lock:
            _server = None
        prepare().ask(settings, connection)


def import_next_time(modules: list[str]) -> None:
    """Have the server import what a worker had to, so that later ones don't need to."""
    server = prepare()
    new = [name for name in modules if name not in server.modules]
    server.modules.update(new)
    if new:
        with contextlib.suppress(OSError):
            server.ask({"modules": new, "path": sys.path})


@atexit.register
def _close() -> None:
    if _server is not None and _server.owner == os.getpid():
        _server.close()


def _is_quiet() -> bool:
    return not backend_started() and threading.active_count() == 1


def _new_interpreter(control: socket.socket) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(_command(control), pass_fds=[control.fileno()], env=environment)


def _command(control: socket.socket) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, str(control.fileno()), json.dumps(sys.path)]


def _fork_server(control: socket.socket, other: socket.socket) -> int:
    # What is in the buffers would be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python's warning is about all threads; those of the BLAS libraries are made for forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        # What this process holds belongs to the one it was forked from: nothing is finalised here.
        gc.freeze()
        _let_go_of_pipes(other.fileno())
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        serve(other)
    finally:
        os._exit(1)


def _let_go_of_pipes(control: int) -> None:
    """Close inherited pipes and sockets, so that their ends are noticed by others.

    Their numbers stay in use: who still writes to one, writes to nowhere.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in map(int, os.listdir("/dev/fd")):
        if number > 2 and number not in (control, nowhere):
            with contextlib.suppress(OSError):
                mode = os.fstat(number).st_mode
                if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                    os.dup2(nowhere, number, inheritable=False)


def serve_alone(control: int) -> NoReturn:
    """The life of a server that is an interpreter of its own."""
    serve(socket.socket(fileno=control))


def serve(control: socket.socket) -> NoReturn:
    """The life of a server: it forks workers until its socket is closed, then ends them."""
    before_start.clear()  # this process, and its workers, are no places for another one
    workers: set[int] = set()

    def reap(*_: Any) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                workers.discard(ended)

    # Ctrl-C is for the main process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, reap)
    with contextlib.suppress(EOFError, OSError):
        while True:
            request, connection = _next_request(control)
            if connection is None:
                sys.path[:] = request["path"]
                _import(request["modules"], control)
                continue
            pid = os.fork()
            if not pid:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _settle(request)
                work(connection)
            workers.add(pid)
            connection.close()
    for pid in tuple(workers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _next_request(control: socket.socket) -> tuple[dict, socket.socket | None]:
    head, files, _, _ = socket.recv_fds(control, 4, 1)
    if len(head) < 4:
        raise EOFError
    request = json.loads(exactly(control, int.from_bytes(head, "little")))
    return request, socket.socket(fileno=files[0]) if files else None


def _import(modules: list[str], control: socket.socket) -> None:
    """Import modules for the workers to come, unless one of them makes JAX start."""
    for name in modules:
        # A module that can't be imported here will say so in the worker that needs it.
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    if backend_started():
        # Begin anew, with the same socket and without these modules.
        control.set_inheritable(True)
        os.execv(sys.executable, _command(control))


def _settle(settings: dict) -> None:
    """Take over what the main process has changed since the server was made."""
    sys.path[:] = settings["path"]
    sys.argv[:] = settings["arguments"]
    os.environ.update(settings["environment"])
    with contextlib.suppress(OSError):
        os.chdir(settings["directory"])
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    importlib.invalidate_caches()
