"""Checkpoints: a run that was killed goes on as if it had not been, and no moment to kill it leaves
a checkpoint behind that is not whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import jtorch
from jtorch.io import Checkpoints

# Trains to step 24 and writes a line a step; started again, it goes on from its last checkpoint.
TRAINING = textwrap.dedent("""
    import json, random, sys
    import numpy as np
    import jtorch
    from jtorch import nn
    from jtorch.io import Checkpoints

    jtorch.manual_seed(0), np.random.seed(0), random.seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 1))
    optimizer = jtorch.optim.Adam(model.parameters(), lr=0.05)
    scheduler = jtorch.optim.lr_scheduler.StepLR(optimizer, 5)
    best = {"loss": float("inf")}
    parts = dict(model=model, optimizer=optimizer, scheduler=scheduler, best=best)
    checkpoints = Checkpoints(sys.argv[1], keep=2)
    for step in range(checkpoints.restore(**parts), 24):
        x = jtorch.randn(32, 8) + random.random() + np.random.rand()
        loss = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        best["loss"] = min(best["loss"], loss.item())
        print(json.dumps([step, loss.item(), best["loss"]]), flush=True)
        if step % 2:
            checkpoints.save(step + 1, **parts)
""")


def losses(lines: str) -> dict[int, list[float]]:
    """What a run printed; a step that was repeated must have given the same again."""
    found: dict[int, list[float]] = {}
    for line in lines.splitlines():
        step, *values = json.loads(line)
        assert found.setdefault(step, values) == values
    return found


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(folder)], stdout=subprocess.PIPE, text=True
    )


def killed_runs(folder: Path, kills: int, chance: random.Random) -> str:
    """The lines of a run that is killed so many times, each after a random number of lines."""
    lines = []
    for _ in range(kills):
        run = start(folder)
        assert run.stdout is not None
        for _ in range(chance.randrange(1, 8)):
            lines.append(run.stdout.readline())
        time.sleep(chance.random() * 0.01)
        run.send_signal(signal.SIGKILL)
        lines += [line for line in run.stdout.read().splitlines(True) if line.endswith("]\n")]
        run.communicate()
    lines.append(start(folder).communicate()[0])
    return "".join(lines)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """JTORCH_KILLS says how often it is killed, for a longer test."""
    expected = losses(start(tmp_path / "whole").communicate()[0])
    assert len(expected) == 24
    kills = int(os.environ.get("JTORCH_KILLS", "2"))
    done = 0
    while done < kills:
        found = killed_runs(tmp_path / str(done), min(kills - done, 4), random.Random(done))
        assert losses(found) == expected
        done += 4
    assert Checkpoints(tmp_path / "0").steps() == [22, 24]


# Saves larger and smaller states in turn, as fast as it can, and says so.
SAVING = textwrap.dedent("""
    import itertools, os, sys
    from jtorch.io import Checkpoints

    # A process of its own for each kill, forked before JAX has started any thread.
    for _ in range(int(sys.argv[2])):
        child = os.fork()
        if child == 0:
            checkpoints = Checkpoints(sys.argv[1], keep=2)
            state = {}
            first = checkpoints.restore(state=state)
            assert not state or len(set(state["data"])) == 1, "torn"
            assert not state or len(state["data"]) == 1000 + first % 7 * 100000, "torn"
            print("ready", child, os.getpid(), flush=True)
            for step in itertools.count(first + 1):
                data = bytes([step % 251]) * (1000 + step % 7 * 100000)
                checkpoints.save(step, state={"data": data})
        sys.stdin.readline()
        os.kill(child, 9)
        print("status", os.waitpid(child, 0)[1], flush=True)
""")


def test_no_moment_tears_a_checkpoint(tmp_path: Path) -> None:
    """200 kills, each after up to 30 ms of saving; the next process finds a whole checkpoint."""
    command = [sys.executable, "-c", SAVING, str(tmp_path), "200"]
    pipe = subprocess.PIPE
    chance = random.Random(0)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        for _ in range(200):
            assert run.stdout.readline().startswith("ready")
            time.sleep(chance.random() * 0.03)
            run.stdin.write("kill\n")
            run.stdin.flush()
            assert run.stdout.readline() == f"status {int(signal.SIGKILL)}\n"
    assert run.returncode == 0
    assert len(Checkpoints(tmp_path).steps()) >= 2
    last = Checkpoints(tmp_path, keep=1).save(10**6, state={})
    assert os.listdir(tmp_path) == [last.name]  # a save clears away what killed ones left


def parts(lib: Any = jtorch) -> dict[str, Any]:
    lib.manual_seed(0)
    model = lib.nn.Linear(3, 2)
    return {"model": model, "optimizer": lib.optim.SGD(model.parameters(), 0.1, momentum=0.9)}


def test_keep_and_restore(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "new", keep=2)
    assert checkpoints.restore(**parts()) == 0
    assert checkpoints.steps() == []
    notes = {"name": "a"}
    for step in (1, 2, 10):
        notes["step"] = step
        assert checkpoints.save(step, **parts(), notes=notes) == checkpoints.path(step)
    assert checkpoints.steps() == [2, 10]
    notes["more"] = 1
    assert checkpoints.restore(notes=notes) == 10
    assert notes == {"name": "a", "step": 10}
    assert checkpoints.restore(2, notes=notes) == 2
    assert notes["step"] == 2
    Checkpoints(tmp_path / "new", keep=None).save(11)
    assert checkpoints.steps() == [2, 10, 11]


def test_random_numbers_go_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)

    def draw() -> tuple:
        numbers = np.random.randn(3).tolist(), [random.random() for _ in range(3)]
        return jtorch.randn(5).tolist(), jtorch.randperm(9).tolist(), *numbers

    jtorch.randn(3)
    checkpoints.save(1)
    expected = draw()
    assert draw() != expected
    checkpoints.restore()
    assert draw() == expected


def test_pytorch_reads_them(tmp_path: Path) -> None:
    mine = parts()
    path = Checkpoints(tmp_path).save(5, **mine)
    found = torch.load(path)
    model = torch.nn.Linear(3, 2)
    model.load_state_dict(found["parts"]["model"])
    assert model.weight.tolist() == mine["model"].weight.tolist()
    torch.set_rng_state(found["random"]["jtorch"])


def test_errors(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(ValueError, match="at least 1"):
        Checkpoints(tmp_path, keep=0)
    with pytest.raises(TypeError, match="no state_dict"):
        checkpoints.save(1, epoch=3)
    assert checkpoints.steps() == []
    checkpoints.save(1, **parts())
    with pytest.raises(KeyError, match="scheduler"):
        checkpoints.restore(scheduler={})
    with pytest.raises(FileNotFoundError):
        checkpoints.restore(7)
