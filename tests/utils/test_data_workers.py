"""DataLoaders with workers against PyTorch with as many: batches, order, random numbers, errors."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jtorch
from jtorch._core.device import backend_started
from jtorch._core.foreign import adopt
from jtorch._core.tensor import cell_of
from jtorch.utils.data import DataLoader, Dataset
from jtorch.utils.data._utils import server
from jtorch.utils.data._utils.transport import MOST_HELD

from .loading import SCENARIOS, run

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")
Pair = namedtuple("Pair", ["array", "text"])


@pytest.fixture(scope="module")
def pytorchs() -> dict[str, Any]:
    """What PyTorch gives, in a process of its own: it forks."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.utils.loading", "torch"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("name", SCENARIOS)
def test_workers_give_what_pytorchs_give(name: str, pytorchs: dict[str, Any]) -> None:
    assert run(jtorch, name) == pytorchs[name]


class Made(Dataset):
    """Samples that a function makes of their indices."""

    def __init__(self, make: Any, size: int = 8) -> None:
        self.make = make
        self.size = size

    def __getitem__(self, index: int) -> Any:
        return self.make(index)

    def __len__(self) -> int:
        return self.size


def test_workers_on_arrays_start_no_device() -> None:
    dataset = Made(lambda index: (np.ones(3, np.float32), index, backend_started()))
    for _, _, started in DataLoader(dataset, batch_size=2, num_workers=2, shuffle=True):
        assert not started.any()


def test_large_arrays_arrive_without_a_copy() -> None:
    addresses = []

    def spy(array: np.ndarray, *arguments: Any) -> Any:
        tensor = adopt(array, *arguments)
        held = cell_of(tensor).array.unsafe_buffer_pointer()
        addresses.append((array.ctypes.data, held))
        return tensor

    loader = DataLoader(Made(lambda i: np.full((100, 100), i)), batch_size=4, num_workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jtorch.utils.data._utils.transport, "adopt", spy)
        batches = list(loader)
    assert [batch[:, 0, 0].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert all(sent == held for sent, held in addresses) and len(addresses) == 2


def test_what_arrives_keeps_its_kind() -> None:
    def make(index: int) -> Any:
        return Pair(np.full(20_000, index), f"text {index}"), jtorch.full((2,), index), {index}

    batches = list(DataLoader(Made(make), batch_size=None, num_workers=2, collate_fn=tuple))
    assert len(batches) == 8
    for index, (pair, tensor, numbers) in enumerate(batches):
        assert type(pair) is Pair and pair.text == f"text {index}" and numbers == {index}
        assert type(pair.array) is np.ndarray and pair.array[-1] == index
        pair.array[0] = 5  # it can be written to
        assert tensor.tolist() == [index, index]


def test_a_large_dataset_is_sent_once() -> None:
    table = np.arange(200_000, dtype=np.float32)

    class Rows(Dataset):
        def __init__(self) -> None:
            self.table = table

        def __getitem__(self, index: int) -> Any:
            return self.table[index * 1000 : index * 1000 + 2]

        def __len__(self) -> int:
            return 200

    batches = list(DataLoader(Rows(), batch_size=50, num_workers=2))
    assert jtorch.cat(batches)[:, 1].tolist() == [index * 1000 + 1 for index in range(200)]


def test_workers_do_not_see_what_others_write() -> None:
    class Rows(Dataset):
        def __init__(self) -> None:
            self.table = np.zeros(100_000)

        def __getitem__(self, index: int) -> Any:
            self.table[0] += 1
            return self.table[0]

        def __len__(self) -> int:
            return 12

    batches = list(DataLoader(Rows(), batch_size=3, num_workers=2))
    assert [batch.tolist() for batch in batches] == [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6]]


def test_memory_is_used_again_but_not_while_it_is_seen() -> None:
    def make(index: int) -> Any:
        return np.full((50, 50 + index % 7), index, np.float64), np.full(9000, -index)

    loader = DataLoader(Made(make, 200), batch_size=None, num_workers=2, persistent_workers=True)
    for _ in range(2):
        kept = [(index, pair) for index, pair in enumerate(loader) if index % 3]
        assert len(kept) > 2 * MOST_HELD
        for index, (first, second) in kept:
            assert (first == index).all() and (second == -index).all()
    iterator = loader._iterator
    assert iterator is not None
    assert all(len(worker.held.maps) <= 2 * MOST_HELD for worker in iterator._workers)


def test_the_next_batch_is_made_before_it_is_asked_for() -> None:
    loader = iter(DataLoader(Made(float), num_workers=1))
    next(loader)
    while not loader._arrived:
        loader._look_ahead()
    (waiting,) = loader._arrived.values()
    assert type(waiting.value) is jtorch.Tensor
    assert next(loader) is waiting.value


@pytest.mark.parametrize(
    ("more", "imports"), [("", 4), ("import jtorch; jtorch.ones(3).sum().item()", 6)]
)
def test_what_workers_import_is_imported_once(
    more: str, imports: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By this process, two workers, and the server: then no more. One that starts JAX in the server
    makes it begin anew, and is left to the workers."""
    name = f"samples_{imports}"
    log = tmp_path / "log"
    (tmp_path / f"{name}.py").write_text(
        f"with open({str(log)!r}, 'a') as log:\n    log.write('imported\\n')\n{more}\n"
        "class Samples(list):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    server.prepare()  # a fork of this process that was made later would know the module
    samples = importlib.import_module(name).Samples([1.0, 2.0, 3.0, 4.0])
    for _ in range(2):
        assert jtorch.cat(list(DataLoader(samples, num_workers=2))).tolist() == samples
    assert len(log.read_text().splitlines()) == imports


# Says whether there is a server, forked from this process, when JAX has started.
EARLY = """
import os, sys, threading
import jtorch
from jtorch.utils.data._utils import server
{before}
assert server._server is None
jtorch.ones(3).sum().item()
made = server._server
print(made is not None and made.process is None)
if made is not None:
    from jtorch.utils.data import DataLoader
    assert [batch.item() for batch in DataLoader(jtorch.arange(2), num_workers=1)] == [0, 1]
    assert server._server is made
    assert os.waitpid(-1, os.WNOHANG) == (0, 0)  # it is the only child, and runs
"""


@pytest.mark.parametrize(
    ("before", "early"),
    [
        ("", True),
        ("import threading; threading.Thread(target=sys.stdin.read, daemon=True).start()", False),
        ("import jax; jax.devices()", False),
        ("pid = os.fork(); pid and sys.exit(os.waitpid(pid, 0)[1])", False),
    ],
)
def test_the_server_is_made_before_jax_starts(before: str, early: bool) -> None:
    """As a fork of this process, if that is quiet, and no fork itself."""
    command = [sys.executable, "-c", EARLY.format(before=before)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{early}\n"
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def test_spawned_workers() -> None:
    for batch in DataLoader([1.0, 2.0], 2, num_workers=1, multiprocessing_context="spawn"):
        assert batch.tolist() == [1.0, 2.0]


def test_what_cannot_be_pickled_says_so() -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match="pickle") as caught:
        iter(DataLoader(Made(lambda index: lock.locked()), num_workers=1))
    assert "DataLoader pickles the dataset" in caught.value.__notes__[0]


def test_more_workers_than_processors() -> None:
    with pytest.warns(UserWarning, match="will create 10000 worker processes"):
        DataLoader([1], num_workers=10_000)
