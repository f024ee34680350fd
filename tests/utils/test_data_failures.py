"""Workers that end: killed, too slow, no longer needed, left behind. No process remains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jtorch.utils.data import DataLoader, Dataset
from jtorch.utils.data._utils import pool

PATIENCE = 20.0


class Slow(Dataset):
    """Samples that are the process ids of workers; one of them does something first."""

    def __init__(self, at: int = -1, then: Any = None, size: int = 100) -> None:
        self.at = at
        self.then = then
        self.size = size

    def __getitem__(self, index: int) -> int:
        if index == self.at:
            self.then()
        return os.getpid()

    def __len__(self) -> int:
        return self.size


def wait_for_the_end_of(workers: set[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, f"still there: {workers}"
        time.sleep(0.01)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_loop_that_breaks() -> None:
    list(DataLoader(Slow(), num_workers=2))  # the server is there
    before = descriptors()
    workers = set()
    for number, worker in enumerate(DataLoader(Slow(), num_workers=2)):
        workers.add(worker.item())
        if number == 3:
            break
    assert len(workers) == 2
    wait_for_the_end_of(workers)
    assert descriptors() == before


@pytest.mark.parametrize("persistent", [False, True])
def test_the_end_of_an_epoch(persistent: bool) -> None:
    loader = DataLoader(Slow(size=6), num_workers=2, persistent_workers=persistent)
    first = {worker.item() for worker in loader}
    if not persistent:
        wait_for_the_end_of(first)
    second = {worker.item() for worker in loader}
    assert (first == second) is persistent
    # An epoch that is left in the middle is no burden for the next one.
    next(iter(loader))
    assert len(list(loader)) == 6
    del loader
    wait_for_the_end_of(first | second)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed() -> None:
    loader = iter(DataLoader(Slow(2, kill), num_workers=2))
    workers = {next(loader).item(), next(loader).item()}
    with pytest.raises(RuntimeError, match="exited unexpectedly") as caught:
        next(loader)
    said = [f"DataLoader worker (pid(s) {worker}) exited unexpectedly" for worker in workers]
    assert str(caught.value) in said
    # The other one goes on.
    assert next(loader).item() in workers
    del loader, caught  # the exception's frames hold the iterator
    wait_for_the_end_of(workers)


def test_a_worker_that_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.1)
    loader = iter(DataLoader(Slow(2, lambda: time.sleep(60)), num_workers=2, timeout=2))
    workers = {next(loader).item(), next(loader).item()}
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 2 seconds"):
        next(loader)
    del loader
    wait_for_the_end_of(workers)


def test_an_exception_in_the_loop() -> None:
    workers = set()
    with pytest.raises(ZeroDivisionError):
        for worker in DataLoader(Slow(), num_workers=2):
            workers.add(worker.item())
            _ = len(workers) // (2 - len(workers))
    wait_for_the_end_of(workers)


PROGRAM = """
import os
import time
import jtorch
from jtorch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    def __getitem__(self, index):
        if index > 4:
            time.sleep(60)
        return os.getpid() * one

    def __len__(self):
        return 100

one = 1
loader = iter(DataLoader(Numbers(), num_workers=2, collate_fn=lambda batch: batch[0]))
print(next(loader), next(loader), flush=True)
for _ in loader:
    pass
"""


def interrupted(main: subprocess.Popen) -> str:
    """What a process says when ctrl-C is pressed until it ends: Python loses one that comes while
    it calls back for an object that is gone."""
    for _ in range(6):
        os.killpg(main.pid, signal.SIGINT)
        try:
            return main.communicate(timeout=PATIENCE / 2)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("it goes on after six interrupts")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_main_process_that_ends(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of the terminal; a kill only the one."""
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    main = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert main.stdout is not None
    workers = set(map(int, main.stdout.readline().split()))
    assert len(workers) == 2
    if number == signal.SIGINT:
        errors = interrupted(main)
    else:
        main.kill()
        errors = main.communicate(timeout=PATIENCE)[1]
    if number == signal.SIGINT:
        assert errors.strip().endswith("KeyboardInterrupt")
        assert errors.count("Traceback") == 1
    wait_for_the_end_of(workers)
